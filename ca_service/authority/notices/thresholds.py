"""Knows when notices are due: pure arithmetic on times and days."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from math import ceil

from ca_service.authority.notices.records import Expiring

_DAY = timedelta(days=1)


def days_left(not_after: datetime, now: datetime) -> int:
    """Whole days until the end, begun ones counted: 30 from thirty days to a little over twenty-nine."""
    return ceil((not_after - now) / _DAY)


def due(expiring: Expiring, days: Sequence[int], now: datetime, sent: Collection[int]) -> int | None:
    """The threshold of which a notice is to be sent now; None for none.

    Only the nearest that was passed counts: after a pause one notice is sent, and not one for each that was missed.
    """
    if now > expiring.not_after:
        return None
    passed = [each for each in _counting(expiring, days) if expiring.not_after - each * _DAY <= now]
    nearest = min(passed, default=None)
    return None if nearest in sent else nearest


def upcoming(expiring: Expiring, days: Sequence[int], now: datetime) -> datetime | None:
    """When the next notice is due, after now; None when all were."""
    moments = [expiring.not_after - each * _DAY for each in _counting(expiring, days)]
    return min((moment for moment in moments if moment > now), default=None)


def _counting(expiring: Expiring, days: Sequence[int]) -> list[int]:
    """The thresholds that lie within its life."""
    return [each for each in days if expiring.not_after - each * _DAY > expiring.since]
