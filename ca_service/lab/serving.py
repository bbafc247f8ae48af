"""Emulated nodes on ports of this machine: the API, a port that only presents certificates, the command line."""

from __future__ import annotations

import contextlib
import errno
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.errors import Conflict, Rule
from ca_service.lab import materials
from ca_service.lab.api import APIHandler, Fault
from ca_service.lab.console import Console
from ca_service.lab.node import LabNode, Served

LAB_PORT_IN_USE: Final = Rule(
    "lab.port-in-use",
    "Port {port} of this machine is in use by another program.",
    "Choose another first port with --port: each node takes three from there on. `--port 0` takes free ones.",
    title="The port is in use",
)
LAB_PORT: Final = Rule(
    "lab.port",
    "The lab cannot listen on port {port} of this machine: {reason}.",
    "Choose another first port with --port: each node takes three from there on. `--port 0` takes free ones.",
    title="This port cannot be used",
)

ADDRESS: Final = "127.0.0.1"
_IDLE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one node; 0 lets the system choose."""

    api: int = 0
    served: int = 0
    console: int = 0


@contextmanager
def serving(
    node: LabNode,
    ports: Ports = Ports(),
    faults: Collection[Fault] = (),
    *,
    slow_seconds: float = 10.0,
    has_api: bool = True,
) -> Iterator[Ports]:
    """Serve one node until the end; yield its ports, 0 for an API that it does not have.

    Raises Conflict if a port is in use or cannot be used.
    """
    handler = type("Handler", (APIHandler,), {"node": node, "faults": faults, "slow_seconds": slow_seconds})
    console = type("Handler", (_ConsoleHandler,), {"node": node})
    presenter = _Presenter(node, oldest=ssl.TLSVersion.TLSv1_3 if Fault.TLS_13_ONLY in faults else None)
    with ExitStack() as stack:
        api = stack.enter_context(_running(_APIServer((ADDRESS, ports.api), handler, presenter))) if has_api else None
        served = stack.enter_context(_running(_TLSServer((ADDRESS, ports.served), _PresentingHandler, presenter)))
        line = stack.enter_context(_running(_TCPServer((ADDRESS, ports.console), console)))
        yield Ports(*(each.server_address[1] if each else 0 for each in (api, served, line)))


@contextmanager
def cluster(
    nodes: Sequence[LabNode], port: int = 0, faults: Collection[Fault] = (), *, has_api: bool = True
) -> Iterator[tuple[Ports, ...]]:
    """Serve nodes until the end, the first as the publisher of the others; yield their ports.

    Each node has three ports, from `port` on; 0 lets the system choose.
    """
    nodes[0].subscribers += nodes[1:]
    firsts = [port + 3 * number if port else 0 for number in range(len(nodes))]
    wanted = [Ports(first, first + 1, first + 2) if first else Ports() for first in firsts]
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(serving(node, ports, faults, has_api=has_api))
            for node, ports in zip(nodes, wanted, strict=True)
        )


class _Presenter:
    """The certificates that the ports of a node present, as of its last restart."""

    def __init__(self, node: LabNode, oldest: ssl.TLSVersion | None) -> None:
        self._node = node
        self._oldest = oldest or ssl.TLSVersion.TLSv1_2
        self._made: tuple[Served, ssl.SSLContext] | None = None
        self._lock = threading.Lock()

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        """Begin TLS on a connection; the handshake is made by its first reader."""
        with self._lock:
            served = self._node.served
            if self._made is None or self._made[0] is not served:
                self._made = (served, _context(served, self._oldest))
            context = self._made[1]
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


def _context(served: Served, oldest: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a context with the presented chains; OpenSSL loads keys from files only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    for identity, chain in served.presented:
        with tempfile.NamedTemporaryFile(prefix="lab-node-") as file:  # readable by its owner alone
            text = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
            Path(file.name).write_bytes(materials.private_pem(identity.key) + text)
            context.load_cert_chain(file.name)
    return context


class _TCPServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind the port. Raises Conflict if it is in use or cannot be used."""
        port = self.server_address[1]
        try:
            super().server_bind()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict.because(LAB_PORT_IN_USE, port=port) from error
            raise Conflict.because(LAB_PORT, port=port, reason=error.strerror or type(error).__name__) from error
        except OverflowError as error:
            raise Conflict.because(LAB_PORT, port=port, reason="the highest is 65535") from error

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that go away."""


class _TLSServer(_TCPServer):
    def __init__(self, address: tuple[str, int], handler: Any, presenter: _Presenter) -> None:
        self._presenter = presenter
        super().__init__(address, handler)

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection and begin TLS on it."""
        connection, address = super().get_request()
        return self._presenter.wrap(connection), address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.close_request(request)


class _APIServer(_TLSServer, ThreadingHTTPServer):
    """The server of the API."""


class _PresentingHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Make the handshake, and wait for the client to go."""
        self.request.settimeout(10)
        with contextlib.suppress(OSError):
            self.request.recv(1)


class _ConsoleHandler(socketserver.StreamRequestHandler):
    node: LabNode
    timeout = _IDLE_SECONDS

    def handle(self) -> None:
        """Serve one sign-in at the command line."""
        with contextlib.suppress(OSError):
            for text in Console(self.node, lambda: self.rfile.readline(4096).decode(errors="replace")).run():
                self.wfile.write(text.encode())


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
