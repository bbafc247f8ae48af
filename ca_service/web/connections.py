"""The open connections of a worker: by state, by client, and how much they hold in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from ca_service.web.connection import Connection, State
from ca_service.web.limits import Limits

# The states in which a connection is given up when there is no room. Those that cost their client least come first;
# one whose request a thread has is never given up.
_GIVEN_UP: Final = (State.IDLE, State.CLOSING, State.HEAD, State.BODY, State.SENDING)
_HOLDING: Final = (State.BODY, State.SENDING)


class Connections:
    """All open connections, in each state in the order in which they entered it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_state: dict[State, dict[Connection, None]] = {state: {} for state in State}
        self._by_client: dict[str, dict[Connection, None]] = {}
        self._received = 0
        self._users: Counter[int] = Counter()
        self._held_objects = 0
        self._count = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def add(self, connection: Connection) -> None:
        """Add a new connection."""
        self._by_state[connection.state][connection] = None
        if connection.counts_for:
            self._by_client.setdefault(connection.counts_for, {})[connection] = None
        self._count += 1

    def enter(self, connection: Connection, state: State) -> None:
        """Change the state of a connection."""
        if connection.state is state:
            return
        del self._by_state[connection.state][connection]
        connection.enter(state)
        self.measure(connection)
        if state is State.CLOSED:
            self._forget(connection)
        else:
            self._by_state[state][connection] = None

    def measure(self, connection: Connection) -> None:
        """Count anew what a connection holds: what it has received, and the objects that it sends.

        Many clients fetch the same list: its bytes are one object, and count once.
        """
        is_open = connection.state is not State.CLOSED
        size = connection.incoming.size + connection.body_bytes if is_open else 0
        self._received += size - connection.received
        connection.received = size
        objects = connection.outbox.objects() if connection.state is State.SENDING else {}
        if objects or connection.objects:
            for each in objects.values():
                self._use(each, 1)
            for each in connection.objects.values():
                self._use(each, -1)
            connection.objects = objects

    def late(self, now: float) -> Iterator[Connection]:
        """Yield the connections whose deadline has passed."""
        for state in _GIVEN_UP:
            yield from [each for each in self._by_state[state] if each.is_late(now, self._limits)]

    def in_state(self, state: State) -> tuple[Connection, ...]:
        """Return the connections in a state, those first that have been in it for longest."""
        return tuple(self._by_state[state])

    def is_busy(self) -> bool:
        """Return whether every connection that may be open has a request for a thread."""
        return len(self._by_state[State.WORKING]) >= self._limits.connections

    def too_many(self, counts_for: str) -> Connection | None:
        """Return the connection to give up for one more of this client, if there is no room for it.

        A client at its cap gives up one of its own; if all of those have requests for threads, it gets no other.
        Raises LookupError then.
        """
        mine = self._by_client.get(counts_for, {})
        if len(mine) >= self._limits.connections_of_address:
            found = min((each for each in mine if each.state in _GIVEN_UP), key=_order, default=None)
            if found is None:
                raise LookupError(counts_for)
            return found
        return self._first(_GIVEN_UP) if self._count >= self._limits.connections else None

    def too_large(self) -> Connection | None:
        """Return the connection to give up if all of them hold too much: of those that hold most, the oldest."""
        is_over = self._received + self._held_objects > self._limits.held_bytes
        return self._first(_HOLDING) if is_over else None

    def _first(self, states: tuple[State, ...]) -> Connection | None:
        return next((each for state in states for each in self._by_state[state]), None)

    def _use(self, used: bytes, change: int) -> None:
        identity, size = id(used), len(used)
        before = self._users[identity]
        self._users[identity] += change
        if before == 0:
            self._held_objects += size
        elif before + change == 0:
            del self._users[identity]
            self._held_objects -= size

    def _forget(self, connection: Connection) -> None:
        self._count -= 1
        mine = self._by_client.get(connection.counts_for)
        if mine is not None:
            mine.pop(connection, None)
            if not mine:
                del self._by_client[connection.counts_for]


def _order(connection: Connection) -> tuple[int, float]:
    return _GIVEN_UP.index(connection.state), connection.since
