"""The deadline of a request: how long it waits for the database, and how many requests wait at a time.

A request has one deadline, which everything that waits consults: for a lock, a statement, a connection. Without a
request, as in commands and jobs, each wait has a limit of its own. A deadline ends waiting and nothing else: what is
free is taken after it as well.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from ca_service.errors import Busy, CAServiceError, Interrupted, Rule

DATABASE_BUSY: Final = Rule(
    "database.busy",
    "The database is busy: another process or request is writing. Nothing was changed.",
    "Try again in {seconds} seconds. If it stays busy, the operator finds the process that holds it: for SQLite with "
    "`fuser -v` and the database file, for PostgreSQL in pg_stat_activity.",
)
DATABASE_INTERRUPTED: Final = Rule(
    "database.interrupted",
    "The database became busy in the middle: a part of this was stored, the rest was not.",
    "Look at what is stored, then send it again to finish it.",
)

Part = TypeVar("Part")

RETRY_SECONDS: Final = 5
_WITHOUT_REQUEST: Final = 60.0  # seconds
_BRIEF: Final = 1.0  # seconds; turns of a database that works are shorter, also on a machine with much to do
_POLL: Final = 0.001  # seconds


class Places:
    """The threads of a process that may wait for turns at a time.

    Turns are usually so short that all threads may wait. As soon as no thread had a turn at the same thing for a
    moment, those without a place leave, so that the other threads answer what needs no turn.
    """

    def __init__(self, count: int, brief: float = _BRIEF) -> None:
        self._free = count
        self._brief = brief
        self._waiting = Counter[str]()
        self._moved_at: dict[str, float] = {}  # the last turn of a thread, or the beginning of its wait
        self._lock = threading.Lock()

    @contextmanager
    def take(self, name: str) -> Iterator[bool]:
        """Wait for the thing of this name in this block; return whether a place was free."""
        with self._lock:
            has_place = self._free > 0
            self._free -= has_place
            self._waiting[name] += 1
            self._moved_at.setdefault(name, time.monotonic())
        had_turn = False
        try:
            yield has_place
            had_turn = True
        finally:
            with self._lock:
                self._free += has_place
                self._waiting[name] -= 1
                if had_turn:
                    self._note_turn(name)

    def _note_turn(self, name: str) -> None:
        if self._waiting[name]:
            self._moved_at[name] = time.monotonic()
        else:
            del self._moved_at[name], self._waiting[name]

    def moves_until(self, name: str) -> float:
        """Return until when those who wait for this without a place may stay, on the monotonic clock."""
        return self._moved_at.get(name, math.inf) + self._brief


@dataclass(slots=True)
class Deadline:
    """The seconds that a request may wait from its beginning: for anything, and for a turn to write.

    `has_committed`: something was stored, so an error later must not say that nothing was done.
    """

    begun: float
    seconds: float
    turn_seconds: float
    places: Places | None = None
    has_committed: bool = False

    @property
    def at(self) -> float:
        """Return when waiting ends, on the monotonic clock."""
        return self.begun + self.seconds

    @property
    def turn_at(self) -> float:
        """Return when waiting for a turn ends, on the monotonic clock."""
        return self.begun + min(self.seconds, self.turn_seconds)


@dataclass(frozen=True, slots=True)
class Turn:
    """The time that is left to wait for one turn; without a place, only while others have turns (`line`)."""

    name: str
    until: float
    line: Places | None = None

    @property
    def seconds(self) -> float:
        """Return the seconds that are left as of now, at least 0."""
        until = self.until if self.line is None else min(self.until, self.line.moves_until(self.name))
        return max(0.0, until - time.monotonic())

    def next_wait(self, longest: float) -> float:
        """Return how many seconds the next try may wait, at most `longest`. Raises Busy if no time is left."""
        left = self.seconds
        if not left:
            raise busy()
        return min(longest, left)

    def pause(self) -> None:
        """Wait a moment before another try. Raises Busy if no time is left."""
        time.sleep(self.next_wait(_POLL))


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def begin(seconds: float, turn_seconds: float, places: Places | None = None) -> None:
    """Give this thread a deadline: seconds for everything together, and for a turn to write."""
    _current.set(Deadline(time.monotonic(), seconds, turn_seconds, places))


def end() -> None:
    """Take the deadline from this thread."""
    _current.set(None)


@contextmanager
def limited(seconds: float, turn_seconds: float = math.inf, places: Places | None = None) -> Iterator[None]:
    """Give this block a deadline, as `begin` does."""
    before = _current.get()
    begin(seconds, turn_seconds, places)
    try:
        yield
    finally:
        _current.set(before)


def renewed_for_each(parts: Iterator[Part]) -> Iterator[Part]:
    """Yield the parts of a request; each may wait as long as a whole one, because it is a transaction of its own.

    The first part is made during the request; the others may follow after its end, while the answer is sent.
    """
    request = _current.get()
    while True:
        before = _current.get()
        if request is not None:
            request.begun = time.monotonic()
        _current.set(request)
        try:
            part = next(parts)
        except StopIteration:
            return
        finally:
            _current.set(before)
        yield part


@contextmanager
def without_waiting() -> Iterator[None]:
    """Let this block write only if that needs no waiting. For what can be left out: it does not count as done."""
    before, now = _current.get(), time.monotonic()
    left = before.at - now if before is not None else _WITHOUT_REQUEST
    _current.set(Deadline(now, left, turn_seconds=0.0))
    try:
        yield
    finally:
        _current.set(before)


@contextmanager
def unnoted() -> Iterator[None]:
    """Let what this block stores not count as done: an error after it still says that nothing was changed."""
    current = _current.get()
    before = current is not None and current.has_committed
    try:
        yield
    finally:
        if current is not None:
            current.has_committed = before


def statement_seconds(default: int) -> int:
    """Return how long a statement of this request may take, in whole seconds, at least 1; the default without one."""
    current = _current.get()
    return default if current is None else max(1, math.ceil(current.at - time.monotonic()))


@contextmanager
def turn(name: str) -> Iterator[Turn]:
    """Let this block wait for its turn at the thing of this name. The time that is left may be 0: then try once."""
    current = _current.get()
    if current is None:
        yield Turn(name, time.monotonic() + _WITHOUT_REQUEST)
    elif current.places is None:
        yield Turn(name, current.turn_at)
    else:
        with current.places.take(name) as has_place:
            yield Turn(name, current.turn_at, None if has_place else current.places)


def note_commit() -> None:
    """Remember that this request has stored something."""
    current = _current.get()
    if current is not None:
        current.has_committed = True


def busy() -> CAServiceError:
    """Return the error of a wait that has ended without success: Busy, or Interrupted if something was stored."""
    current = _current.get()
    if current is not None and current.has_committed:
        return Interrupted.because(DATABASE_INTERRUPTED)
    return Busy.because(DATABASE_BUSY, seconds=RETRY_SECONDS)
