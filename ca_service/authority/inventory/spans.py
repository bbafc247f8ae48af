"""Knows spans of time as they are typed: `<30d` is before the moment in 30 days, `>=2027-01-31` from that day on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

Span = tuple[datetime | None, datetime | None]

_RELATIVE: Final = re.compile(r"(-?\d{1,5})([dw])", re.IGNORECASE | re.ASCII)
_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DAYS: Final = {"d": 1, "w": 7}


def read(operator: str, value: str, at: datetime) -> Span | None:
    """(from, before), each open with None; None for what is no span. A day lasts from midnight to midnight in UTC."""
    try:
        moment, length = _moment(value.strip(), at)
        after = moment + length
    except (ValueError, OverflowError):
        return None
    return {"<": (None, moment), "<=": (None, after), ">": (after, None), ">=": (moment, None)}.get(operator)


def _moment(value: str, at: datetime) -> tuple[datetime, timedelta]:
    """When, and how long that is: a second or a day."""
    if relative := _RELATIVE.fullmatch(value):
        days = int(relative[1]) * _DAYS[relative[2].lower()]
        return at + timedelta(days=days), timedelta(seconds=1)
    if day := _DAY.fullmatch(value):
        return datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC), timedelta(days=1)
    raise ValueError("neither a number of days nor a day")
