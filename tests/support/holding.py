"""Another process that holds the turn to write, as one that hangs does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ca_service.storage.database import Database
from ca_service.storage.sqlite import SQLiteDatabase

_PROGRAM: Final = """
import sys
from pathlib import Path
if sys.argv[1] == "sqlite":
    from ca_service.storage.sqlite import SQLiteDatabase
    database = SQLiteDatabase(Path(sys.argv[2]))
else:
    from ca_service.storage.postgresql import PostgreSQLDatabase
    database = PostgreSQLDatabase(sys.argv[2])
with database.write():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(database: Database) -> Iterator[Callable[[], None]]:
    """Another process is in a transaction during this block, or until the function is called that this gives."""
    is_sqlite = isinstance(database, SQLiteDatabase)
    place = str(database.path) if isinstance(database, SQLiteDatabase) else url_of(database)
    command = [sys.executable, "-c", _PROGRAM, "sqlite" if is_sqlite else "postgresql", place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process.stdin.close
        finally:
            process.stdin.close()
            process.wait(20)


def url_of(database: Database) -> str:
    """The address of a PostgreSQL database, for a program that is not ours."""
    from ca_service.storage.postgresql import PostgreSQLDatabase

    assert isinstance(database, PostgreSQLDatabase)
    return database._url.set(drivername="postgresql").render_as_string(hide_password=False)
