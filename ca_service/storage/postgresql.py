"""Knows PostgreSQL: a pool of connections, one writer at a time, locks that a crash gives back.

Imported only where a database is configured, because psycopg is an extra.

Writers take turns at an advisory lock of their transaction, as they do at SQLite's: READ COMMITTED then
lets each see all that was committed before its turn, and no store has to cope with a serialization
failure. Certificates are signed before the transaction, so that a turn is as long as a commit.
A section that is `locked` has a connection of its own, whose end, also by a crash, gives the lock back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, func, inspect, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError, TimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from ca_service.errors import ConfigurationError, NotReady

_CONNECT_SECONDS: Final = 5
_WAIT_SECONDS: Final = 30  # for a statement, for a turn, for a connection of the pool
_RECYCLE_SECONDS: Final = 1800
_OPTIONS: Final = {
    "statement_timeout": f"{_WAIT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "0",  # who holds a lock is idle, and should keep it
    "tcp_keepalives_idle": "60",  # a machine that is gone should not keep it
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class PostgreSQLDatabase:
    """A database on a PostgreSQL server; `connections` is how many threads want one at the same time.

    Raises ConfigurationError for a URL that cannot be read. Nothing connects before it is needed.
    """

    def __init__(self, url: str, connections: int = 4) -> None:
        self._url = _checked(url)
        self._engine = _engine(self._url, pool_size=connections, max_overflow=connections)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._locking = _engine(self._url, poolclass=NullPool).execution_options(isolation_level="AUTOCOMMIT")

    @property
    def exists(self) -> bool:
        """Whether our tables are there, of whatever version."""
        with self.read() as connection:
            return inspect(connection).has_table("alembic_version")

    def create(self) -> None:
        """Nothing: the database is made by whoever looks after the server."""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with, never in a transaction. Raises NotReady when the server does not answer."""
        with self._explained(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, once it is our turn. Raises NotReady when that takes too long, or nothing answers."""
        with self._explained(), self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_key("write"))))
            yield connection

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep every other process and thread out of this section; raises NotReady when that takes too long."""
        with self._explained(), self._locking.connect() as connection:
            connection.execute(select(func.pg_advisory_lock(_key(name))))
            yield  # the end of the connection gives the lock back, also after a crash

    def require_exists(self) -> None:
        """Raise NotReady when there is no installation in the database."""
        if not self.exists:
            raise NotReady.because(
                "installation.missing",
                "There is no installation in the database {database}.",
                "Run `ca-service init` or `ca-service serve` to make one, or name the right database: database.url.",
                database=self._name,
            )

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()
        self._locking.dispose()

    @property
    def _name(self) -> str:
        """What may be shown of the URL."""
        return f"{self._url.database or 'of the default name'} at {self._url.host or 'the local server'}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # what the stores expect, and explain themselves
        except TimeoutError as error:
            raise self._busy() from error
        except DatabaseError as error:
            raise (self._busy() if _is_timeout(error) else self._failed(error)) from error

    def _busy(self) -> NotReady:
        return NotReady.because(
            "database.busy",
            "The database {database} did not get round to it within {seconds} seconds.",
            "Try again. If it stays like this, look in pg_stat_activity for what holds it up.",
            database=self._name,
            seconds=_WAIT_SECONDS,
        )

    def _failed(self, error: DatabaseError) -> NotReady:
        is_connection = _is_about_the_connection(error)
        return NotReady.because(
            "database.unreachable" if is_connection else "database.unusable",
            "The database {database} does not answer: {reason}."
            if is_connection
            else "The database {database} cannot be used: {reason}.",
            "Check that the server runs and that database.url has the right host, name, user and password."
            if is_connection
            else "Check with `ca-service db check` that the tables are ours, and that the user may use them.",
            database=self._name,
            reason=(str(error.orig).strip().splitlines() or ["no reason given"])[0].rstrip("."),
        )


def _checked(url: str) -> URL:
    try:
        found = make_url(url)
        if found.drivername != "postgresql":
            raise ValueError("another kind of database")
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError.because(
            "database.url",
            "The setting database.url is not the URL of a PostgreSQL database.",
            "Write it as postgresql://USER:PASSWORD@HOST/DATABASE, with special characters percent-encoded.",
        ) from error
    given = str(found.query.get("options", ""))
    ours = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    return found.set(drivername="postgresql+psycopg").update_query_dict({"options": f"{ours} {given}".strip()})


def _engine(url: URL, **pool: Any) -> Engine:
    waiting = {} if "poolclass" in pool else {"pool_timeout": _WAIT_SECONDS, "pool_recycle": _RECYCLE_SECONDS}
    engine = create_engine(
        url,
        execution_options={"preserve_rowcount": True},  # of INSERT ... ON CONFLICT as well
        hide_parameters=True,  # hashes do not belong in a traceback
        pool_pre_ping="poolclass" not in pool,  # a server that was started again is no reason for an error
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "ca_service",
            "prepare_threshold": None,  # a plan that fits any word searches the list from end to end
        },
        **waiting,
        **pool,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cast_connection: Any = connection
        cast_connection.adapters.register_dumper(str, _TextDumper)

    return engine


class _TextDumper(StrDumperUnknown):
    """PostgreSQL has no NUL in text, and would fail where somebody types one: it is kept, and sought, as U+FFFD."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "\ufffd"))


def _key(name: str) -> int:
    """The number of a lock: 64 bits that are the same in every process."""
    return int.from_bytes(hashlib.sha256(f"ca_service {name}".encode()).digest()[:8], signed=True)


def _state(error: DatabaseError) -> str:
    """The SQLSTATE; empty where the server did not get as far as to have one."""
    return getattr(error.orig, "sqlstate", None) or ""


def _is_timeout(error: DatabaseError) -> bool:
    return _state(error) == "57014"  # query_canceled


def _is_about_the_connection(error: DatabaseError) -> bool:
    """Not reached, not let in, no such database, or interrupted: those classes, or no state at all."""
    return isinstance(error, OperationalError) and _state(error)[:2] in ("", "08", "28", "3D", "57")
