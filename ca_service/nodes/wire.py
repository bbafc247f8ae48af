"""TLS connections to one peer, with HTTP on them, and limits for time and size.

Written on sockets, and not on a client library: no request may leave before the certificate was compared, every wait
ends at the deadline of the call, and no redirect, proxy or cookie has a place in it.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from ca_service.authority.fleet.node_contact import Place
from ca_service.errors import CAServiceError, Rule, Unreachable
from ca_service.pki import names

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

NODE_UNREACHABLE: Final = Rule(
    "node.unreachable",
    "{host}:{port} does not answer: {reason}.",
    "Check address, port and firewall. If a change had begun, start again: the node is read first.",
)

_PIECE: Final = 64 * 1024

Stopwatch = Callable[[], float]
Result = TypeVar("Result")


class Limits:
    """The moment at which a call ends, and the size of its answer."""

    def __init__(self, stopwatch: Stopwatch, seconds: float, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._stopwatch = stopwatch
        self._ends = stopwatch() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self._ends - self._stopwatch()
        if left <= 0:
            raise TimeoutError
        return left

    def wait(self, connection: socket.socket, *, to_write: bool = False) -> None:
        """Wait until the connection is ready. Raises TimeoutError at the deadline."""
        ready = select.poll()  # and not select, which takes no descriptor above 1023: a busy server has more
        ready.register(connection, select.POLLIN | (select.POLLOUT if to_write else 0))
        if not ready.poll(self.left() * 1000):
            raise TimeoutError


class Wire(io.RawIOBase):
    """A TLS connection. It waits no longer, and reads no more, than its limits allow."""

    def __init__(self, tls: ssl.SSLSocket, limits: Limits) -> None:
        super().__init__()
        self._tls = tls
        self._limits = limits
        self._received = 0

    @property
    def peer(self) -> bytes:
        """The certificate of the other side, DER."""
        return self._tls.getpeercert(binary_form=True) or b""

    def shake_hands(self) -> None:
        """Make the handshake."""
        self._retried(self._tls.do_handshake)

    def send(self, data: bytes) -> None:
        """Send a whole request."""
        sent = 0
        while sent < len(data):
            sent += self._retried(partial(self._tls.send, data[sent:]))

    def receive(self, method: str) -> tuple[int, str, bytes]:
        """Return status, media type and body of the answer, which is read in pieces: it may announce any size."""
        with http.client.HTTPResponse(cast(socket.socket, self), method=method) as response:
            response.begin()
            try:
                body = b"".join(iter(lambda: response.read(_PIECE), b""))
            except ValueError as error:  # the library takes the size of a chunk as it comes, and that may be negative
                raise http.client.HTTPException("a wrong length") from error
            if response.length:  # the rest that was announced; reading in pieces does not mind
                raise http.client.IncompleteRead(b"", response.length)
            return response.status, response.headers.get_content_type(), body

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the connection as http.client reads it."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what is there, waiting for the first byte."""
        count = self._retried(lambda: self._tls.recv_into(buffer))
        self._received += count
        if self._received > self._limits.max_bytes:
            raise http.client.HTTPException("too much was sent")
        return count

    def _retried(self, act: Callable[[], Result]) -> Result:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                self._limits.wait(self._tls)
            except ssl.SSLWantWriteError:
                self._limits.wait(self._tls, to_write=True)


@contextmanager
def connected(place: Place, limits: Limits) -> Iterator[Wire]:
    """Connect with TLS. Raises Unreachable, also for what goes wrong inside."""
    try:
        with (
            socket.create_connection((place.address, place.port), timeout=limits.left()) as connection,
            _context().wrap_socket(
                connection, server_hostname=place.host, do_handshake_on_connect=False, suppress_ragged_eofs=True
            ) as tls,
        ):
            tls.setblocking(False)
            wire = Wire(tls, limits)
            wire.shake_hands()
            yield wire
    except CAServiceError:
        raise
    except TimeoutError as error:
        raise unreachable(place, "no answer in time; whether a change was made is not known") from error
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(place, _reason(error)) from error


def _context() -> ssl.SSLContext:
    """Return a context that takes every certificate: the caller compares it, byte for byte, with the pinned one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def unreachable(place: Place, reason: str) -> Unreachable:
    """Return the error for a node that does not answer."""
    return Unreachable.because(NODE_UNREACHABLE, host=names.bracketed(place.host), port=place.port, reason=reason)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no TLS ({error.reason or type(error).__name__})"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"it does not speak HTTP ({type(error).__name__})"
