"""The form for new certificates: CSRs from files, pasted or kept, and options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from flask import request

from ca_service.authority.issuance.conflicts import check_count
from ca_service.authority.issuance.examination import Options
from ca_service.errors import CAServiceError, InvalidInput, Rule
from ca_service.pki import archive, armour
from ca_service.pki.archive import Entry
from ca_service.pki.encodings import csr_pem
from ca_service.pki.profiles import VOS
from ca_service.vos.destinations import NOWHERE, Destination, Hint
from ca_service.web.forms import whole_number
from ca_service.web.i18n import translate

VALIDITY_NUMBER: Final = Rule(
    "validity.number",
    "The lifetime \u201c{value}\u201d is not a whole number of days.",
    "Enter a number such as 397, or leave the field empty.",
)

MAX_ON_PAGE: Final = 50
_MAX_DAYS_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Submitted:
    """A CSR with its label: the file name, or "pasted text"."""

    label: str
    data: bytes

    @property
    def pem(self) -> str:
        """The CSR for the form of the review, which alone keeps a challengePassword. Raises Refused if it is none."""
        return csr_pem(armour.unwrap(self.data))


def submitted_requests() -> tuple[Submitted, ...]:
    """Return all CSRs of the form without duplicates: first those kept from the review, then new ones.

    Raises InvalidInput if there are too many for one signing.
    """
    found = _distinct((*carried_requests(), *new_requests()))
    if found:
        check_count([each.data for each in found], MAX_ON_PAGE)
    return found


def carried_requests() -> tuple[Submitted, ...]:
    """Return the CSRs that an earlier review kept in the form."""
    carried = zip(request.form.getlist("label"), request.form.getlist("request"), strict=False)
    return tuple(Submitted(label[:200], text.encode()) for label, text in carried)


def new_requests() -> tuple[Submitted, ...]:
    """Return the CSRs that were added since. Raises InvalidInput for an unusable ZIP."""
    files = [Entry(file.filename, file.read()) for file in request.files.getlist("csr") if file.filename]
    if request.form.get("text", "").strip():
        files.append(Entry(translate("pasted text"), request.form["text"].encode()))
    return tuple(Submitted(entry.name[:200], entry.data) for entry in archive.split_all(files, MAX_ON_PAGE))


def _distinct(submitted: tuple[Submitted, ...]) -> tuple[Submitted, ...]:
    """Remove duplicates: adding the same file twice is not an error."""
    found = dict[bytes, Submitted]()
    for each in submitted:
        found.setdefault(_identity(each.data), each)
    return tuple(found.values())


def _identity(data: bytes) -> bytes:
    try:
        return armour.unwrap(data)
    except CAServiceError:
        return data


def included_requests(submitted: tuple[Submitted, ...]) -> tuple[Submitted, ...]:
    """Return the CSRs selected for signing."""
    marked = set(request.form.getlist("include"))
    return tuple(each for number, each in enumerate(submitted) if str(number) in marked)


def hints_of(submitted: Sequence[Submitted], profile: str) -> list[Hint]:
    """Return what is known of each CSR beside its contents: file name, and the destination selected on the review.

    A plain server has no destination.
    """
    places = [_destination(number) for number in range(len(submitted))] if profile == VOS.name else repeat(NOWHERE)
    return [Hint(each.label, place) for each, place in zip(submitted, places, strict=False)]


def was_reviewed(number: int) -> bool:
    """Return whether the form has the selections for the CSR with this number."""
    return f"purpose-{number}" in request.form


def _destination(number: int) -> Destination:
    """Return the destination selected for this CSR; without a product, the one that is selected for all."""
    own, for_all = (
        Destination(*(request.form.get(f"{name}-{part}", "").strip() for name in ("purpose", "product", "version")))
        for part in (number, "all")
    )
    return own | for_all


def submitted_options() -> Options:
    """Return the options of the form. Raises InvalidInput if the lifetime is not a number."""
    return Options(
        profile=request.form.get("use_profile") or request.form.get("profile", VOS.name),
        validity_days=read_days(request.form.get("validity_days", "").strip()),
        new=request.form.get("new") == "true",
        add_host_name=request.form.get("add_host_name") == "true",
    )


def read_days(text: str) -> int | None:
    """Return a lifetime in days, None for an empty text. Raises InvalidInput."""
    if not text:
        return None
    days = whole_number(text, _MAX_DAYS_DIGITS)
    if days is None:
        raise InvalidInput(VALIDITY_NUMBER.at("/validity_days", value=text[:40]))
    return days
