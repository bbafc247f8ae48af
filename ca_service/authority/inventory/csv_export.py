"""The CSV form (RFC 4180) of a list, safe against formulas in spreadsheets.

A value that begins with = + - @, a tab or a carriage return gets an apostrophe in front, which
spreadsheets show as text. A program that reads the file removes it again.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from ca_service.authority.inventory.store import Listed
from ca_service.pki.encodings import time_text

COLUMNS: Final = (
    "host",
    "status",
    "not_after",
    "days_left",
    "profile",
    "subject",
    "subject_alternative_name",
    "serial_number",
    "not_before",
    "issued_at",
    "issued_by",
    "issuer",
    "fingerprint",
)
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(items: Iterable[Listed], at: datetime) -> Iterator[str]:
    """Yield the header and one line per item, each with CRLF; times are UTC, days count from `at`."""
    yield _line(COLUMNS)
    for item in items:
        yield _line(map(defused, _values(item, at)))


def defused(value: str) -> str:
    """Return the value in a form that no spreadsheet evaluates."""
    return f"'{value}" if value.startswith(_DANGEROUS) else value


def _values(item: Listed, at: datetime) -> tuple[str, ...]:
    found = item.certificate
    return (
        found.host,
        item.status.value,
        time_text(found.not_after),
        str(max(0, (found.not_after - at).days)),
        found.profile,
        found.subject,
        " ".join(found.names),
        found.serial_number,
        time_text(found.not_before),
        time_text(found.issued_at),
        found.issued_by,
        found.issuer_id,
        hashlib.sha256(found.der).hexdigest(),
    )


def _line(values: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue()
