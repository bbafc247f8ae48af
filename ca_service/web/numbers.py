"""Knows how a whole number is read from what somebody typed, or from an address."""

from __future__ import annotations


def whole_number(text: str, digits: int) -> int | None:
    """The number of at most so many ASCII digits; None for anything else, so that `int` never meets a long text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None
