"""Background jobs: a closed table, each run by one process at a time.

One row per job is stored. Its states:

    IDLE  --`take`, by the first process-->  HELD  --`finish`, by the holder-->  IDLE
    HELD  --`until` has passed: the holder has crashed, or is slow-->  LAPSED  --`take`, by any process-->  HELD

`take` compares and sets in one statement of the database, so of several processes one gets the job. A crash
before `take` leaves nothing; between `take` and `finish`, a lease that lapses; after `finish`, a job that is
not due again before its time. A slow holder that has lost its lease may still be working while another starts, so
jobs have to be harmless when two processes run them: leases save work, they do not guard data. The late result of
such a holder is dropped.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.ports import Clock, is_believable
from ca_service.errors import CAServiceError, NotFound, Rule

JOB_UNKNOWN: Final = Rule(
    "job.unknown",
    "There is no job {name}.",
    "Use one of: {known}.",
)

Stopwatch = Callable[[], float]  # seconds from any beginning
Wait = Callable[[float], bool]  # waits at most so many seconds; True means: stop

LEASE: Final = timedelta(minutes=15)
_LONGEST_WAIT: Final = 30.0  # seconds; another process may add or finish work in the meantime
_log = logging.getLogger("ca_service.jobs")


class Outcome(StrEnum):
    """The result of a run, or its present state."""

    NEVER = "never run"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table of jobs: `run` does the pending work, and returns the number of items."""

    name: str
    every: timedelta
    text: str
    run: Callable[[], int]


@dataclass(frozen=True, slots=True)
class JobRun:
    """The stored row of a job: its lease, and the result of its last run.

    `holder` is empty without a lease. `took` is in milliseconds; `detail` is the reason of a failure.
    """

    name: str
    holder: str = ""
    until: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.NEVER
    count: int = 0
    took: int = 0
    detail: str = ""
    succeeded_at: datetime | None = None


class JobStore(Protocol):
    """The rows of the jobs."""

    def list_runs(self) -> tuple[JobRun, ...]:
        """Return the runs of all jobs that were ever taken, by name."""

    def take(self, name: str, holder: str, now: datetime, until: datetime, before: datetime | None) -> bool:
        """Give the job to this holder until then, unless it is held at `now`; return whether that was done.

        With `before`, only if it was not started after that time, so that no two processes run it one after the other.
        A start that is not believable, and its lease, count as not there.
        """

    def finish(self, run: JobRun) -> bool:
        """Store the result and release the lease; return False, and store nothing, if another process holds it."""

    def extend(self, name: str, holder: str, until: datetime) -> bool:
        """Move the end of a lease, also of one that has ended; return False if another process holds it, or none."""

    def forget(self, name: str, holder: str) -> bool:
        """Release the lease and delete the row; return False, and delete nothing, if another process holds it."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A job with its last run, and when it is due next."""

    job: Job
    run: JobRun
    is_held: bool
    due_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Return whether to try to take it; the store decides."""
        return self.free_at(now) <= now

    def free_at(self, now: datetime) -> datetime:
        """Return when it can be taken, as far as is known now."""
        free_at = (self.run.until if self.is_held else self.due_at) or now
        return max(free_at, now)


class Jobs:
    """The closed table of jobs, and their runner."""

    def __init__(self, table: Sequence[Job], store: JobStore, clock: Clock, stopwatch: Stopwatch) -> None:
        self._table = {job.name: job for job in table}
        self._store = store
        self._clock = clock
        self._stopwatch = stopwatch

    def list_jobs(self, actor: Actor) -> tuple[JobState, ...]:
        """Return every job, in the order of the table, with its last run."""
        require(actor, Action.STATUS)
        return self.states()

    def states(self) -> tuple[JobState, ...]:
        """Return the same without a permission, for the service itself."""
        runs, now = {run.name: run for run in self._store.list_runs()}, self._clock()
        return tuple(_state(job, runs.get(job.name, JobRun(job.name)), now) for job in self._table.values())

    def run(self, actor: Actor, name: str) -> JobRun:
        """Run one job now, due or not; the outcome is BUSY when another process is running it.

        Raises NotFound for an unknown job. An error of the job is part of the outcome.
        """
        require(actor, Action.AUTHORITY)
        if name not in self._table:
            raise NotFound.because(JOB_UNKNOWN, name=name[:40], known=", ".join(self._table))
        return self._attempt(self._table[name], None) or JobRun(name, outcome=Outcome.BUSY)

    def run_due(self) -> tuple[JobRun, ...]:
        """Run every job that is due and free; return the results."""
        due = [state.job for state in self.states() if state.is_due(self._clock())]
        attempts = [self._attempt(job, self._clock() - job.every) for job in due]
        return tuple(run for run in attempts if run is not None)

    def loop(self, wait: Wait) -> None:
        """Run due jobs, wait, and repeat, until `wait` says to stop. An unusable database is tried again later."""
        seconds = 0.0
        while not wait(seconds):
            try:
                self.run_due()
                seconds = self._seconds_to_next()
            except Exception as error:  # for example, the database is away for a while: any fault is worth another try
                _log.error("the jobs cannot be read: %s", error)
                seconds = _LONGEST_WAIT

    def _seconds_to_next(self) -> float:
        now = self._clock()
        left = [(state.free_at(now) - now).total_seconds() for state in self.states()]
        return max(1.0, min((_LONGEST_WAIT, *left)))

    def _attempt(self, job: Job, before: datetime | None) -> JobRun | None:
        """Run the job once under a lease; return None when another process holds it."""
        now, holder = self._clock(), secrets.token_hex(8)
        if not self._store.take(job.name, holder, now, now + LEASE, before):
            return None
        begun = self._stopwatch()
        ended = JobRun(job.name, holder, started_at=now, outcome=Outcome.STOPPED)
        try:
            ended = self._result(job, ended)
        finally:  # also when the process is stopped in the middle
            took = round((self._stopwatch() - begun) * 1000)
            ended = replace(ended, ended_at=self._clock(), took=took)
            if not self._store.finish(ended):
                _log.warning("job %s was too slow and lost its lease", job.name)
        return ended

    def _result(self, job: Job, run: JobRun) -> JobRun:
        try:
            return replace(run, outcome=Outcome.DONE, count=job.run(), succeeded_at=self._clock())
        except CAServiceError as error:
            _log.error("job %s: %s", job.name, error)
            return replace(run, outcome=Outcome.FAILED, detail=error.rule)
        except Exception as error:
            _log.error("job %s: %s", job.name, type(error).__name__, exc_info=error)
            return replace(run, outcome=Outcome.FAILED, detail=type(error).__name__)


def _state(job: Job, run: JobRun, now: datetime) -> JobState:
    started_at = run.started_at if run.started_at and is_believable(run.started_at, now) else None
    is_held = bool(run.holder) and started_at is not None and run.until is not None and run.until > now
    return JobState(job, run, is_held, started_at + job.every if started_at else None)
