"""Checks as such: what each is called, when it runs, who may read its result; and the results that readiness keeps.

The list itself is in `doctor.py`: one for the start, readiness, metrics and `ca-service doctor`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ca_service.errors import CAServiceError, Finding, Rule, Visibility, only_errors

CHECK_FAILED: Final = Rule(
    "check.failed",
    "The check itself failed ({kind}).",
    "The log has the details. Report them: a check must not fail.",
)
CHECK_SLOW: Final = Rule(
    "check.slow",
    "The checks have not ended for {seconds} seconds.",
    "Look for what blocks the database or the disk.",
)

KEPT_FOR: Final = 5.0  # seconds
SLOW_AFTER: Final = 30.0
_log = logging.getLogger("ca_service.checks")


class Occasion(IntEnum):
    """The first occasion on which a check runs. It also runs on all later ones."""

    START = 1  #: when the server starts, and later: what cannot become right while it runs
    READINESS = 2  #: for `/readyz` and the metrics: cheap, and about what the running server does itself
    DOCTOR = 3  #: for `ca-service doctor`: it takes long, or uses the network


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the list. `look` returns findings, and changes nothing that stays.

    `id` is stable. Everyone may read the result (passed or failed, nothing else) only if `audience` says so.
    """

    id: str
    title: str
    look: Callable[[], Iterable[Finding]]
    occasion: Occasion = Occasion.DOCTOR
    audience: Visibility = Visibility.OPERATOR


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The findings of a check."""

    check: Check
    findings: tuple[Finding, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether the check found no error."""
        return not only_errors(self.findings)


Results = tuple[CheckResult, ...]


def run(checks: Iterable[Check], occasion: Occasion) -> Results:
    """Run the checks for this occasion, in their order. No check keeps another from running."""
    return tuple(CheckResult(check, _findings(check)) for check in checks if check.occasion <= occasion)


def _findings(check: Check) -> tuple[Finding, ...]:
    try:
        return tuple(check.look())
    except CAServiceError as error:
        return error.findings
    except Exception as error:  # a fault of the check is a result as well: readiness must answer
        _log.error("check %s: %s", check.id, type(error).__name__, exc_info=error)
        return (CHECK_FAILED.at(kind=type(error).__name__),)


def _log_changes(before: Results, now: Results) -> None:
    """Log each check that fails and did not before, with its reasons, and each that passes again."""
    had_failed = {result.check.id for result in before if not result.is_well}
    for result in now:
        if not result.is_well and result.check.id not in had_failed:
            _log.error("check %s failed: %s", result.check.id, CAServiceError(*result.findings))
        elif result.is_well and result.check.id in had_failed:
            _log.warning("check %s passes again", result.check.id)


class Readiness:
    """The results of the cheap checks, kept for five seconds: however many ask, the database is asked once.

    One thread runs the checks. Meanwhile the others get the results before; after half a minute, that the checks are
    too slow. `stopwatch` returns seconds from any beginning: results do not depend on a clock that may be wrong.
    """

    def __init__(self, checks: Sequence[Check], stopwatch: Callable[[], float]) -> None:
        self._checks = checks
        self._stopwatch = stopwatch
        self._lock = threading.Lock()
        self._kept: tuple[float, Results] | None = None

    def results(self) -> Results:
        """Return the results, at most five seconds old unless the checks run at this moment."""
        kept = self._kept
        if kept and self._stopwatch() - kept[0] < KEPT_FOR:
            return kept[1]
        if not self._lock.acquire(timeout=0 if kept else SLOW_AFTER):
            return self._meanwhile(kept)
        try:
            if self._kept is kept:  # no other thread has run them while this one waited
                results = run(self._checks, Occasion.READINESS)
                _log_changes(kept[1] if kept else (), results)
                self._kept = self._stopwatch(), results
            return self._kept[1] if self._kept else ()
        finally:
            self._lock.release()

    def _meanwhile(self, kept: tuple[float, Results] | None) -> Results:
        if kept and self._stopwatch() - kept[0] < SLOW_AFTER:
            return kept[1]
        slow = CHECK_SLOW.at(seconds=round(SLOW_AFTER))
        return tuple(CheckResult(each, (slow,)) for each in self._checks if each.occasion <= Occasion.READINESS)
