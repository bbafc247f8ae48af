"""Knows SQLite: one file in WAL mode, one writer at a time, one transaction per use case."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from ca_service.errors import NotReady

_BUSY_TIMEOUT_MS = 30_000


class SQLiteDatabase:
    """One SQLite file. Each read sees what was committed; writes wait for one another at a file lock.

    The lock is taken before the transaction, because processes that wait inside SQLite poll and
    starve one another, while those that wait at a lock are woken in turn.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = _engine(path)

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def create(self) -> None:
        """Make the file, empty, and its folder, closed to others; nothing happens if they are there."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with. Raises NotReady when there is no database, or none that can be used."""
        with self._explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed and synced to disk at the end, rolled back on an error.

        Raises NotReady when there is no database, or none that can be used.
        """
        with self._explained(), self.locked("write"), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.connection.rollback()  # and not ROLLBACK, which fails where SQLite has done it by itself
                raise

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep every other process and thread out of this section."""
        with Path(f"{self.path}.{name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file gives the lock back, also after a crash

    def require_exists(self) -> None:
        """Raise NotReady when there is no database."""
        if not self.exists:
            raise NotReady.because(
                "installation.missing",
                "There is no installation in {folder}.",
                "Run `ca-service init` or `ca-service serve` to make one, or name the right folder: --instance, "
                "CA_SERVICE_INSTANCE_PATH.",
                folder=self.path.parent,
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        self.require_exists()
        try:
            yield
        except IntegrityError:
            raise  # what the stores expect, and explain themselves
        except DatabaseError as error:
            raise NotReady.because(
                "database.unusable",
                "The database {path} cannot be used: {reason}.",
                "Make room if the disk is full. If the file is damaged, put the instance folder back from a copy.",
                path=self.path,
                reason=error.orig,
            ) from error

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # hashes do not belong in a traceback
        connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor: Any = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
