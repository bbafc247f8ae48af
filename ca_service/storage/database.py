"""The database as the stores see it, SQLite or PostgreSQL: reads, transactions, named locks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

from ca_service.errors import NotReady, Rule, Visibility

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

INSTALLATION_MISSING: Final = Rule(
    "installation.missing",
    "There is no installation in {place}.",
    "Run `ca-service init` or `ca-service serve` to create one, or name the right folder (--instance, "
    "CA_SERVICE_INSTANCE_PATH) or database (database.url).",
    visibility=Visibility.OPERATOR,
)
DATABASE_UNUSABLE: Final = Rule(
    "database.unusable",
    "The database {database} cannot be used: {reason}.",
    "SQLite: free disk space, or restore the instance folder from a backup. PostgreSQL: check the tables with "
    "`ca-service db check`, and the rights of the user.",
    visibility=Visibility.OPERATOR,
)
ROW_UNREADABLE: Final = Rule(
    "database.row-unreadable",
    "The database {database} has a row that ca_service cannot have written: {reason}.",
    "Another program changed the database, or it is damaged: restore it from a backup. `ca-service audit verify` names "
    "the rows of certificates, requests and revocations.",
    visibility=Visibility.OPERATOR,
)


class Database(Protocol):
    """SQLite or PostgreSQL. Raises NotReady, with a remedy, if the database cannot be used or does not answer.

    What has to wait longer than the deadline of the request raises Busy, or Interrupted if something was stored before.
    An IntegrityError passes through: the stores expect it and explain it.
    """

    @property
    def exists(self) -> bool:
        """Return whether the database contains an installation, of any version."""

    def create(self) -> None:
        """Create the empty database. Idempotent."""

    def require_exists(self) -> None:
        """Raise NotReady unless the database contains an installation."""

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection for reading. Each statement sees everything that was committed before it."""

    def look_up(self, statement: str, **values: str) -> Sequence[Any] | None:
        """Return the first row of this SELECT, as the driver returns it; `:name` stands for a value.

        For the small statements of every OCSP request and CRL download, which cost less than to build them does.
        """

    def write(self) -> AbstractContextManager[Connection]:
        """Return a transaction: committed and synced to disk at the end, rolled back on an error.

        There is one writer at a time, on all machines: what a writer reads stays true until it commits. Readers do not
        wait for it.
        """

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Lock this section against all other processes and threads, on all machines. A crash releases the lock."""

    def close(self) -> None:
        """Close all connections, before the process forks or ends."""


def is_undecodable(error: Exception) -> bool:
    """Return whether this is SQLite's error for text that is not UTF-8, which has no code of its own."""
    return "Could not decode" in str(error)


def row_unreadable(database: object, error: Exception) -> NotReady:
    """Return the error of a row that cannot be read."""
    reason = " ".join((type(error).__name__, *str(error).splitlines()[:1]))
    return NotReady.because(ROW_UNREADABLE, database=database, reason=reason)


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that can handle existing rows (ON CONFLICT), in the words of this database."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # here: with SQLite, it would be loaded for nothing

    return postgresql.insert(table)
