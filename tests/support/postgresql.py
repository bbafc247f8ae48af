"""Starts a PostgreSQL server that is thrown away, and makes databases on it from a template."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg

from ca_service.storage.migrating import upgrade
from ca_service.storage.postgresql import PostgreSQLDatabase

_FORGETFUL: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "24MB",
    "max_connections": "60",
    "autovacuum": "off",
    "logging_collector": "off",
}
_TEMPLATE: Final = "template_ca"


def find_programs() -> Path | None:
    """The folder of initdb and postgres, the newest version; None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens on a socket in its folder. Its text sorts as English does, unlike ours."""

    folder: Path
    _connection: psycopg.Connection
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, name: str) -> str:
        """The URL of a database of this name."""
        return f"postgresql://ca_service@/{name}?host={self.folder}"

    @contextmanager
    def database(self, template: str = _TEMPLATE) -> Iterator[str]:
        """The URL of a new database with the newest schema and nothing in it; `template0`: without tables.

        At the end it is thrown away, whoever is still connected.
        """
        name = f"test_{next(self._numbers)}"
        # Copied files instead of pages, which older versions do anyway: two fifths of the time.
        strategy = "STRATEGY file_copy" if self._connection.info.server_version >= 150_000 else ""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self) -> None:
        """Make what new databases are copied from."""
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        database = PostgreSQLDatabase(self.url(_TEMPLATE))
        upgrade(database)
        database.close()

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement.encode())


@contextmanager
def serving(programs: Path, changed: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    """A server of our own until the end of the block; as root it runs under the account `postgres`.

    `changed` are settings that differ from those of the tests, which forget everything in a crash.
    """
    # In memory with the folders of the tests, where there is room: a database takes a fifth of the time to make.
    folder = Path(tempfile.mkdtemp(prefix="ca_service_postgresql_", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    runner = ["setpriv", "--pdeathsig", "INT"]  # it does not outlive us
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        runner += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    data = folder / "data"
    options = ["-A", "trust", "-U", "ca_service", "-E", "UTF8", "--no-sync", "--no-instructions"]
    locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
    _run([*runner, str(programs / "initdb"), "-D", str(data), *options, *locale], folder)
    settings = [part for name, value in {**_FORGETFUL, **changed}.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        command = [*runner, str(programs / "postgres"), "-D", str(data), "-k", str(folder), *settings]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        with _connected(folder, process) as connection:
            yield Server(folder, connection)
    finally:
        process.send_signal(2)  # SIGINT: a fast shutdown
        process.wait(30)
        shutil.rmtree(folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _connected(folder: Path, process: subprocess.Popen[bytes]) -> psycopg.Connection:
    """Connect to the server as soon as it listens."""
    for _ in range(300):
        assert process.poll() is None, (folder / "log").read_text("utf-8")
        try:
            return psycopg.connect(f"host={folder} user=ca_service dbname=postgres", autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError((folder / "log").read_text("utf-8"))
