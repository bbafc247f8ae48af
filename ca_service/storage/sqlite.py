"""SQLite: one file in WAL mode, one writer at a time, one transaction for each use case."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TextIO, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from ca_service import deadline
from ca_service.deadline import Turn
from ca_service.errors import ROW_ERRORS, NotReady, Rule, Visibility
from ca_service.storage.database import DATABASE_UNUSABLE, INSTALLATION_MISSING, is_undecodable, row_unreadable

DATABASE_REPLACED: Final = Rule(
    "database.replaced",
    "The file {database} or {database}-wal was replaced or removed while this program had it open. Nothing is read "
    "from it or written to it.",
    "Stop all processes of ca_service before a database is restored, and start them afterwards.",
    visibility=Visibility.OPERATOR,
)
DATABASE_READ_ONLY: Final = Rule(
    "database.read-only",
    "The database {database} can only be read here: {reason}.",
    "Run this command on the installation itself, as the user who owns it. A copy that can only be read is enough for "
    "commands that read, such as list, show and audit verify.",
    visibility=Visibility.OPERATOR,
)
DATABASE_COPY_OPEN: Final = Rule(
    "database.copy-open",
    "The copy of the database {database} was made while the service was running: {database}-wal has changes that can "
    "only be read with {database}-shm, or in a folder that can be written.",
    "Copy the folder to another one that this user owns, together with the -wal file, and run the command there.",
    visibility=Visibility.OPERATOR,
)
_BUSY_TIMEOUT_MS: Final = 10_000  # of reads, which wait only while a file is repaired after a crash
_POOL_SECONDS: Final = 10
_LOOK: Final = 0.05  # seconds; so often those who wait behind a thread of this process look whether they may stay
_IS_READ_ONLY: Final = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class _Files:
    """Device and inode of a database file and of its WAL, which is None until a new database is written."""

    database: tuple[int, int]
    wal: tuple[int, int] | None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _OwnConnection:
    """The connection of one thread. It is closed when the thread has ended, or the database is closed."""

    connection: sqlite3.Connection
    files: _Files

    def __post_init__(self) -> None:
        # No __del__: in a cycle of garbage the connection may be finalized before it, unclosed.
        weakref.finalize(self, self.connection.close)


class SQLiteDatabase:
    """One SQLite file. Each read sees everything that was committed; writers take turns with a file lock.

    The lock is taken before the transaction: SQLite lets those that have waited for long try more rarely, so that newer
    ones starve them. At the lock, all processes try equally often, each with one of its threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wal = Path(f"{path}-wal")
        self.engine = _engine(path)
        self._of_thread = threading.local()
        self._of_process: dict[str, threading.Lock] = {}

    @property
    def exists(self) -> bool:
        """Return whether the file exists."""
        return self.path.exists()

    def create(self) -> None:
        """Create an empty file and its folder, for this user only. Idempotent."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Return a connection for reading. Raises NotReady if the database is missing or cannot be used."""
        with self._explained(), self.engine.connect() as connection:
            self._require_same_files(connection.info["files"])
            yield connection

    def look_up(self, statement: str, **values: str) -> Sequence[Any] | None:
        """Return the first row of this SELECT, as the driver returns it. Raises NotReady as `read` does.

        Each thread keeps a connection for this. To take one from the pool costs ten times as much, because threads
        wait for one another there.
        """
        try:
            own = self._connection_of_thread()
            self._require_same_files(own.files)
            cursor = own.connection.execute(statement, values)
            found: Sequence[Any] | None = cursor.fetchone()
            cursor.close()  # ends the statement, which would keep the WAL from being reset
        except sqlite3.DatabaseError as error:
            raise NotReady.because(DATABASE_UNUSABLE, database=self.path, reason=error) from error
        return found

    def _connection_of_thread(self) -> _OwnConnection:
        if not hasattr(self._of_thread, "own"):
            self.require_exists()
            connection, file = _connect(self.path), _file_of(self.path)
            connection.execute("PRAGMA schema_version").close()  # opens the WAL
            self._of_thread.own = _OwnConnection(connection, _Files(file, _find_file(self._wal)))
        return cast(_OwnConnection, self._of_thread.own)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Return a transaction: committed and synced to disk at the end, rolled back on an error.

        Raises NotReady if the database is missing or cannot be used, Busy if our turn does not come in time.
        """
        self.require_exists()  # the lock would be made beside a missing file
        with self._explained(), ExitStack() as held:
            with deadline.turn("write") as turn:
                held.enter_context(self._lock("write", turn))
                connection = held.enter_context(self.engine.connect())
                self._require_same_files(connection.info["files"])
                _begin(connection, turn)
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.connection.rollback()  # not ROLLBACK, which fails if SQLite has already rolled back
                raise
            self._require_same_files(connection.info["files"])  # what was just committed to a replaced file is lost
            deadline.note_commit()

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Lock this section against all other processes and threads.

        Raises Busy if our turn does not come in time, NotReady if the folder is read-only.
        """
        with ExitStack() as held:
            with deadline.turn(name) as turn:
                held.enter_context(self._lock(name, turn))
            yield

    @contextmanager
    def _lock(self, name: str, turn: Turn) -> Iterator[None]:
        with self._first_of_process(name, turn), self._lock_file(name) as file:
            while not _is_locked(file):
                turn.pause()
            yield  # closing the file releases the lock, also after a crash

    @contextmanager
    def _first_of_process(self, name: str, turn: Turn) -> Iterator[None]:
        """Let one thread of this process try to lock the file; the others wait here, which needs no tries."""
        ours = self._of_process.setdefault(name, threading.Lock())
        if not ours.acquire(blocking=False):
            while not ours.acquire(timeout=turn.next_wait(_LOOK)):
                pass
        try:
            yield
        finally:
            ours.release()

    def _lock_file(self, name: str) -> TextIO:
        try:
            return open(f"{self.path}.{name}.lock", "a", opener=_private)
        except OSError as error:
            if error.errno in _IS_READ_ONLY:
                raise NotReady.because(DATABASE_READ_ONLY, database=self.path, reason=error.strerror) from error
            raise

    def require_exists(self) -> None:
        """Raise NotReady unless the file exists."""
        if not self.exists:
            raise NotReady.because(INSTALLATION_MISSING, place=self.path.parent)

    def _require_same_files(self, opened: _Files) -> None:
        """Raise NotReady if the file or its WAL was replaced or removed since they were opened.

        What is written to a deleted file is lost, and what is read from it may have been revoked since. SQLite itself
        does not remove the WAL while it is open.
        """
        try:
            is_same = opened.database == _file_of(self.path)
        except FileNotFoundError:
            self.require_exists()
            raise
        if not is_same or opened.wal not in (None, _find_file(self._wal)):
            raise NotReady.because(DATABASE_REPLACED, database=self.path)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # expected and explained by the stores
        except DatabaseError as error:
            self.require_exists()  # only now: each check is a call to the file system
            if is_undecodable(error):
                raise row_unreadable(self.path, error) from error
            raise NotReady.because(DATABASE_UNUSABLE, database=self.path, reason=error.orig) from error
        except ROW_ERRORS as error:
            raise row_unreadable(self.path, error) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self._of_thread = threading.local()
        self._of_process = {}  # one that is held now would stay so in a process that is forked


def _is_locked(file: IO[str]) -> bool:
    """Lock the file and return True, or return False if another process or thread has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _begin(connection: Connection, turn: Turn) -> None:
    """Begin a transaction. Only a program that is not ours, such as the shell of SQLite, makes this wait."""
    _wait_at_most(connection, int(turn.seconds * 1000))
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if _is_busy(error):
            raise deadline.busy() from error
        raise
    finally:
        _wait_at_most(connection, _BUSY_TIMEOUT_MS)


def _wait_at_most(connection: Connection, milliseconds: int) -> None:
    own = cast(sqlite3.Connection, connection.connection.driver_connection)
    own.execute(f"PRAGMA busy_timeout = {milliseconds}").close()  # by the driver: fifteen times as fast


def _is_busy(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY  # the other bits say why


def _private(path: str, flags: int) -> int:
    """Open a file that only this user may use, and create it as one."""
    return os.open(path, flags, 0o600)


def _file_of(path: Path) -> tuple[int, int]:
    """Return device and inode, which tell a file from another one that has taken its name."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _find_file(path: Path) -> tuple[int, int] | None:
    try:
        return _file_of(path)
    except FileNotFoundError:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        _address(path),
        uri=True,
        timeout=_BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,  # another thread may close the database
    )


def _address(path: Path) -> str:
    """Return the URI that opens this file; without a mode, SQLite would create a missing one.

    Where this user cannot write, SQLite cannot create the files of WAL mode either. So it reads the file as one that
    does not change, unless changes are in a WAL that was copied with it: then it needs the index beside it.
    """
    base, wal = path.absolute().as_uri(), Path(f"{path}-wal")
    if not _is_read_only(path):
        return f"{base}?mode=rw"
    if not wal.exists() or not wal.stat().st_size:
        return f"{base}?mode=ro&immutable=1"
    if not Path(f"{path}-shm").exists():
        raise NotReady.because(DATABASE_COPY_OPEN, database=path)
    return f"{base}?mode=ro"


def _is_read_only(path: Path) -> bool:
    """Return whether this user cannot write the file, or cannot create files beside it."""
    return not all(os.access(each, os.W_OK, effective_ids=True) for each in (path, path.parent))


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # keep hashes out of tracebacks
        creator=lambda: _connect(path),
        pool_timeout=_POOL_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        file, wal = _file_of(path), Path(f"{path}-wal")
        cursor: Any = connection.cursor()
        writing = () if _is_read_only(path) else ("journal_mode=WAL", "synchronous=FULL")
        for pragma in (*writing, "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        record.info["files"] = _Files(file, _find_file(wal))

    return engine
