"""The review of CSRs: one value for each CSR, and what all of them have in common, which the page shows once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ca_service.authority.issuance.examination import Examination
from ca_service.errors import Finding
from ca_service.pki.csr import Description
from ca_service.vos.destinations import Destination

MOST_CARDS: Final = 2  # more CSRs are a table


@dataclass(frozen=True, slots=True)
class Review:
    """A CSR on the review: its label and examination, and the destination that the form shows as selected.

    `text` and `number` keep it in the form. A CSR that cannot be read is not kept.
    """

    label: str
    examination: Examination
    text: str
    number: int
    destination: Destination

    @property
    def name(self) -> str:
        """The host, or the label of a CSR without one."""
        return self.examination.host or self.label


@dataclass(frozen=True, slots=True)
class Common:
    """The parts that each CSR that can be signed has, or empty. Names and parts of the subject are (type, value)."""

    subject: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    key: str = ""
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A review without what is common: its own names, key and findings. `key` is empty if it is the common one."""

    review: Review
    names: tuple[tuple[str, str], ...]
    key: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Many reviews, the refused ones first."""

    common: Common
    rows: tuple[Row, ...]
    refused: tuple[Review, ...]

    @property
    def has_keys(self) -> bool:
        """Whether a row has a key of its own kind."""
        return any(row.key for row in self.rows)


def table_of(reviews: Sequence[Review]) -> Table:
    """Return the table of these reviews."""
    common = _common([each.examination for each in reviews if not each.examination.is_refused])
    ordered = sorted(reviews, key=lambda review: not review.examination.is_refused)  # stable otherwise
    refused = tuple(review for review in ordered if review.examination.is_refused)
    return Table(common, tuple(_row(review, common) for review in ordered), refused)


def _common(examinations: Sequence[Examination]) -> Common:
    asked = [each.description for each in examinations if each.description]
    if len(asked) <= 1:
        return Common()
    first, *others = asked
    found = examinations[0].findings
    return Common(
        subject=tuple(part for part in first.subject if all(part in each.subject for each in others)),
        names=tuple(name for name in first.subject_alternative_name if all(name in _names(each) for each in others)),
        key=_key(first) if all(_key(each) == _key(first) for each in others) else "",
        key_usage=first.key_usage if all(each.key_usage == first.key_usage for each in others) else (),
        extended_key_usage=(
            first.extended_key_usage
            if all(each.extended_key_usage == first.extended_key_usage for each in others)
            else ()
        ),
        findings=tuple(each for each in found if all(each in other.findings for other in examinations)),
    )


def _row(review: Review, common: Common) -> Row:
    examination, asked = review.examination, review.examination.description
    return Row(
        review,
        names=tuple(name for name in _names(asked) if name not in common.names) if asked else (),
        key=_key(asked) if asked and _key(asked) != common.key else "",
        findings=tuple(each for each in examination.findings if each not in common.findings),
    )


def _names(asked: Description) -> tuple[tuple[str, str], ...]:
    return asked.subject_alternative_name


def _key(asked: Description) -> str:
    return f"{asked.key}, {asked.signature}"
