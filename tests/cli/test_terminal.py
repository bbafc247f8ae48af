"""Output that only a terminal gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.support import requests

_ROOT = Path(__file__).parents[2]
_PROGRAM = "from ca_service.app import main\nmain()\n"


def at_a_terminal(*arguments: str | Path) -> tuple[str, str]:
    """Call the command with a terminal for standard error; return standard output, and what the terminal got."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
    environ = {**os.environ, "PYTHONPATH": str(_ROOT), "TERM": "xterm"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environ, text=True) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        assert process.stdout is not None
        said = process.stdout.read()
    os.close(ours)
    return said, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""


@pytest.fixture
def folder(here: Path) -> Path:
    """The CSRs of three nodes, and a file that is none."""
    requests.write_three_nodes(here / "csrs")
    (here / "csrs" / "a.csr").write_bytes(b"hello")
    return here / "csrs"


def test_a_terminal_shows_a_line_for_each_csr_and_a_bar(ca: CommandLine, folder: Path) -> None:
    said, shown = at_a_terminal("--instance", ca.folder, "sign", folder, "--partial", "--out", "three.zip")
    assert "Written: three.zip" in said
    lines = [line.rpartition("\x1b[K")[2] for line in shown.splitlines()]
    assert f"{folder / 'a.csr'}: refused" in lines
    assert f"{folder / 'sm1-tomcat-ECDSA.csr'}: issued" in lines
    assert "Signing" in shown
    assert "100%" in shown
    assert "Signing" not in said


def test_json_at_a_terminal_has_no_such_lines(ca: CommandLine, folder: Path) -> None:
    _, shown = at_a_terminal("--instance", ca.folder, "sign", folder, "--partial", "--out", "three.zip", "--json")
    assert "issued" not in shown.partition("{")[0]


def test_a_pipe_gets_neither(ca: CommandLine, folder: Path) -> None:
    result = ca("sign", folder, "--partial", "--out", "three.zip")
    assert "Signing" not in result.output
    assert "sm1-tomcat-ECDSA.csr: issued" not in result.output
