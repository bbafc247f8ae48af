"""Clients that are slow, silent, many or polite, on real sockets: others are answered meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from ca_service import settings as settings_module
from ca_service.app import open_installation
from tests.support.factories import OPERATOR
from tests.web.conftest import Made
from tests.web.serving import HEALTH, Forked, clients, dripping, received, running, status_of

_CLOSE: Final = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
_BODY: Final = b"POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n"


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Path:
    """A copy of the installation."""
    return shutil.copytree(made.folder, tmp_path / "instance")


@pytest.fixture
def server(folder: Path) -> Iterator[Forked]:
    """A server with the limits that it has by default."""
    with running(folder) as found:
        yield found


def test_clients_that_do_not_hang_up_after_their_answer_hold_nothing(server: Forked) -> None:
    with clients(server, 20, _CLOSE):
        assert server.answered() == 5


def test_clients_that_send_nothing_hold_nothing(server: Forked) -> None:
    with clients(server, 100):
        assert server.answered() == 5


def test_heads_that_drip_hold_nothing(server: Forked) -> None:
    with clients(server, 8, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ") as slow, dripping(slow):
        assert server.answered() == 5


def test_bodies_that_drip_hold_nothing_even_with_a_token(folder: Path) -> None:
    installation = open_installation(settings_module.load({}, folder).settings)
    token = installation.tokens.create(OPERATOR, "approver", "slow", 1).secret
    installation.close()
    head = f"POST /api/v1/certificates HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    for framing in ("Content-Length: 2000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n7d0\r\n"):
        with running(folder) as server, clients(server, 8, (head + framing).encode()) as slow, dripping(slow):
            time.sleep(0.5)
            assert server.answered() == 5


def test_clients_that_do_not_read_their_answers_hold_nothing(folder: Path) -> None:
    many = b"GET /static/site.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400  # more than any socket takes
    with running(folder, grace=1) as server, ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(8)]
        for each in slow:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.sendall(many)
        time.sleep(0.5)
        assert server.answered() == 5
        time.sleep(3)
        with pytest.raises(ConnectionResetError):  # given up
            received(slow[0])


def test_more_clients_than_open_files_neither_end_the_worker_nor_hold_it(folder: Path) -> None:
    # The limits count fewer files than there are in the first case, and more in the second.
    for connections in (100, 10_000):
        with running(folder, files=200, connections=connections) as server:
            before = server.workers()
            with clients(server, 400, _CLOSE), clients(server, 400):
                time.sleep(1)
                if connections < 200:  # without files, none is answered until some of them end
                    assert server.answered() == 5
            assert server.answered() == 5
            assert server.workers() == before


def test_what_does_not_arrive_in_time_is_answered_with_408(folder: Path) -> None:
    with running(folder, head=0.5, grace=0.5) as server:
        for sent in (b"GET /healthz HTTP/1.1\r\n", _BODY, _BODY + b"x" * 100):
            with server.connect(sent) as slow, dripping([slow]):
                answer = received(slow)
            assert (status_of(answer), b"Connection: close" in answer) == (408, True)
        with server.connect() as silent:
            assert received(silent) == b""


def test_a_body_that_keeps_coming_has_its_time(folder: Path) -> None:
    with running(folder, grace=1, bytes_per_second=100) as server:
        with server.connect(_BODY) as steady:
            for _ in range(20):
                time.sleep(0.15)
                steady.sendall(b"x" * 100)
            assert status_of(steady.recv(4096)) == 200
        with running(folder, grace=1, body=1, bytes_per_second=100) as hurried, hurried.connect(_BODY) as late:
            late.sendall(b"x" * 1000)
            assert status_of(received(late)) == 408


def test_kept_alive_connections_make_room_the_oldest_first(folder: Path) -> None:
    with running(folder, connections=4, kept_alive=60) as server, ExitStack() as stack:
        idle = []
        for _ in range(4):
            idle.append(stack.enter_context(server.connect(HEALTH)))
            assert status_of(idle[-1].recv(4096)) == 200
            time.sleep(0.2)  # until the server waits for it again: after its answer, and before the next one comes
        assert server.answered(1) == 1
        assert is_gone(idle[0])
        for each in idle[2:]:
            each.sendall(HEALTH)
            assert status_of(each.recv(4096)) == 200


def is_gone(connection: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    try:
        return not connection.recv(1)
    except ConnectionResetError:
        return True


def test_an_address_at_its_cap_gives_up_its_own_connections(folder: Path) -> None:
    part = HEALTH[:30]
    with (
        running(folder, connections_of_address=3, caps_loopback=True) as server,
        server.connect(part) as honest,
        ExitStack() as stack,
    ):
        hogs = [stack.enter_context(server.connect(part, source="127.0.0.2")) for _ in range(8)]
        assert all(is_gone(each) for each in hogs[:5])
        for each in (honest, *hogs[5:]):
            each.sendall(HEALTH[30:])
            assert status_of(each.recv(4096)) == 200


def test_loopback_has_no_cap(folder: Path) -> None:
    with running(folder, connections_of_address=3) as server, clients(server, 8, HEALTH[:30]) as many:
        assert server.answered() == 5
        for each in many:
            each.sendall(HEALTH[30:])
            assert status_of(each.recv(4096)) == 200


def test_bodies_that_would_not_fit_into_memory_are_given_up(folder: Path) -> None:
    large = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n" + b"x" * 150_000
    with running(folder, held_bytes=1_000_000) as server, clients(server, 12, large) as many:
        assert server.answered() == 5
        assert is_gone(many[0])
        many[-1].sendall(b"x" * 50_000)
        assert status_of(many[-1].recv(4096)) == 400


def test_kept_alive_connections_end_cleanly_with_the_server(server: Forked) -> None:
    with server.connect(HEALTH) as idle, server.connect(HEALTH) as asking, server.connect(HEALTH[:20]) as begun:
        assert b"Connection: keep-alive" in idle.recv(4096)
        assert b"Connection: keep-alive" in asking.recv(4096)
        server.process.terminate()
        time.sleep(0.2)
        asking.sendall(HEALTH)
        begun.sendall(HEALTH[20:])
        assert b"Connection: close" in received(asking)
        assert b"Connection: close" in received(begun)
        assert received(idle) == b""
        for _ in range(2):  # a request that crosses the end is not answered with a reset
            idle.sendall(HEALTH)
            time.sleep(0.1)
    server.process.join(10)
    assert server.process.exitcode == 0


def test_connections_that_were_not_accepted_yet_are_answered_before_the_end(folder: Path) -> None:
    with running(folder) as server, ExitStack() as stack:
        [worker] = map(int, server.workers())
        os.kill(worker, signal.SIGSTOP)
        waiting = [stack.enter_context(server.connect(HEALTH)) for _ in range(20)]
        server.process.terminate()
        time.sleep(0.5)
        os.kill(worker, signal.SIGCONT)
        assert {status_of(received(each)) for each in waiting} == {200}


@pytest.mark.parametrize("path", ["/sign-in", "/ocsp", "/api/v1/certificates"])
def test_malformed_chunks_are_answered_with_400(server: Forked, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    for body in (b"zz\r\n", b"5\r\nhelloXX0\r\n\r\n"):
        with server.connect(head + body + HEALTH) as connection:
            answer = received(connection)
        assert (status_of(answer), answer.count(b"HTTP/1.1 ")) == (400, 1)  # what follows is no request


def test_a_client_that_has_ended_its_side_is_answered(server: Forked) -> None:
    with server.connect(HEALTH + HEALTH) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert received(connection).count(b"HTTP/1.1 200 OK") == 2


def test_a_large_body_is_refused_before_it_is_sent_and_another_one_asked_for(server: Forked) -> None:
    head = b"POST /ocsp HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
    with server.connect(head + b"9000000\r\n\r\n") as large, server.connect(head + b"5\r\n\r\n") as small:
        assert status_of(large.recv(4096)) == 413
        assert small.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        small.sendall(b"hello")
        assert status_of(small.recv(4096)) == 200


def test_a_request_that_has_arrived_is_answered_however_many_clients_come_after_it(folder: Path) -> None:
    with running(folder, connections=4, kept_alive=60) as server, ExitStack() as stack:
        [worker] = map(int, server.workers())
        os.kill(worker, signal.SIGSTOP)  # so that it finds all of them together
        for _ in range(2):  # as many as it has threads
            stack.enter_context(server.connect(HEALTH[:30]))
        asking = stack.enter_context(server.connect(HEALTH))
        for _ in range(20):
            stack.enter_context(server.connect())
        os.kill(worker, signal.SIGCONT)
        assert status_of(asking.recv(4096)) == 200
