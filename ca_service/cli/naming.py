"""The certificate that a person names by the beginning of its serial number or of its host.

Pages, API and scripts name certificates by the whole serial number; only the command line completes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from ca_service.cli.listing import listing
from ca_service.cli.session import Session
from ca_service.documents.certificates import CertificateSummaryDocument
from ca_service.errors import InvalidInput, Rule

CERTIFICATE_AMBIGUOUS: Final = Rule(
    "certificate.ambiguous",
    "{text} is the beginning of several serial numbers or hosts: {candidates}.",
    "Give more of the host or of the serial number, or all of it.",
)

MIN_DIGITS: Final = 4
_DIGITS: Final = 40  # of a whole serial number
_SHOWN: Final = 5  # candidates in the error
_SHOWN_DIGITS: Final = 16  # of each: enough to be unique
_SERIAL: Final = re.compile("[0-9a-f]+")
_HOST: Final = re.compile(r"[a-z0-9_][a-z0-9._-]*")


def completed(session: Session, text: str) -> str:
    """Return the whole serial number of the only certificate whose serial number or host begins with `text`.

    At least four digits begin a serial number. A host means its certificates that are active or on hold; `uccx1` means
    uccx1.example.com even if there is a uccx10.example.com. A text that begins neither is returned as it is: it is
    unknown to the command. Raises InvalidInput, with the candidates, if there are several.
    """
    digits, host = text.replace(":", "").lower(), text.lower()
    if len(digits) >= _DIGITS:
        return text
    found = {each.serial_number: each for each in _candidates(session, digits, host)}
    if len(found) > 1:
        raise InvalidInput.because(CERTIFICATE_AMBIGUOUS, text=text, candidates=_shown(tuple(found.values())))
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
