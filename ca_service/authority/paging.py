"""Knows what all lists have in common: how long a page may be, and which cursors they go on with."""

from __future__ import annotations

from typing import Final

from ca_service.errors import InvalidInput, Rule

LIST_CURSOR: Final = Rule(
    "list.cursor",
    "The cursor does not belong to this list.",
    "Leave it out to begin at the first page.",
)

MAX_PAGE: Final = 200


def page_size(asked: int) -> int:
    """How many a page holds where so many are asked: 1 to MAX_PAGE."""
    return max(1, min(asked, MAX_PAGE))


def foreign_cursor() -> InvalidInput:
    """The error for a cursor that this list has not written."""
    return InvalidInput(LIST_CURSOR.at("/cursor"))
