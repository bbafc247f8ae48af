"""Runs on nodes: the node while it is open, the changes while they are made, and the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ca_service.authority.fleet.node_contact import NodeSession
from ca_service.authority.fleet.node_plan import Change, Plan
from ca_service.authority.fleet.node_sign_ins import SignIn
from ca_service.authority.fleet.run_leases import RunLease
from ca_service.authority.issuance.records import RequestRecord
from ca_service.deadline import DATABASE_INTERRUPTED
from ca_service.errors import Busy, Interrupted, Rule, Unreachable

NODE_TIME: Final = Rule(
    "node.time",
    "The run on {host} took longer than {minutes} minutes.",
    "Find out why the node is slow, and run it again: it reads the node first.",
)

RUN_SECONDS: Final = 600.0  # a call that is under way then ends at a limit of its own


@dataclass(frozen=True, slots=True)
class OpenNode:
    """A node that this run has: its API, the lease that keeps others away, and the sign-in."""

    api: NodeSession
    lease: RunLease
    sign_in: SignIn

    @contextmanager
    def call(self) -> Iterator[NodeSession]:
        """Yield the API for one call, which sends the password.

        Raises Conflict if another run has the node by now, TooManyAttempts if the user of the node waits.
        """
        self.lease.extend()
        self.sign_in.begin()
        yield self.api
        self.sign_in.accept()


class TimeLimit:
    """The end of a run, however often its node answers at the last moment."""

    def __init__(self, host: str, stopwatch: Callable[[], float]) -> None:
        self._host = host
        self._stopwatch = stopwatch
        self._ends = stopwatch() + RUN_SECONDS

    def require(self) -> None:
        """Raise Unreachable when the time of the run is over."""
        if self._stopwatch() >= self._ends:
            raise Unreachable.because(NODE_TIME, host=self._host, minutes=round(RUN_SECONDS / 60))


@dataclass(frozen=True, slots=True)
class Applied:
    """The end of a run: the last plan, the changes that were made, and the requests that wait for a decision."""

    plan: Plan
    made: tuple[Change, ...]
    waiting: tuple[RequestRecord, ...] = ()


class Run:
    """A run on a node. Iterate over it to make its changes: each is yielded before it is made.

    `ended` is set after the last change. Close it to stop before that. A database that is busy in the middle raises
    Interrupted: a part was done.
    """

    def __init__(self, changes: Generator[tuple[Change, ...], None, Applied]) -> None:
        self._changes = changes
        self.ended: Applied | None = None

    def __iter__(self) -> Iterator[Change]:
        while self.ended is None:
            try:
                yield from next(self._changes)
            except StopIteration as stop:
                self.ended = stop.value
                return
            except Busy as error:
                raise Interrupted.because(DATABASE_INTERRUPTED) from error

    def finish(self) -> Applied:
        """Make all changes, and return the end."""
        for _ in self:
            pass
        if self.ended is None:
            raise ValueError("the run was closed")
        return self.ended

    def close(self) -> None:
        """Stop; what was not begun is not made."""
        self._changes.close()
