"""Paging of all lists: the size of a page, and cursors."""

from __future__ import annotations

from typing import Final

from ca_service.errors import InvalidInput, Rule

LIST_CURSOR: Final = Rule(
    "list.cursor",
    "The cursor does not belong to this list.",
    "Leave it out to start at the first page.",
)

MAX_PAGE: Final = 200


def page_size(asked: int) -> int:
    """Return the size of a page for the requested size: 1 to MAX_PAGE."""
    return max(1, min(asked, MAX_PAGE))


def foreign_cursor() -> InvalidInput:
    """Return the error for a cursor of another list."""
    return InvalidInput(LIST_CURSOR.at("/cursor"))
