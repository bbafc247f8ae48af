"""The server as it really runs: gunicorn with two processes, on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_service.authority.jobs import JobRun, Outcome
from ca_service.errors import Conflict
from ca_service.storage.notices import SQLJobStore
from ca_service.storage.sqlite import SQLiteDatabase
from ca_service.web.server import reserve
from tests.support.ports import free_port
from tests.web.conftest import Made
from tests.web.serving import PROGRAM, Running, Server, wait


@pytest.fixture
def running(made: Made, tmp_path: Path) -> Iterator[Running]:
    """A server on a copy of the installation."""
    folder, port = shutil.copytree(made.folder, tmp_path / "instance"), free_port()
    command = [sys.executable, "-c", PROGRAM, str(folder), str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        server = Running(process.pid, port, process)
        wait(server)
        yield server
        process.kill()


def test_the_server_answers_with_two_processes_and_ends_when_it_is_asked_to(running: Running) -> None:
    for _ in range(100):  # the second may come a little later
        if len(running.workers()) < 2:
            time.sleep(0.1)
    assert len(running.workers()) == 2
    assert {running.ask()[0] for _ in range(8)} == {200}
    assert running.ask(path="/setup/not-for-the-log")[0] == 404
    status, page = running.ask("POST", "/sign-in", b"x" * 6_000_000)
    assert (status, b"http.too-large" in page) == (413, True)

    code, log = running.stop()

    assert code == 0
    assert "GET /healthz 200" in log
    assert "not-for-the-log" not in log
    assert "Traceback" not in log


def test_connections_that_stay_silent_do_not_hold_the_server(running: Running) -> None:
    silent = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(6)]  # more than there are threads
    try:
        for connection in silent:
            connection.sendall(b"POST /sign-in HTTP/1.1\r\nHost: ")
        time.sleep(0.5)
        wait(running)
        assert running.ask(timeout=30)[0] == 200
    finally:
        for connection in silent:
            connection.close()


def test_connections_from_before_the_application_was_loaded_do_not_hold_it_either(made: Made, tmp_path: Path) -> None:
    folder, port = shutil.copytree(made.folder, tmp_path / "instance"), free_port()
    slow = PROGRAM.replace("lambda: create_app", "lambda: __import__('time').sleep(1.5) or create_app")
    one = slow.replace("workers=2, threads=2", "workers=1, threads=1")
    with subprocess.Popen([sys.executable, "-c", one, str(folder), str(port)], stderr=subprocess.DEVNULL) as process:
        silent = connected(port)
        try:
            silent.sendall(b"POST /sign-in HTTP/1.1\r\nHost: ")
            assert Server(process.pid, port).ask(timeout=20)[0] == 200
        finally:
            silent.close()
            process.kill()


def connected(port: int) -> socket.socket:
    """A connection, as soon as somebody listens."""
    for _ in range(3000):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.01)
    raise AssertionError("nobody listens")


def test_a_port_in_use_cannot_be_reserved() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        with pytest.raises(Conflict) as refused:
            reserve("127.0.0.1", port)

    assert refused.value.rule == "server.port-in-use"
    assert str(port) in str(refused.value)


def test_a_reserved_port_cannot_be_reserved_again() -> None:
    port = free_port()
    with reserve("127.0.0.1", port), pytest.raises(Conflict) as refused:
        reserve("127.0.0.1", port)
    assert refused.value.rule == "server.port-in-use"
    reserve("127.0.0.1", port).close()


def test_an_address_of_another_machine_cannot_be_reserved() -> None:
    with pytest.raises(Conflict) as refused:
        reserve("192.0.2.1", free_port())
    assert refused.value.rule == "server.address"


def test_every_worker_offers_to_do_the_jobs_and_each_is_done_by_one(made: Made, tmp_path: Path) -> None:
    folder, port = shutil.copytree(made.folder, tmp_path / "instance"), free_port()
    doing = PROGRAM.replace("threads=2", "threads=2, does_jobs=True")
    command = [sys.executable, "-c", doing, str(folder), str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        server = Running(process.pid, port, process)
        wait(server)
        runs = jobs_done(folder)
        begun = time.monotonic()
        code, log = server.stop()

    assert {run.outcome for run in runs} == {Outcome.DONE}
    assert (code, "Traceback" in log, "lost its lease" in log) == (0, False, False)
    assert time.monotonic() - begun < 15  # a worker that does not stop is killed after 20
    assert all(not run.holder for run in SQLJobStore(SQLiteDatabase(folder / "ca.sqlite3")).list_runs())


def jobs_done(folder: Path) -> tuple[JobRun, ...]:
    """How the jobs went, as soon as each of them was done."""
    store = SQLJobStore(SQLiteDatabase(folder / "ca.sqlite3"))
    for _ in range(200):
        runs = store.list_runs()
        if len(runs) >= 2 and all(run.ended_at for run in runs):
            return runs
        time.sleep(0.1)
    raise AssertionError(f"they are not done: {runs}")


@pytest.mark.usefixtures("running")
def test_a_server_that_is_not_to_do_the_jobs_does_none(tmp_path: Path) -> None:
    time.sleep(1)
    assert SQLJobStore(SQLiteDatabase(tmp_path / "instance/ca.sqlite3")).list_runs() == ()
