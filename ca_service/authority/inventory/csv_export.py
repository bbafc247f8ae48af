"""Knows how a list is written as CSV (RFC 4180), so that no spreadsheet takes a name for a formula.

A value that begins with = + - @, a tabulator or a carriage return gets an apostrophe in front, which
spreadsheets show as text. Whoever reads the file with a program takes it off again.
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
    """The header, and a line for each, CRLF at their ends; times are UTC, the days count from `at`."""
    yield _line(COLUMNS)
    for item in items:
        yield _line(map(defused, _values(item, at)))


def defused(value: str) -> str:
    """The value so that no spreadsheet calculates it."""
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
