"""The only module that reads the time, and lets it pass."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, as an aware UTC time in whole seconds, as certificates count it (RFC 5280, 4.1.2.5)."""
    return datetime.now(UTC).replace(microsecond=0)


def stopwatch() -> float:
    """Seconds since some moment, never set back: only the difference of two means something."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait for so long."""
    time.sleep(seconds)
