"""New certificates: add CSRs, review them, sign. Nothing is stored before signing.

`POST /` is the address of the form: both the overview and this page have it. The review has one value for each CSR, and
what all of them have in common, which the page shows once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.issuance.examination import Examination, Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.errors import CAServiceError, Finding, InvalidInput, Refused
from ca_service.pki.csr import Description
from ca_service.pki.profiles import LEAF_PROFILES, VOS
from ca_service.vos.destinations import NOWHERE, Destination
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES
from ca_service.vos.samples import sample_csrs
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.requests import to_waiting
from ca_service.web.pages.submission import (
    Submitted,
    hints_of,
    included_requests,
    new_requests,
    submitted_options,
    submitted_requests,
    was_reviewed,
)
from ca_service.web.problems import status_of

MOST_CARDS: Final = 2  # more CSRs are a table


@blueprint.get("/sign")
@needs(Action.CHECK)
def new() -> ResponseReturnValue:
    """Show the empty form."""
    return _page(Options())


@blueprint.post("/")
@needs(Action.CHECK)
def check() -> ResponseReturnValue:
    """Show the form again, with the contents of the CSRs."""
    options = Options()
    try:
        options, submitted = submitted_options(), submitted_requests()
        return _page(options, _reviews(submitted, options))
    except InvalidInput as error:
        return _page(options, findings=error.findings), status_of(error)


@blueprint.post("/sign/samples")
@needs(Action.CHECK)
def samples() -> ResponseReturnValue:
    """Review sample CSRs, made now. Only the form keeps them."""
    submitted = tuple(Submitted(name, data) for name, data in sample_csrs())
    return _page(Options(), _reviews(submitted, Options()))


@blueprint.post("/sign")
@needs(Action.ISSUE)
def sign() -> ResponseReturnValue:
    """Sign the selected CSRs, all or none, and show the result or the requests that wait for approval."""
    options, submitted = Options(), tuple[Submitted, ...]()
    try:
        options, submitted = submitted_options(), submitted_requests()
        if new_requests():
            return _page(options, _reviews(submitted, options))  # new CSRs are reviewed first
        chosen = included_requests(submitted)
        hints = dict(zip(submitted, hints_of(submitted, options.profile), strict=True))
        issued = installation().issuance.issue(
            actor(), [each.data for each in chosen], options, hints=[hints[each] for each in chosen]
        )
    except Refused as error:  # the reviews show its findings
        return _page(options, _reviews(submitted, options)), status_of(error)
    except CAServiceError as error:
        # Invalid input before the CSRs were read leaves nothing to review.
        reviews = () if isinstance(error, InvalidInput) and not submitted else _reviews(submitted, options)
        return _page(options, reviews, error.findings), status_of(error)
    if issued.waiting:
        return to_waiting(issued.waiting)
    return redirect(url_for("pages.issued", **_result(issued, options)), 303)


def _result(issued: Issued, options: Options) -> dict[str, Any]:
    """Return the URL parameters of the result: serial numbers and options."""
    given = {"validity_days": options.validity_days, "new": options.new, "add_host_name": options.add_host_name}
    parameters = {name: "true" if value is True else value for name, value in given.items() if value}
    return {"serial": [record.serial_number for record in issued.certificates], **parameters}


def _reviews(submitted: tuple[Submitted, ...], options: Options) -> tuple[Review, ...]:
    if not submitted:
        return ()
    hints = hints_of(submitted, options.profile)
    examinations = installation().issuance.check(actor(), [each.data for each in submitted], options, hints)
    known = installation().host_products.find(actor(), {each.host for each in examinations})
    reviews, carried = list[Review](), 0
    for number, (each, examination) in enumerate(zip(submitted, examinations, strict=True)):
        text = each.pem if examination.request else ""
        chosen = hints[number].destination
        if not was_reviewed(number):
            chosen = examination.destination | known.get(examination.host, NOWHERE)
        reviews.append(Review(each.label, examination, text, carried, chosen))
        carried += bool(text)
    return tuple(reviews)


def _page(options: Options, reviews: tuple[Review, ...] = (), findings: tuple[Finding, ...] = ()) -> str:
    return render_template(
        "new.html",
        options=options,
        reviews=reviews,
        table=table_of(reviews) if len(reviews) > MOST_CARDS else None,
        findings=findings,
        profiles=LEAF_PROFILES.values(),
        purposes=tuple(PURPOSES),
        products=tuple(products().values()),
        is_vos=options.profile == VOS.name,
        default_days=installation().issuance.default_days,
        ready=sum(not review.examination.is_refused for review in reviews),
        waits=any(review.examination.needs_decision for review in reviews),
        was_sent=request.method == "POST",
        may_sign=actor().role in PERMISSIONS[Action.ISSUE],
        wants_host_name=any(_has(review, "san.missing") for review in reviews),
        offers_server=bool(reviews) and all(_has(review, "profile.server") for review in reviews),
    )


def _has(review: Review, rule: str) -> bool:
    return any(found.rule == rule for found in review.examination.findings)


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
