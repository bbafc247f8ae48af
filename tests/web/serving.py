"""The server in processes of its own, and clients of it that are slow or many."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from ca_service import settings
from ca_service.app.serving import create_app
from ca_service.web.limits import Limits
from ca_service.web.server import ServerOptions, serve
from tests.support.forked import FORKED
from tests.support.ports import free_port

# Of servers that differ in more than their limits.
PROGRAM: Final = """
import sys
from pathlib import Path
from ca_service import settings
from ca_service.app import create_app
from ca_service.web.server import ServerOptions, serve

loaded = settings.load({}, Path(sys.argv[1])).settings
options = ServerOptions(host="127.0.0.1", port=int(sys.argv[2]), workers=2, threads=2)
serve(lambda: create_app(loaded), options)
"""
HEALTH: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A server in processes of its own, and the id of the first of them."""

    pid: int
    port: int

    def ask(
        self, method: str = "GET", path: str = "/healthz", body: bytes = b"", timeout: float = 10
    ) -> tuple[int, bytes]:
        """Status and body of an answer; raises OSError while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body or None)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answered(self, probes: int = 5, timeout: float = 4) -> int:
        """How many of some requests, one after the other, are answered soon."""
        count = 0
        for _ in range(probes):
            with contextlib.suppress(OSError):
                count += self.ask(timeout=timeout)[0] == 200
        return count

    def workers(self) -> list[str]:
        """The ids of its worker processes."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return children.read_text(encoding="ascii").split()

    def connect(self, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        """A connection on which this was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
        connection.sendall(sent)
        return connection


@dataclass(frozen=True, slots=True)
class Running(Server):
    """A server that runs PROGRAM."""

    process: subprocess.Popen[Any]

    def stop(self) -> tuple[int, str]:
        """Exit code and log, after it was asked to end."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log


@dataclass(frozen=True, slots=True)
class Forked(Server):
    """A server that was forked."""

    process: BaseProcess


def wait(server: Server) -> None:
    """Wait until the server answers."""
    for _ in range(1000):
        try:
            server.ask()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("it does not answer")


@contextmanager
def running(folder: Path, *, files: int = 0, **limits: Any) -> Iterator[Forked]:
    """One worker with two threads, with these limits; it may have this many open files, if not as many as usual."""
    port = free_port()
    process = FORKED.Process(target=_serve, args=(folder, port, files, limits))
    process.start()
    assert process.pid
    server = Forked(process.pid, port, process)
    try:
        wait(server)
        yield server
    finally:
        process.kill()
        process.join()


def _serve(folder: Path, port: int, files: int, limits: Mapping[str, Any]) -> None:
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    loaded = settings.load({}, folder).settings
    options = ServerOptions(host="127.0.0.1", port=port, workers=1, threads=2, limits=Limits(**limits))
    serve(lambda: create_app(loaded), options)


@contextmanager
def clients(server: Server, number: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Have many connections on which this was sent."""
    with ExitStack() as stack:
        yield [stack.enter_context(server.connect(sent)) for _ in range(number)]


@contextmanager
def dripping(connections: Sequence[socket.socket]) -> Iterator[None]:
    """Send a byte on each of these now and then."""
    is_over = threading.Event()

    def drip() -> None:
        while not is_over.wait(0.3):
            for each in connections:
                with contextlib.suppress(OSError):
                    each.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def received(connection: socket.socket) -> bytes:
    """All that the server sends until it closes the connection; fails if it resets it."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def status_of(answer: bytes) -> int:
    """The status in the first line of an answer."""
    return int(answer.split(b" ", 2)[1])
