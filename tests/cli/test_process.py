"""The process that `ca-service` is: from the entry point, with real pipes, terminals and signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ca_service.cli.main import run
from ca_service.cli.session import operator
from tests.cli.door import CommandLine

_PROGRAM = (
    "import atexit, sys\n"
    "heavy = {'alembic', 'flask', 'gunicorn', 'werkzeug'}\n"
    "atexit.register(lambda: print('loaded:', sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
    "from ca_service.app import main\n"
    "main()\n"
)
_ROOT = Path(__file__).parents[2]


def _environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CA_SERVICE_", "COV_"))}
    return kept | {"PYTHONPATH": str(_ROOT)} | more


def _call(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, arguments)],
        capture_output=True,
        timeout=60,
        check=False,
        env=_environ(**more),
    )


def test_signing_loads_neither_web_nor_migrations(ca: CommandLine, csr: Path) -> None:
    done = _call("--instance", ca.folder, "sign", csr)
    assert done.returncode == 0, done.stderr
    assert b"Signed." in done.stdout
    assert done.stderr == b"loaded: []\n"


def test_a_character_that_the_terminal_lacks_stops_nothing(ca: CommandLine, csr: Path) -> None:
    done = _call("--instance", ca.folder, "check", csr, "--profile", "nope", PYTHONIOENCODING="latin-1")
    assert done.returncode == 2, done.stderr
    assert rb"There is no profile \u201cnope\u201d." in done.stderr


def test_a_pipe_that_is_closed_early_leaves_no_traceback(ca: CommandLine) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--instance", str(ca.folder), "config", "show"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environ(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert b"output.closed" in said
    assert b"Traceback" not in said
    assert b"BrokenPipeError" not in said


def test_an_interrupt_from_the_keyboard_leaves_no_traceback(ca: CommandLine) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--instance", str(ca.folder), "check", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environ(),
    ) as process:
        try:
            _wait_until_it_reads(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"interrupted" in said
    assert b"Traceback" not in said


def _wait_until_it_reads(pid: int) -> None:
    """Wait until the process sleeps in read(2) on its standard input."""
    for _ in range(300):
        call = Path(f"/proc/{pid}/syscall").read_text().split()
        if call[:2] == ["0", "0x0"]:
            return
        time.sleep(0.05)
    pytest.fail("the command never read its standard input")


def test_an_address_that_must_not_be_served_is_told_before_anything_is_made(tmp_path: Path) -> None:
    done = _call("--instance", tmp_path / "instance", "serve", "--host", "192.0.2.1", "--json")
    assert done.returncode == 1
    assert b"settings.contradiction" in done.stderr
    assert not (tmp_path / "instance").exists()


def test_it_serves_where_it_says_until_it_is_stopped(ca: CommandLine) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--instance", str(ca.folder), "serve", "--port", str(_free_port())],
        stdout=subprocess.PIPE,
        env=_environ(),
        text=True,
    ) as process:
        try:
            link = next(line.strip() for line in process.stdout or () if "/setup/" in line)
            assert _status(link) == 200
        finally:
            process.terminate()
    assert process.returncode == 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _status(url: str) -> int:
    """The status of the answer, as soon as there is one."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - it is http, on this machine
                return int(answer.status)
        except urllib.error.URLError:
            time.sleep(0.05)
    pytest.fail("nobody listens")


def test_the_process_ends_with_the_exit_code_of_its_command(ca: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ca-service", "show", "12"])
    with pytest.raises(SystemExit) as ended:
        run(ca.doors())
    assert ended.value.code == 1


def test_whoever_acts_under_a_number_without_a_name_is_recorded_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert operator().name == "cli:4000000"
