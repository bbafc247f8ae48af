"""Ports that every room receives: the time and serial numbers; and the rule for stored moments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]
SerialNumbers = Callable[[], int]

#: A clock may be set back by this much without any stored moment losing its meaning.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


def is_believable(at: datetime, now: datetime) -> bool:
    """Return whether a stored moment can be one that has passed. A later one counts as not there.

    It was stored while the clock of a machine was ahead. Believed, it would keep lists unsigned and jobs undone until
    that moment comes, perhaps for years.
    """
    return at <= latest_believable(now)


def latest_believable(now: datetime) -> datetime:
    """Return the latest stored moment that is believed, for comparison in a database."""
    return now + CLOCK_TOLERANCE
