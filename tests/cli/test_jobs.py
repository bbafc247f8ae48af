"""`jobs`: what is done again and again, once or for good."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ca_service.authority.installation import Installation
from ca_service.authority.jobs import Outcome
from tests.cli.command_line import CommandLine, tamper

_PROGRAM = "from ca_service.app import main\nmain()\n"
_SECRET = {"CA_SERVICE_WEBHOOK__SECRET": "whsec_" + "A" * 44}
_ROOT = Path(__file__).parents[2]


def test_the_list_names_every_job_and_how_it_went(ca: CommandLine) -> None:
    before = ca("jobs", "list").stdout
    assert "never" in before
    ca("jobs", "run", "outbox")

    [notices, outbox, *_] = ca.answer("jobs", "list")["jobs"]

    assert (notices["name"], notices["outcome"], notices["every_seconds"]) == ("notices", "never run", 3600)
    assert (outbox["name"], outbox["outcome"], outbox["count"]) == ("outbox", "done", 0)
    assert outbox["succeeded_at"] >= outbox["started_at"]  # the second may change between the two


def test_a_job_that_is_run_tells_how_it_went(ca: CommandLine) -> None:
    result = ca("jobs", "run", "notices")

    assert result.exit_code == 0
    assert result.stdout.startswith("notices: done, 0 items in ")


def test_a_job_that_another_process_does_is_no_error(ca: CommandLine, opened: Installation) -> None:
    store, now = opened.jobs._store, opened.clock()
    store.take("outbox", "other", now, now.replace(year=2999), None)

    result = ca("jobs", "run", "outbox")

    assert (result.exit_code, result.stdout) == (0, "outbox: another process is doing it.\n")
    assert "running" in ca("jobs", "list").stdout


def test_a_job_that_fails_ends_with_an_error(ca: CommandLine) -> None:
    with contextlib.closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("DROP TABLE outbox")
    sending = CommandLine(ca.folder, {"CA_SERVICE_WEBHOOK__URL": "http://127.0.0.1:1/", **_SECRET})

    result = sending("jobs", "run", "outbox")

    assert (result.exit_code, result.stdout.partition(",")[0]) == (
        1,
        "outbox: failed (database.unusable; the log tells more)",
    )


@pytest.mark.fault("database", "The row of a job cannot be read", "the jobs run, that one too")
@pytest.mark.parametrize("change", ["until = 'x'", "started_at = 'x'", "outcome = 'x'", "detail = CAST(x'ff' AS TEXT)"])
def test_a_row_that_cannot_be_read_stops_no_job(ca: CommandLine, opened: Installation, change: str) -> None:
    opened.jobs.run_due()
    tamper(ca, f"UPDATE job_run SET {change} WHERE name = 'seal'")  # noqa: S608
    listed = {each["name"]: each["outcome"] for each in ca.answer("jobs", "list")["jobs"]}
    assert (listed["seal"], listed["probe"]) == ("never run", "done")
    assert [(each.name, each.outcome) for each in opened.jobs.run_due()] == [("seal", Outcome.DONE)]


def test_a_job_that_there_is_not_is_refused(ca: CommandLine) -> None:
    assert ca.rule("jobs", "run", "play", code=1) == "job.unknown"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what was started."""
    with ExitStack() as stack:
        yield stack


def start(ca: CommandLine, stack: ExitStack) -> subprocess.Popen[str]:
    """A process that does the jobs."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CA_SERVICE_", "COV_"))}
    command = [sys.executable, "-c", _PROGRAM, "--instance", str(ca.folder), "jobs", "loop"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ | {"PYTHONPATH": str(_ROOT)}
    )
    stack.callback(process.kill)
    return process


def wait_for_jobs(ca: CommandLine) -> None:
    """Until each of them was done."""
    for _ in range(200):
        if all(job["outcome"] == "done" for job in ca.answer("jobs", "list")["jobs"]):
            return
        time.sleep(0.1)
    raise AssertionError("they are not done")


def wait_for_loop(process: subprocess.Popen[str]) -> None:
    """Until the process has its handler of SIGTERM: before that, the signal ends it."""
    caught = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
    for _ in range(200):
        found = caught.search(Path(f"/proc/{process.pid}/status").read_text())
        if found and int(found[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.1)
    raise AssertionError("it does not begin")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_does_what_is_due_and_stops_at_once_when_it_is_told_to(
    ca: CommandLine, stack: ExitStack, number: signal.Signals
) -> None:
    process = start(ca, stack)
    wait_for_jobs(ca)
    begun = time.monotonic()

    process.send_signal(number)
    _, told = process.communicate(timeout=20)

    assert time.monotonic() - begun < 5
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert not any(job["is_running"] for job in ca.answer("jobs", "list")["jobs"])


def test_two_loops_at_once_get_in_each_others_way_nowhere(ca: CommandLine, stack: ExitStack) -> None:
    processes = [start(ca, stack), start(ca, stack)]
    wait_for_jobs(ca)
    for process in processes:
        wait_for_loop(process)
    time.sleep(0.5)
    for process in processes:
        process.terminate()

    for process in processes:
        _, told = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in told
        assert "lost its lease" not in told
