"""Knows what a database is to the stores, whichever it is: reads, writes that are transactions, locks by name."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql


class Database(Protocol):
    """SQLite or PostgreSQL. What is unusable or does not answer is told as NotReady, with what to do.

    An IntegrityError passes through: the stores expect it, and explain it themselves.
    """

    @property
    def exists(self) -> bool:
        """Whether there is a database with an installation in it, whatever its version."""

    def create(self) -> None:
        """Make what the tables are put into; nothing happens if it is there."""

    def require_exists(self) -> None:
        """Raise NotReady when there is no installation in it."""

    def read(self) -> AbstractContextManager[Connection]:
        """A connection to read with. Each statement sees what was committed before it."""

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction: committed and synced to disk at the end, rolled back on an error.

        Whoever writes is alone in it, on all machines: what was looked up in it stays true until its end.
        """

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Keep every other process and thread, on all machines, out of this section; a crash gives it back."""

    def close(self) -> None:
        """Give all connections back, before the process forks or ends."""


def upsert(table: Table) -> postgresql.Insert:
    """An INSERT that can say what happens to a row that is there already; SQLite understands the same words."""
    return postgresql.insert(table)
