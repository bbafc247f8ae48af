"""The process that `ca-service` is: from the entry point, with real pipes, terminals and signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Pool, event

from ca_service.cli.main import run
from ca_service.cli.session import operator
from tests.cli.command_line import CommandLine
from tests.support.ports import free_port

_HEAVY = (
    *("alembic", "argon2", "cryptography", "flask", "gunicorn", "icalendar", "jinja2", "prometheus_client", "pydantic"),
    *("requests", "sqlalchemy", "sqlalchemy.dialects.postgresql", "webauthn", "werkzeug"),
)
_PROGRAM = (
    "import atexit, sys\n"
    f"heavy = {set(_HEAVY)!r}\n"
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


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_no_more_than_the_command_itself(option: str) -> None:
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from ca_service.app import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, option]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, env=_environ(), text=True)
    loaded = done.stderr.split()
    assert {name for name in loaded if name.split(".")[0] == "ca_service"} == {
        "ca_service",
        *("ca_service.app", "ca_service.app.commands", "ca_service.errors"),
        *("ca_service.pki", "ca_service.pki.visible_text"),
        "ca_service.cli",
        *(
            f"ca_service.cli.{part}"
            for part in ("console", "failures", "grammar", "interfaces", "main", "server", "session")
        ),
    }
    assert set(_HEAVY) & set(loaded) == set()


@pytest.mark.usefixtures("csr")
@pytest.mark.parametrize(
    "arguments", [["sign", "uccx1.csr"], ["sign", "missing.csr"], ["show", "1234"], ["list", "--csv"]]
)
def test_a_command_closes_its_connections_whether_it_succeeds_or_fails(ca: CommandLine, arguments: list[str]) -> None:
    counted = {"connect": 0, "close": 0}

    def connect(*_: object) -> None:
        counted["connect"] += 1

    def close(*_: object) -> None:
        counted["close"] += 1

    event.listen(Pool, "connect", connect)
    event.listen(Pool, "close", close)
    try:
        ca(*arguments)
    finally:
        event.remove(Pool, "connect", connect)
        event.remove(Pool, "close", close)
    assert counted["connect"] == counted["close"]
    assert counted["connect"] > 0 or "missing.csr" in arguments


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["config", "show"], ["cryptography", "pydantic"]),
        (["sign", "uccx1.csr"], ["argon2", "cryptography", "jinja2", "pydantic", "sqlalchemy"]),
        (["list"], ["argon2", "cryptography", "pydantic", "sqlalchemy"]),
        (["db", "current"], ["argon2", "cryptography", "pydantic", "sqlalchemy"]),
    ],
    ids=lambda value: value[0],
)
@pytest.mark.usefixtures("csr")
def test_a_command_imports_only_the_libraries_that_it_needs(
    ca: CommandLine, arguments: list[str], heavy: list[str]
) -> None:
    done = _call("--instance", ca.folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode() == f"loaded: {heavy}\n"


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
    with _serving(ca, free_port()) as process:
        link = next(line.strip() for line in process.stdout or () if "/setup/" in line)
        assert _status(link) == 200  # at once: the link is printed when the server listens
    assert process.returncode == 0


def test_the_server_listens_as_soon_as_it_says_so(ca: CommandLine) -> None:
    port = free_port()
    with _serving(ca, port) as process:
        assert any(line.startswith(f"Serving on http://127.0.0.1:{port}") for line in process.stdout or ())
        socket.create_connection(("127.0.0.1", port), timeout=10).close()


def test_a_port_in_use_is_an_error_before_anything_is_made_or_announced(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = _call("--instance", folder, "serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (1, b"")
    text = done.stderr.decode()
    assert f"Port {port} on 127.0.0.1 is in use by another program." in text
    assert text.startswith("ca-service: The port is in use\n")
    assert f"ss -ltnp 'sport = :{port}'" in text
    assert "--port" in text
    assert not folder.exists()


def test_a_second_server_on_the_same_port_is_an_error(ca: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    with _serving(ca, port) as process:
        assert any(line.startswith("Serving on") for line in process.stdout or ())
        done = _call("--instance", tmp_path / "other", "serve", "--port", str(port), "--json")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b'"rule": "server.port-in-use"' in done.stderr


@contextmanager
def _serving(ca: CommandLine, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _PROGRAM, "--instance", str(ca.folder), "serve", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environ(), text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _status(url: str) -> int:
    """Return the status of the answer."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - it is http, on this machine
        return int(answer.status)


def test_the_process_ends_with_the_exit_code_of_its_command(ca: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ca-service", "show", "1234"])
    with pytest.raises(SystemExit) as ended:
        run(ca.program())
    assert ended.value.code == 1


def test_whoever_acts_under_a_number_without_a_name_is_recorded_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert operator().name == "cli:4000000"


@pytest.mark.fault(
    "keys and files", "`session.key` is empty or damaged", "`serve` ends with an error that names it and the fix"
)
@pytest.mark.parametrize("content", [b"", bytes(range(128, 192))], ids=["empty", "garbage"])
def test_a_session_key_that_cannot_be_used_is_an_error_of_the_command_and_no_traceback(
    ca: CommandLine, content: bytes
) -> None:
    key = ca.folder / "session.key"
    key.write_bytes(content)
    key.chmod(0o600)
    done = _call("--instance", ca.folder, "serve", "--port", str(free_port()))
    told = done.stderr.decode()
    assert done.returncode == 1
    assert b"Serving on" not in done.stdout
    assert f"{key} is empty or damaged" in told
    assert "Delete it" in told
    assert "Traceback" not in told
