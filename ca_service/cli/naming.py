"""Certificates at the command line: the list of them, and the one that a person names by a beginning.

The list is read from the installation on this machine, or from a server. A beginning is that of a serial number or of a
host: pages, API and scripts name certificates by the whole serial number; only the command line completes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import Sort
from ca_service.authority.paging import MAX_PAGE
from ca_service.cli.api import API
from ca_service.cli.session import Session, operator
from ca_service.documents.certificates import CertificateListDocument, Certificates, CertificateSummaryDocument
from ca_service.errors import InvalidInput, Rule

CERTIFICATE_AMBIGUOUS: Final = Rule(
    "certificate.ambiguous",
    "{text} is the beginning of several serial numbers or hosts: {candidates}.",
    "Give more of the host or of the serial number, or all of it.",
)
CERTIFICATE_TOO_SHORT: Final = Rule(
    "certificate.too-short",
    "{text} is too short for the beginning of a serial number, and no host begins with it.",
    "Give at least {least} digits of the serial number, or the beginning of the host.",
)

MIN_DIGITS: Final = 4
_DIGITS: Final = 40  # of a whole serial number
_SHOWN: Final = 5  # candidates in the error
_SHOWN_DIGITS: Final = 16  # of each: enough to be unique
_SERIAL: Final = re.compile("[0-9a-f]+")
_HOST: Final = re.compile(r"[a-z0-9_][a-z0-9._-]*")


def listing(session: Session, words: str, sort: Sort = "newest") -> Iterator[CertificateSummaryDocument]:
    """Yield the certificates that match the words, read while they are consumed."""
    return session.ask(lambda here: _here(here, words, sort), lambda api: _there(api, words, sort))


def now(session: Session) -> datetime:
    """Return the time: that of the server after it has answered."""
    return session.ask(lambda here: here.clock(), lambda api: api.now())


def _here(installation: Installation, words: str, sort: Sort) -> Iterator[CertificateSummaryDocument]:
    items = (item.certificate for item in installation.inventory.export(operator(), words, sort))
    while page := list(islice(items, MAX_PAGE)):
        revocations = installation.revocation.revocations_of([record.serial_number for record in page])
        describe = Certificates(revocations, installation.clock())
        yield from map(describe.summary, page)


def _there(api: API, words: str, sort: Sort) -> Iterator[CertificateSummaryDocument]:
    query = {"q": words, "sort": sort, "limit": MAX_PAGE}
    for page in api.pages(CertificateListDocument, "certificates", query=query):
        yield from page.certificates


def completed(session: Session, text: str) -> str:
    """Return the whole serial number of the only certificate whose serial number or host begins with `text`.

    At least four digits begin a serial number. A host means its certificates that are active or on hold; `uccx1` means
    uccx1.example.com even if there is a uccx10.example.com. A text that begins neither is returned as it is: it is
    unknown to the command. Raises InvalidInput, with the candidates, if there are several, or for too few digits.
    """
    digits, host = text.replace(":", "").lower(), text.lower()
    if len(digits) >= _DIGITS:
        return text
    found = {each.serial_number: each for each in _candidates(session, digits, host)}
    if len(found) > 1:
        raise InvalidInput.because(CERTIFICATE_AMBIGUOUS, text=text, candidates=_shown(tuple(found.values())))
    if not found and len(digits) < MIN_DIGITS and _SERIAL.fullmatch(digits):
        raise InvalidInput.because(CERTIFICATE_TOO_SHORT, text=text, least=MIN_DIGITS)
    return next(iter(found), text)


def _candidates(session: Session, digits: str, host: str) -> Iterator[CertificateSummaryDocument]:
    if len(digits) >= MIN_DIGITS and _SERIAL.fullmatch(digits):
        yield from listing(session, f"serial:{digits}")
    if _HOST.fullmatch(host):
        found = (each for each in listing(session, f"host:{host} status:active,held") if _begins(each, host))
        yield from _whole(tuple(islice(found, _SHOWN + 1)), host)


def _begins(found: CertificateSummaryDocument, host: str) -> bool:
    return found.host.lower().startswith(host)


def _whole(found: Sequence[CertificateSummaryDocument], host: str) -> Sequence[CertificateSummaryDocument]:
    """Return those whose first labels are the whole text, if there are any; otherwise all."""
    return [each for each in found if f"{each.host.lower()}.".startswith(f"{host}.")] or found


def _shown(found: Sequence[CertificateSummaryDocument]) -> str:
    texts = [
        f"{each.serial_number[:_SHOWN_DIGITS]}... ({each.host}, {each.status}, until {each.not_after:%Y-%m-%d})"
        for each in found[:_SHOWN]
    ]
    return "; ".join([*texts, "and more"] if len(found) > _SHOWN else texts)
