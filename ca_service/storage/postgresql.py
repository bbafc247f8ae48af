"""PostgreSQL: a connection pool, one writer at a time, locks that a crash releases.

Imported only if database.url is set, because psycopg is an extra.

Writers take turns with an advisory lock in their transaction, as they do on SQLite. With READ COMMITTED, each sees
everything that was committed before its turn, so no store has to handle serialization failures. Certificates are signed
before the transaction, so a turn is as short as a commit. A `locked` section has its own connection: its end, also by a
crash, releases the lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError, TimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from ca_service import deadline
from ca_service.deadline import Turn
from ca_service.errors import ROW_ERRORS, ConfigurationError, NotReady, Rule, Visibility
from ca_service.storage.database import DATABASE_UNUSABLE, INSTALLATION_MISSING, row_unreadable
from ca_service.storage.schema import metadata

DATABASE_UNREACHABLE: Final = Rule(
    "database.unreachable",
    "The database {database} does not answer: {reason}.",
    "Check that the server is running, and that database.url has the right host, name, user and password.",
    visibility=Visibility.OPERATOR,
)
DATABASE_URL: Final = Rule(
    "database.url",
    "The setting database.url is not the URL of a PostgreSQL database.",
    "Write it as postgresql://USER:PASSWORD@HOST/DATABASE, with special characters percent-encoded.",
)

_LOCK_NOT_AVAILABLE: Final = "55P03"
_QUERY_CANCELED: Final = "57014"
_CONNECT_SECONDS: Final = 5
_STATEMENT_SECONDS: Final = 30  # outside requests
_POOL_SECONDS: Final = 10
_RECYCLE_SECONDS: Final = 1800
_OPTIONS: Final = {
    "statement_timeout": f"{_STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "0",  # a connection that holds a lock is idle, and must stay
    "tcp_keepalives_idle": "60",  # a machine that is gone must not keep a lock
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "jit": "off",  # every statement is short: compiling it takes longer than running it
}


class PostgreSQLDatabase:
    """A database on a PostgreSQL server, for so many threads at a time (`connections`).

    Connects when first used. Raises ConfigurationError if the URL cannot be read.
    """

    def __init__(self, url: str, connections: int = 4) -> None:
        _set_index_conditions()
        self._url = _checked(url)
        self._engine = _engine(self._url, pool_size=connections, max_overflow=connections)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._locking = _engine(self._url, poolclass=NullPool).execution_options(isolation_level="AUTOCOMMIT")

    @property
    def exists(self) -> bool:
        """Return whether the database contains our tables, of any version."""
        with self.read() as connection:
            return inspect(connection).has_table("alembic_version")

    def create(self) -> None:
        """Do nothing: the administrator of the server creates the database."""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Return a connection for reading, outside transactions. Raises NotReady if the server does not answer."""
        with self._explained(), self._reading.connect() as connection:
            _limit_statements(connection)
            yield connection

    def look_up(self, statement: str, **values: str) -> Sequence[Any] | None:
        """Return the first row of this SELECT. Raises NotReady if the server does not answer."""
        with self.read() as connection:
            return connection.execute(text(statement), values).first()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Wait for our turn and return a transaction. Raises Busy after a timeout, NotReady if the server is down."""
        with self._explained(), self._engine.connect() as connection:
            with deadline.turn("write") as turn:
                _wait(connection, "SET LOCAL", f"pg_advisory_xact_lock({_key('write')})", turn)
            yield connection
            connection.commit()
        deadline.note_commit()

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Lock this section against all other processes and threads. Raises Busy after a timeout."""
        with self._explained(), self._locking.connect() as connection:
            with deadline.turn(name) as turn:
                _wait(connection, "SET", f"pg_advisory_lock({_key(name)})", turn)
            yield  # the end of the connection releases the lock, also after a crash

    def require_exists(self) -> None:
        """Raise NotReady unless the database contains an installation."""
        if not self.exists:
            raise NotReady.because(INSTALLATION_MISSING, place=f"the database {self._name}")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._locking.dispose()

    @property
    def _name(self) -> str:
        """Return the part of the URL that may be shown."""
        return f"{self._url.database or 'of the default name'} at {self._url.host or 'the local server'}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # expected and explained by the stores
        except TimeoutError as error:
            raise deadline.busy() from error
        except DatabaseError as error:
            raise (deadline.busy() if _is_timeout(error) else self._failed(error)) from error
        except ROW_ERRORS as error:
            raise row_unreadable(self._name, error) from error

    def _failed(self, error: DatabaseError) -> NotReady:
        rule = DATABASE_UNREACHABLE if _is_about_the_connection(error) else DATABASE_UNUSABLE
        reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0].rstrip(".")
        return NotReady.because(rule, database=self._name, reason=reason)


def _set_index_conditions() -> None:
    """Give each index of some rows its condition on PostgreSQL; see `partial_index`."""
    for index in chain.from_iterable(table.indexes for table in metadata.tables.values()):
        if (condition := index.info.get("postgresql_where")) is not None:
            index.dialect_options["postgresql"]["where"] = condition


def _checked(url: str) -> URL:
    try:
        found = make_url(url)
        if found.drivername != "postgresql":
            raise ValueError("another kind of database")
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError.because(DATABASE_URL) from error
    given = str(found.query.get("options", ""))
    ours = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    return found.set(drivername="postgresql+psycopg").update_query_dict({"options": f"{ours} {given}".strip()})


def _engine(url: URL, **pool: Any) -> Engine:
    waiting = {} if "poolclass" in pool else {"pool_timeout": _POOL_SECONDS, "pool_recycle": _RECYCLE_SECONDS}
    engine = create_engine(
        url,
        execution_options={"preserve_rowcount": True},  # of INSERT ... ON CONFLICT as well
        hide_parameters=True,  # keep hashes out of tracebacks
        pool_pre_ping="poolclass" not in pool,  # a restarted server is not an error
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "ca_service",
            "prepare_threshold": None,  # a prepared plan, made for any word, would scan the whole list
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
    """Store and search NUL as U+FFFD: PostgreSQL does not allow NUL in text, and a client may send one."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "\ufffd"))


def _wait(connection: Connection, set_: str, lock: str, turn: Turn) -> None:
    """Wait for this lock. Afterwards a statement has as long as the request may still wait."""
    while True:
        try:
            return _wait_once(connection, set_, lock, max(1, int(turn.seconds * 1000)))
        except OperationalError as error:
            if _state(error) != _LOCK_NOT_AVAILABLE or not turn.seconds:
                raise
            connection.rollback()  # others had turns meanwhile, so one may go on waiting


def _wait_once(connection: Connection, set_: str, lock: str, milliseconds: int) -> None:
    """Wait this long, in one round trip."""
    statement = max(milliseconds, deadline.statement_seconds(_STATEMENT_SECONDS) * 1000)
    script = f"{set_} statement_timeout = {statement}; {set_} lock_timeout = {milliseconds}; SELECT {lock}"
    connection.exec_driver_sql(script, execution_options={"no_parameters": True})  # with parameters, one at a time


def _limit_statements(connection: Connection) -> None:
    """Let each statement take as long as the request may still wait. Mostly it is so already: the unit is a second."""
    seconds, info = deadline.statement_seconds(_STATEMENT_SECONDS), connection.info
    if info.get("statement_seconds", _STATEMENT_SECONDS) != seconds:
        connection.exec_driver_sql(f"SET statement_timeout = '{seconds}s'")
        info["statement_seconds"] = seconds


def _key(name: str) -> int:
    """Return the number of a lock: 64 bits, the same in every process."""
    return int.from_bytes(hashlib.sha256(f"ca_service {name}".encode()).digest()[:8], signed=True)


def _state(error: DatabaseError) -> str:
    """Return the SQLSTATE, or an empty text if the server sent none."""
    return getattr(error.orig, "sqlstate", None) or ""


def _is_timeout(error: DatabaseError) -> bool:
    return _state(error) in (_LOCK_NOT_AVAILABLE, _QUERY_CANCELED)


def _is_about_the_connection(error: DatabaseError) -> bool:
    """Return whether the server was not reached, refused the login, lacks the database, or was interrupted."""
    return isinstance(error, OperationalError) and _state(error)[:2] in ("", "08", "28", "3D", "57")
