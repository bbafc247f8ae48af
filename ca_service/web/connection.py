"""One connection of a client: its state, the request that arrives, and what the client has not taken of an answer.

A connection is in one state at a time:

    IDLE      nothing of a request has arrived
    HEAD      a part of the head has arrived
    BODY      the head has arrived, the body has not
    WORKING   the request is whole: a thread has it, or it waits for one
    SENDING   the answer is made, and the client has not taken all of it
    CLOSING   the answer is sent, and what the client still sends is discarded: to close now would reset the connection,
              and the client might lose the answer (RFC 9112, 9.6)
    CLOSED    the socket is closed

    IDLE -> HEAD -> BODY -> WORKING -> SENDING -> IDLE, or CLOSING -> CLOSED

A state is skipped if there is nothing to wait for. The poller owns a connection in every state but WORKING, so that no
thread waits for a client, with the one exception that `Outbox` describes. Each of the poller's states has a deadline
(`Limits`). After it, HEAD and BODY are answered with 408, SENDING is reset, IDLE and CLOSING are closed.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice
from typing import Any, Final, cast

from ca_service.web.incoming import Incoming
from ca_service.web.limits import Limits

_RESET: Final = struct.pack(
    "ii", 1, 0
)  # close discards what the client has not taken, so that the kernel keeps nothing
_PIECES: Final = 16  # sent with one system call
_MILLISECONDS: Final = 1000


class State(Enum):
    """The states of a connection, which the docstring of this module describes."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    WORKING = auto()
    SENDING = auto()
    CLOSING = auto()
    CLOSED = auto()


class ClientGone(Exception):
    """The client has hung up, or takes its answer too slowly."""


@dataclass(slots=True, eq=False)
class Connection:
    """A connection, and how it is doing: `since` when it is in its state, and how many bytes it has moved there."""

    sock: socket.socket
    client: Any
    server: Any
    counts_for: str
    incoming: Incoming
    outbox: Outbox
    state: State = State.IDLE
    since: float = field(default_factory=time.monotonic)
    moved: int = 0
    is_kept_alive: bool = False
    watched: int = 0  # the events that the poller waits for
    body_bytes: int = 0  # of the request that a thread has
    received: int = 0  # bytes that were counted as held
    objects: dict[int, bytes] = field(default_factory=dict)  # of the answer, that were counted as held

    def enter(self, state: State) -> None:
        """Change the state."""
        self.state, self.since, self.moved = state, time.monotonic(), 0

    def is_late(self, now: float, limits: Limits) -> bool:
        """Return whether the deadline of the state has passed."""
        return self.state is not State.WORKING and now - self.since > self._patience(limits)

    def _patience(self, limits: Limits) -> float:
        earned = self.moved / limits.bytes_per_second
        match self.state:
            case State.IDLE:
                return limits.kept_alive if self.is_kept_alive else limits.head
            case State.HEAD:
                return limits.head
            case State.BODY:
                return min(limits.body, limits.grace + earned)
            case State.CLOSING:
                return min(limits.body, limits.linger + earned)
            case _:
                return limits.grace + earned

    def close(self, *, is_reset: bool = False) -> None:
        """Close the socket. `is_reset`: the kernel forgets what the client has not taken."""
        self.state = State.CLOSED
        with suppress(OSError):
            if is_reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.sock.close()


class Outbox:
    """The data for a client: as much as the socket takes immediately; the rest waits here for the poller.

    gunicorn writes to it as to a socket. A thread waits for its client in one case: an answer that is made piece by
    piece, such as a long list, is more than `ahead_bytes` ahead of a client that is not slower than
    `ahead_bytes_per_second`. A slower one is given up after the grace.
    """

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._sock = sock
        self._limits = limits
        self._pieces: deque[memoryview] = deque()
        self.has_begun = False
        self._waited = 0.0
        self.held = 0

    def begin(self) -> None:
        """Begin another answer. Its head is sent with the first piece of its body, in one packet."""
        self.has_begun, self._waited = False, 0.0

    def sendall(self, data: bytes) -> None:
        """Send this, now or later. Raises ClientGone."""
        self._stay_near()
        if data:
            self._pieces.append(memoryview(data))
            self.held += len(data)
        if self.has_begun:
            self.flush()
        self.has_begun = True

    def gettimeout(self) -> float:
        """Return that this never blocks, for gunicorn."""
        return 0.0

    def flush(self) -> int:
        """Send what the socket takes, and return how much that was. Raises ClientGone."""
        total = 0
        while self._pieces:
            try:
                sent = self._sock.sendmsg(list(islice(self._pieces, _PIECES)))
            except BlockingIOError:
                break
            except OSError as error:
                raise ClientGone from error
            self._forget(sent)
            total += sent
        return total

    def objects(self) -> dict[int, bytes]:
        """Return each object that waits here, by its identity: many clients may wait for the same list.

        An identity is free for another object once this one is gone, so it counts as long as the object is kept.
        """
        return {id(piece.obj): cast(bytes, piece.obj) for piece in self._pieces}

    def _forget(self, sent: int) -> None:
        self.held -= sent
        while sent and sent >= len(self._pieces[0]):
            sent -= len(self._pieces.popleft())
        if sent:
            self._pieces[0] = self._pieces[0][sent:]

    def _stay_near(self) -> None:
        """Wait while the answer is far ahead of its client."""
        while self.held > self._limits.ahead_bytes:
            begun, patience = time.monotonic(), self._limits.grace - self._waited
            writable = select.poll()
            writable.register(self._sock, select.POLLOUT)
            if patience <= 0 or not writable.poll(patience * _MILLISECONDS):
                raise ClientGone
            earned = self.flush() / self._limits.ahead_bytes_per_second
            self._waited = max(0.0, self._waited + time.monotonic() - begun - earned)
