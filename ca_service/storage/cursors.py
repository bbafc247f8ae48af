"""Knows the cursors of a list: where the next page begins, opaque to others and bound to its sort."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Final

from ca_service.authority.paging import foreign_cursor

_MAX_LENGTH: Final = 600
_MAX_KEY: Final = 2**31 - 1  # what PostgreSQL's INTEGER can be compared with


def write(sort: str, value: str | int | datetime, key: int) -> str:
    """The cursor of the page after the row with this value, and this key among those of equal value."""
    shown = str(int(value.timestamp())) if isinstance(value, datetime) else str(value)
    return base64.urlsafe_b64encode(f"{sort} {key} {shown}".encode()).decode().rstrip("=")


def read(cursor: str, sort: str) -> tuple[str | datetime, int]:
    """(value, key) of a cursor of ours; raises InvalidInput for any other, and for one of another sort."""
    try:
        return _read(cursor, sort)
    except (ValueError, OverflowError, OSError) as error:
        raise foreign_cursor() from error


def _read(cursor: str, sort: str) -> tuple[str | datetime, int]:
    if len(cursor) > _MAX_LENGTH:
        raise ValueError("longer than any that we write")
    found, key, value = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ", 2)
    if found != sort or not 0 <= int(key) <= _MAX_KEY:
        raise ValueError("of another list")
    return (datetime.fromtimestamp(int(value), UTC) if sort == "expires" else value), int(key)
