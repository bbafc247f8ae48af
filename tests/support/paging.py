"""Cuts the lists of the fakes into pages; a cursor is the sort, and a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ca_service.authority.paging import foreign_cursor, page_size

T = TypeVar("T")


def paged(found: Sequence[T], sort: str, cursor: str, limit: int) -> tuple[tuple[T, ...], str]:
    """One page of what was found, and the cursor of the next: how many come before it."""
    start = number_in(cursor, sort) if cursor else 0
    end = start + page_size(limit)
    return tuple(found[start:end]), cursor_at(sort, end) if end < len(found) else ""


def cursor_at(sort: str, number: int) -> str:
    """A cursor of ours."""
    return f"{sort}@{number}"


def number_in(cursor: str, sort: str) -> int:
    """The number in a cursor of ours; raises InvalidInput for any other, and for one of another sort."""
    found, _, number = cursor.partition("@")
    if found != sort or not number.isdecimal():
        raise foreign_cursor()
    return int(number)
