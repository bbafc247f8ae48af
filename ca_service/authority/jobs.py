"""Knows the jobs that are done again and again, and that each is done by one process at a time.

What is stored of a job is one row. Its states, and who moves it:

    IDLE  --`take`, by whoever is first-->  HELD  --`finish`, by the holder-->  IDLE
    HELD  --`until` has passed: the holder has crashed, or is slow-->  LAPSED  --`take`, by anybody-->  HELD

`take` compares and sets in one statement of the database, so that of several processes one gets the job. A crash
before `take` leaves nothing; between `take` and `finish`, a lease that lapses by itself; after `finish`, a job that is
not due again before its time. A slow holder that has lost its lease may still be working while another begins, so
what a job does has to be harmless when two do it: leases save work, they do not guard data. What a slow holder
reports when it ends at last is dropped.
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
from ca_service.authority.ports import Clock
from ca_service.errors import CAServiceError, NotFound, Rule

JOB_UNKNOWN: Final = Rule(
    "job.unknown",
    "There is no job {name}.",
    "Use one of: {known}.",
)

Stopwatch = Callable[[], float]  # seconds from any beginning
Wait = Callable[[float], bool]  # waits so many seconds at most; True is the wish to stop

LEASE: Final = timedelta(minutes=15)
_LONGEST_WAIT: Final = 30.0  # seconds; another process may add or finish work meanwhile
_log = logging.getLogger("ca_service.jobs")


class Outcome(StrEnum):
    """How a run ended, or how it stands."""

    NEVER = "never run"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table of jobs: `run` does what is to be done now, and returns how many things that were."""

    name: str
    every: timedelta
    text: str
    run: Callable[[], int]


@dataclass(frozen=True, slots=True)
class JobRun:
    """What is stored of a job: its lease, and how its last run went.

    `holder` is empty when nobody has it. `took` is in milliseconds; `detail` says why it failed.
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
        """Those that were ever taken, by name."""

    def take(self, name: str, holder: str, now: datetime, until: datetime, before: datetime | None) -> bool:
        """Give the job to this holder until then, if nobody holds it at `now`; whether that was done.

        With `before`, only if it was not started after that time, so that no two do one round one after the other.
        """

    def finish(self, run: JobRun) -> bool:
        """Keep how it went and give the lease back; False, and nothing kept, if another one holds it by now."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A job with what is known of its last run, and when it is due next."""

    job: Job
    run: JobRun
    is_held: bool
    due_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether it is worth trying to take it; the store decides."""
        return self.free_at(now) <= now

    def free_at(self, now: datetime) -> datetime:
        """When that will be, as far as is known now."""
        free_at = (self.run.until if self.is_held else self.due_at) or now
        return max(free_at, now)


class Jobs:
    """The closed table of jobs, and what runs them."""

    def __init__(self, table: Sequence[Job], store: JobStore, clock: Clock, stopwatch: Stopwatch) -> None:
        self._table = {job.name: job for job in table}
        self._store = store
        self._clock = clock
        self._stopwatch = stopwatch

    def list_jobs(self, actor: Actor) -> tuple[JobState, ...]:
        """Every job, in the order of the table, with its last run."""
        require(actor, Action.AUTHORITY)
        return self.states()

    def states(self) -> tuple[JobState, ...]:
        """The same for the service itself."""
        runs, now = {run.name: run for run in self._store.list_runs()}, self._clock()
        return tuple(_state(job, runs.get(job.name, JobRun(job.name)), now) for job in self._table.values())

    def run(self, actor: Actor, name: str) -> JobRun:
        """Do one job now, whether it is due or not; its outcome is BUSY when another process is doing it.

        Raises NotFound for a job that there is not. What the job raises is told in the outcome.
        """
        require(actor, Action.AUTHORITY)
        if name not in self._table:
            raise NotFound.because(JOB_UNKNOWN, name=name[:40], known=", ".join(self._table))
        return self._attempt(self._table[name], None) or JobRun(name, outcome=Outcome.BUSY)

    def run_due(self) -> tuple[JobRun, ...]:
        """Do every job that is due and that nobody else is doing; how each of them went."""
        due = [state.job for state in self.states() if state.is_due(self._clock())]
        attempts = [self._attempt(job, self._clock() - job.every) for job in due]
        return tuple(run for run in attempts if run is not None)

    def loop(self, wait: Wait) -> None:
        """Do what is due, wait, and again, until `wait` says to stop. A database that cannot be used is waited for."""
        seconds = 0.0
        while not wait(seconds):
            try:
                self.run_due()
                seconds = self._seconds_to_next()
            except Exception as error:  # the database is away for a while, say: whatever it is, later is another try
                _log.error("the jobs cannot be looked at: %s", error)
                seconds = _LONGEST_WAIT

    def _seconds_to_next(self) -> float:
        now = self._clock()
        left = [(state.free_at(now) - now).total_seconds() for state in self.states()]
        return max(1.0, min((_LONGEST_WAIT, *left)))

    def _attempt(self, job: Job, before: datetime | None) -> JobRun | None:
        """One run under a lease; None when somebody else has it."""
        now, holder = self._clock(), secrets.token_hex(8)
        if not self._store.take(job.name, holder, now, now + LEASE, before):
            return None
        begun = self._stopwatch()
        ended = JobRun(job.name, holder, started_at=now, outcome=Outcome.STOPPED)
        try:
            ended = self._result(job, ended)
        finally:  # also when the process is told to stop in the middle of it
            took = round((self._stopwatch() - begun) * 1000)
            ended = replace(ended, ended_at=self._clock(), took=took)
            if not self._store.finish(ended):
                _log.warning("job %s was too slow, and has lost its lease", job.name)
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
    is_held = bool(run.holder) and run.until is not None and run.until > now
    return JobState(job, run, is_held, run.started_at + job.every if run.started_at else None)
