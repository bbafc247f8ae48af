"""Due dates of notices: arithmetic with times and days."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from math import ceil

from ca_service.authority.notices.records import Expiring

_DAY = timedelta(days=1)


def days_left(not_after: datetime, now: datetime) -> int:
    """Return the days until the expiry, rounded up: 30 from thirty days to a little over twenty-nine."""
    return ceil((not_after - now) / _DAY)


def due(expiring: Expiring, days: Sequence[int], now: datetime, sent: Collection[int]) -> int | None:
    """Return the threshold of the notice that is due now, or None.

    Only the nearest threshold counts: after a pause one notice is sent, not one for each that was missed.
    """
    if now > expiring.not_after:
        return None
    passed = [each for each in _counting(expiring, days) if expiring.not_after - each * _DAY <= now]
    nearest = min(passed, default=None)
    return None if nearest in sent else nearest


def upcoming(expiring: Expiring, days: Sequence[int], now: datetime) -> datetime | None:
    """Return when the next notice is due, after now; None if all were sent."""
    moments = [expiring.not_after - each * _DAY for each in _counting(expiring, days)]
    return min((moment for moment in moments if moment > now), default=None)


def _counting(expiring: Expiring, days: Sequence[int]) -> list[int]:
    """Return the thresholds within its lifetime."""
    return [each for each in days if expiring.not_after - each * _DAY > expiring.since]
