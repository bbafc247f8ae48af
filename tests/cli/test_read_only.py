"""Commands on a copy of an installation that can only be read, such as a backup that was mounted."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from tests.cli.command_line import CommandLine
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.programs import missing

_ROOT: Final = Path(__file__).parents[2]
#: Mounts the folder over itself, read-only, in a namespace that ends with the process.
_MOUNTED: Final = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
_NOBODY: Final = 65534
#: Runs every command in one process, and prints [exit code, output] of each.
_PROGRAM: Final = """
import contextlib, io, json, sys
from ca_service.app import main
results = []
for command in json.loads(sys.argv[1]):
    printed = io.TextIOWrapper(io.BytesIO(), write_through=True)
    sys.argv = ["ca-service", *command]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main()
        except SystemExit as ended:
            results.append([ended.code or 0, printed.buffer.getvalue().decode()])
print(json.dumps(results))
"""
READING: Final = (
    ("list",),
    ("ca", "show"),
    ("audit", "verify"),
    ("audit", "list"),
    ("audit", "head"),
    ("requests", "list"),
    ("cluster", "list"),
    ("user", "list"),
    ("jobs", "list"),
    ("notices", "list"),
    ("db", "check"),
    ("config", "show"),
)


def read_only(folder: Path, *commands: tuple[str, ...], as_root: bool = False) -> list[tuple[int, str]]:
    """Return (exit code, output) of each command on this folder, where nothing can be written."""
    space = ["unshare", "--mount"] if as_root else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*space, "sh", "-c", _MOUNTED, folder, "true"], capture_output=True, check=False).returncode:
        missing("this system does not let tests mount a folder read-only: unshare --mount")
    called: Any = json.dumps([["--instance", str(folder), *command] for command in commands])
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CA_SERVICE_", "COV_"))}
    done = subprocess.run(
        [*space, "sh", "-c", _MOUNTED, folder, sys.executable, "-c", _PROGRAM, called],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environ | {"PYTHONPATH": str(_ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return [(code, printed) for code, printed in json.loads(done.stdout)]


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_commands_that_read_work_on_a_copy_that_cannot_be_written(ca: CommandLine) -> None:
    before = files_of(ca.folder)
    *results, doctor = read_only(ca.folder, *READING, ("doctor",))
    assert [(code, printed) for code, printed in results if code] == []
    assert [line for line in doctor[1].splitlines() if line.startswith("error")] == [
        "error    a write to the database, rolled back"
    ]
    assert "intermediate-g1" in results[1][1]
    assert files_of(ca.folder) == before


def test_commands_that_write_say_that_the_copy_can_only_be_read(ca: CommandLine) -> None:
    writing = (("audit", "seal"), ("crl", "publish"))
    for code, printed in read_only(ca.folder, *writing):
        assert code == 1
        assert "database.read-only" in printed, printed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_commands_that_read_work_on_a_copy_of_another_user_and_read_none_of_its_keys(ca: CommandLine) -> None:
    for path in (ca.folder, *ca.folder.rglob("*")):
        os.chown(path, _NOBODY, _NOBODY)
    *results, doctor = read_only(ca.folder, *READING, ("doctor",), as_root=True)
    assert [(code, printed) for code, printed in results if code] == []
    assert doctor[0] == 1
    assert "error    keys of the authorities" in doctor[1]
    assert f"belongs to user {_NOBODY}" in doctor[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_an_installation_of_another_user_that_can_be_written_is_refused(ca: CommandLine) -> None:
    os.chown(ca.folder, _NOBODY, _NOBODY)
    assert "keystore.owner" in ca("list").stderr


@pytest.fixture
def running_copy(ca: CommandLine, opened: Installation, tmp_path: Path) -> Path:
    """A copy that was made while a process had the database open, with a change that is only in the WAL."""
    opened.accounts.create(OPERATOR, "vera", Role.AUDITOR, PASSWORD)
    copy = shutil.copytree(ca.folder, tmp_path / "copy")
    assert (copy / "ca.sqlite3-wal").stat().st_size
    with sqlite3.connect(f"{(copy / 'ca.sqlite3').as_uri()}?mode=ro&immutable=1", uri=True) as connection:
        assert connection.execute("SELECT name FROM account").fetchall() == []
    connection.close()
    return copy


def test_changes_in_the_wal_of_a_copy_are_read(running_copy: Path) -> None:
    [(code, printed)] = read_only(running_copy, ("user", "list"))
    assert (code, "vera" in printed) == (0, True), printed


def test_a_wal_without_its_index_is_refused_because_its_changes_would_be_missing(running_copy: Path) -> None:
    (running_copy / "ca.sqlite3-shm").unlink()
    [(code, printed)] = read_only(running_copy, ("user", "list"))
    assert (code, "database.copy-open" in printed) == (1, True), printed
