"""The clock: the only module that reads the time or waits."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time: aware UTC, in whole seconds as in certificates (RFC 5280, 4.1.2.5)."""
    return datetime.now(UTC).replace(microsecond=0)


def stopwatch() -> float:
    """Return a number of seconds that only grows. Only the difference of two values has a meaning."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait this many seconds."""
    time.sleep(seconds)
