"""HTTP load: many connections from one thread, so that the client takes little of what it measures."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_END_OF_HEAD = b"\r\n\r\n"
_CLOSE = b"\r\nConnection: close\r\n\r\n"
_LENGTH = b"content-length:"
_BUFFER = 65_536


@dataclass(slots=True)
class _Connection:
    """One connection, and what has arrived of the answer to its request."""

    socket: socket.socket
    arrived: bytearray = field(default_factory=bytearray)


def request(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    """Return an HTTP/1.1 request; `headers` are whole lines, each with its line end."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}"
    return (f"{head}Content-Length: {len(body)}\r\n\r\n" if body else f"{head}\r\n").encode() + body


def rate(
    port: int,
    requests: Sequence[bytes],
    check: Callable[[bytes, bytes], None],
    *,
    connections: int,
    is_kept_alive: bool,
) -> float:
    """Return how many of these requests are answered in a second; `check` gets head and body of each answer."""
    pending = iter(requests if is_kept_alive else [each.replace(_END_OF_HEAD, _CLOSE, 1) for each in requests])
    answers = _Load(port, pending, is_kept_alive)
    started = time.perf_counter()
    for head, body in answers.run(connections):
        check(head, body)
    return len(requests) / (time.perf_counter() - started)


class _Load:
    def __init__(self, port: int, pending: Iterator[bytes], is_kept_alive: bool) -> None:
        self._address = ("127.0.0.1", port)
        self._pending = pending
        self._is_kept_alive = is_kept_alive
        self._selector = selectors.DefaultSelector()

    def run(self, connections: int) -> Iterator[tuple[bytes, bytes]]:
        for _ in range(connections):
            self._begin()
        while self._selector.get_map():
            for key, _ in self._selector.select():
                answer = self._receive(key.data)
                if answer is not None:
                    yield answer

    def _begin(self, reused: socket.socket | None = None) -> None:
        """Send the next request, if there is one."""
        found = next(self._pending, None)
        if found is None:
            if reused:
                reused.close()
            return
        client = reused or socket.create_connection(self._address)
        client.sendall(found)
        self._selector.register(client, selectors.EVENT_READ, _Connection(client))

    def _receive(self, connection: _Connection) -> tuple[bytes, bytes] | None:
        """Read what has arrived; return the answer once it is whole, and begin the next request."""
        data = connection.socket.recv(_BUFFER)
        connection.arrived += data
        answer = _whole(bytes(connection.arrived), is_closed=not data)
        if answer is None:
            return None
        self._selector.unregister(connection.socket)
        if self._is_kept_alive and b"connection: close" not in answer[0].lower():
            self._begin(connection.socket)
        else:
            connection.socket.close()
            self._begin()
        return answer


def _whole(data: bytes, *, is_closed: bool) -> tuple[bytes, bytes] | None:
    head, end, body = data.partition(_END_OF_HEAD)
    lower = head.lower()
    if end and _LENGTH in lower:
        length = int(lower.split(_LENGTH)[1].split(b"\r\n")[0])
        return (head, body[:length]) if len(body) >= length else None
    if end and b" 304 " in head.split(b"\r\n")[0]:
        return head, b""
    if is_closed:
        return head, body
    return None
