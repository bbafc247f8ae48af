"""The lines of the server's log: whole, and written without making a request wait."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ca_service.web import log_lines
from ca_service.web.log_lines import LogLines
from tests.web.serving import Running
from tests.web.test_server import running

__all__ = ["running"]

_FEW = 4096  # the smallest pipe


@dataclass(slots=True)
class Pipe:
    """A pipe that takes one page, and a handler that writes to it. Its end is read when a test says so."""

    reading: int
    writing: int
    handler: LogLines = field(init=False)

    def __post_init__(self) -> None:
        self.handler = LogLines(self.writing)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def log(self, count: int, level: int = logging.INFO, text: str = "y" * 500) -> None:
        """Write this many records."""
        for _ in range(count):
            self.handler.handle(record(level, text))

    def read(self, lines: int) -> list[str]:
        """Return the next lines, and wait for them."""
        found = b""
        while found.count(b"\n") < lines:
            found += os.read(self.reading, 65536)
        return found.decode().splitlines()


def record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("x", level, "", 0, "%s", (text,), None)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe whose reader sleeps."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _FEW)
    pipe = Pipe(reading, writing)
    yield pipe
    os.close(reading)  # ends a write that waits
    pipe.handler.flush()  # or the rest would be written to the next file of that number
    os.close(writing)


def test_lines_of_the_log_are_whole_though_no_thread_waits_for_another(capfd: pytest.CaptureFixture[str]) -> None:
    handler = LogLines()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.acquire()  # a real lock would keep the threads waiting
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(handler.handle, [record(logging.INFO, "y" * 500 + "\udcff")] * 200))
    handler.flush()
    assert capfd.readouterr().err.splitlines() == [f"INFO {'y' * 500}\\udcff"] * 200


def test_a_log_that_is_not_read_keeps_no_thread_waiting_and_says_later_what_was_dropped(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "_MOST_LINES", 100)
    pipe.log(1000)
    found = pipe.read(101)
    while not found[-1].startswith("WARNING"):
        found += pipe.read(1)
    kept = len(found) - 1
    assert found[:-1] == [f"INFO {'y' * 500}"] * kept
    assert found[-1] == f"WARNING {1000 - kept} lines of the log were dropped, because it was not read in time"
    assert 100 <= kept <= 120


def test_an_error_waits_for_room_and_other_lines_do_not(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "_MOST_LINES", 100)
    monkeypatch.setattr(log_lines, "_PAUSE_SECONDS", 0.5)
    pipe.log(300)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pipe.log, 1, logging.ERROR, "boom")
        found: list[str] = []
        while "ERROR boom" not in found:
            found += pipe.read(1)
        waiting.result()
    assert found.count(f"INFO {'y' * 500}") < 120


def test_an_error_that_finds_no_room_is_dropped_and_counted(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "_MOST_LINES", 0)
    monkeypatch.setattr(log_lines, "_PAUSE_SECONDS", 0.0)
    pipe.log(1, logging.ERROR, "boom")
    monkeypatch.setattr(log_lines, "_MOST_LINES", 1)
    pipe.log(1, text="next")
    assert pipe.read(2) == ["INFO next", "WARNING 1 lines of the log were dropped, because it was not read in time"]


def test_the_end_of_a_process_does_not_wait_for_a_log_that_is_not_read(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "_LAST_SECONDS", 0.0)
    pipe.log(100)
    pipe.handler.flush()


def test_a_process_that_forks_while_it_logs_gives_its_child_a_queue_of_its_own(pipe: Pipe) -> None:
    pipe.log(1, text="parent")
    child = os.fork()
    if not child:
        pipe.log(1, text="child")
        pipe.handler.flush()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(pipe.read(2)) == ["INFO child", "INFO parent"]


def test_a_log_that_was_closed_does_not_stop_the_writer(capfd: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    handler = LogLines(writing)
    os.close(reading)
    handler.handle(record(logging.INFO, "lost"))
    handler.flush()
    os.dup2(2, writing)
    handler.handle(record(logging.INFO, "found"))
    for _ in range(2):  # the count is written after the line, or after the first of these
        handler.flush()
    os.close(writing)
    assert sorted(capfd.readouterr().err.splitlines()) == [
        "1 lines of the log were dropped, because it was not read in time",
        "found",
    ]


def test_a_pipe_that_does_not_block_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    pipe.log(50)
    assert pipe.read(50) == [f"INFO {'y' * 500}"] * 50


def test_a_server_whose_log_is_not_read_goes_on_answering(running: Running) -> None:
    assert running.process.stderr is not None
    fcntl.fcntl(running.process.stderr.fileno(), fcntl.F_SETPIPE_SZ, _FEW)
    for _ in range(200):  # a page takes some forty lines
        assert running.ask()[0] == 200
    running.process.send_signal(signal.SIGTERM)
    assert running.process.stderr.read()
    assert running.process.wait(20) == 0


def test_the_lines_of_gunicorn_are_among_ours(running: Running) -> None:
    pid = running.process.pid
    [worker, *_] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    assert running.process.stderr is not None
    told = next(line for line in running.process.stderr if "SIGKILL" in line)
    assert re.match(r"[-0-9]+ [:,0-9]+ ERROR gunicorn\.error Worker ", told)
