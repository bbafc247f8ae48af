"""Runs on nodes: the changes while they are made, and the end."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from ca_service.authority.fleet.node_plan import Change, Plan
from ca_service.authority.issuance.records import RequestRecord
from ca_service.deadline import DATABASE_INTERRUPTED
from ca_service.errors import Busy, Interrupted


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
