"""An instance with an authority, the command that works on it, requests as files, and openssl as the judge."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_service.authority.installation import Installation
from tests.cli.command_line import CommandLine
from tests.cli.desk import Desk, desk
from tests.support import requests
from tests.support.instances import write_ready
from tests.support.programs import Tool, find


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def new_ca(tmp_path: Path) -> CommandLine:
    """The command on a folder that is not there yet."""
    return CommandLine(tmp_path / "instance")


@pytest.fixture
def ca(new_ca: CommandLine) -> CommandLine:
    """The command on an instance that can sign."""
    write_ready(new_ca.folder)
    return new_ca


@pytest.fixture
def opened(ca: CommandLine) -> Iterator[Installation]:
    """The same instance, opened beside the command."""
    with ca.opened() as installation:
        yield installation


@pytest.fixture
def csr(here: Path) -> Path:
    """The request of a UCCX publisher."""
    path = here / "uccx1.csr"
    path.write_bytes(requests.UCCX_PUBLISHER.data)
    return path


@pytest.fixture
def openssl(here: Path) -> Tool:
    """OpenSSL, in the current folder."""
    return Tool(find("openssl"), here)


@pytest.fixture
def newer(ca: CommandLine) -> None:
    """The database was upgraded by a newer program."""
    with contextlib.closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.fixture
def at(ca: CommandLine, tmp_path: Path) -> Iterator[Desk]:
    """The installation of the test, served; no request waits."""
    with desk(ca.folder, tmp_path / "nowhere") as made:
        yield made


@pytest.fixture
def waiting(ca: CommandLine, tmp_path: Path) -> Iterator[Desk]:
    """The same, where each request waits for an approver."""
    with desk(ca.folder, tmp_path / "nowhere", {"CA_SERVICE_POLICY__RULES": "[]"}) as made:
        yield made


@pytest.fixture
def folder(here: Path) -> Path:
    """The CSRs of three nodes, and a file that is none."""
    requests.write_three_nodes(here / "csrs")
    return here / "csrs"
