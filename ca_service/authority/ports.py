"""Ports that every package receives: clock and serial numbers; and the rule for times in the future."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]
SerialNumbers = Callable[[], int]

#: A clock may be set back by this much without any stored moment losing its meaning.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


def is_believable(at: datetime, now: datetime) -> bool:
    """Return whether a stored time is at most five minutes in the future. Treat a later one as missing.

    The clock was wrong when it was stored, and CRLs and jobs would wait for it, perhaps for years.
    """
    return at <= latest_believable(now)


def latest_believable(now: datetime) -> datetime:
    """Return the latest stored moment that is believed, for comparison in a database."""
    return now + CLOCK_TOLERANCE
