"""Whole numbers in form fields and URLs."""

from __future__ import annotations


def whole_number(text: str, digits: int) -> int | None:
    """Return the number, or None unless the text is at most this many ASCII digits. `int` never sees a long text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None
