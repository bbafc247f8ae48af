"""Selections of certificates to revoke: their canonical form, and the errors for wrong ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from ca_service.authority.certificates import CERTIFICATE_UNKNOWN
from ca_service.authority.revocation.records import RevocationStatus, Selection
from ca_service.errors import InvalidInput, NotFound, Rule

REVOCATION_NOTHING: Final = Rule(
    "revocation.nothing",
    "Nothing is selected.",
    "Give a serial number, a key fingerprint or a host.",
)
REVOCATION_COUNT: Final = Rule(
    "revocation.count",
    "You selected {count} certificates; you can revoke {limit} at a time.",
    "Revoke them in several steps.",
)
REVOCATION_INVALID_SINCE: Final = Rule(
    "revocation.invalid-since",
    "\u201c{value}\u201d is not a time.",
    "Write it as 2026-11-25T14:00:00Z, or leave it empty.",
)
REVOCATION_SERIAL: Final = Rule(
    "revocation.serial-number",
    "{value} is not a serial number.",
    "Give up to 40 hexadecimal digits, with or without colons. For all certificates of a host, give the host instead.",
    options="host, --host",
)
REVOCATION_FINGERPRINT: Final = Rule(
    "revocation.key-fingerprint",
    "{value} is not the fingerprint of a key.",
    "Give the 64 hexadecimal digits of a SHA-256, with or without colons.",
)

REVOCATION_NONE_FOUND: Final = Rule(
    "revocation.none-found",
    "No certificate was issued for {what}.",
    "Look for it in the list of certificates: names are compared as a whole.",
)

MAX_SELECTED: Final = 500
_SERIAL: Final = re.compile("[0-9a-f]{1,40}")
_FINGERPRINT: Final = re.compile("[0-9a-f]{64}")


def checked(selection: Selection) -> Selection:
    """Return the selection in stored form: people paste colons and capital letters.

    Raises InvalidInput for an empty or too large selection, or for a value that is not a serial number
    or a SHA-256.
    """
    digits = [_bare(each) for each in selection.serial_numbers]
    serials = tuple(dict.fromkeys(each.zfill(40) for each in digits))
    if not serials and not selection.key_fingerprint and not selection.host.strip():
        raise InvalidInput(REVOCATION_NOTHING.at())
    if len(serials) > MAX_SELECTED:
        raise InvalidInput(REVOCATION_COUNT.at("/serial_number", count=len(serials), limit=MAX_SELECTED))
    _require(_SERIAL, digits, REVOCATION_SERIAL, "/serial_number")
    fingerprint = _bare(selection.key_fingerprint)
    _require(_FINGERPRINT, [fingerprint] if fingerprint else [], REVOCATION_FINGERPRINT, "/key_fingerprint")
    return Selection(serials, fingerprint, selection.host.strip().lower())


def with_serial_numbers(selection: Selection, serial_numbers: Sequence[str]) -> Selection:
    """Return the selection with these certificates added."""
    return replace(selection, serial_numbers=(*selection.serial_numbers, *serial_numbers))


def read_invalid_since(text: str) -> datetime | None:
    """Return since when a key may be lost (RFC 3339; UTC without an offset), or None for an empty text.

    Raises InvalidInput.
    """
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment.replace(tzinfo=moment.tzinfo or UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(REVOCATION_INVALID_SINCE.at("/invalid_since", value=text[:60])) from error


def require_found(selection: Selection, statuses: Sequence[RevocationStatus]) -> None:
    """Raise NotFound for each serial number that was not issued here, or if nothing was found."""
    found = {each.certificate.serial_number for each in statuses}
    missing = [serial for serial in selection.serial_numbers if serial not in found]
    if missing:
        given = (serial.lstrip("0") or "0" for serial in missing)  # as people typed it: the selection is padded
        raise NotFound(*(CERTIFICATE_UNKNOWN.at("/serial_number", serial=serial) for serial in given))
    if not statuses:
        raise NotFound.because(REVOCATION_NONE_FOUND, what=selection.host or f"the key {selection.key_fingerprint}")


def _bare(text: str) -> str:
    return "".join(text.split()).replace(":", "").lower()


def _require(pattern: re.Pattern[str], values: Sequence[str], rule: Rule, pointer: str) -> None:
    for value in values:
        if not pattern.fullmatch(value):
            raise InvalidInput(rule.at(pointer, value=value[:80]))
