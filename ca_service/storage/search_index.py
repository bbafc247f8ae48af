"""The search indexes of certificates and requests: built from the tables, and not part of the schema's version.

    SQLite      `certificate_search`, an FTS5 table of trigrams without a content of its own; triggers keep it
    PostgreSQL  `ix_certificate_search`, a GIN index of trigrams (pg_trgm)

The table `application` has the same, but no triggers: a request is found by reading until a job has added it to the
index, so that issuing a certificate does not wait for that. Both are built after an upgrade of the schema if they are
missing, in their own transaction, so a crash leaves no partial index. If they are not available (an old SQLite, or a
server that does not allow the extension), searches read the table: they find the same, more slowly.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DatabaseError

from ca_service.storage.database import Database

SEARCHED: Final = ("certificate", "application")
_LATE: Final = "application"
_BATCH: Final = 1_000  # rows in one transaction, for which others wait
_EVENTS: Final = ("insert", "delete", "update")
_PARTS: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE '%\\_search%' ESCAPE '\\'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}


def table_of(searched: str) -> str:
    """Return the name of the FTS5 table of this table, which is also that of its column."""
    return f"{searched}_search"


def index_of(searched: str) -> str:
    """Return the name of the index of this table on PostgreSQL."""
    return f"ix_{searched}_search"


def is_there(connection: Connection, *searched: str) -> bool:
    """Return whether the index of these tables, or of all, exists, with the triggers that maintain it."""
    names = searched or SEARCHED
    is_sqlite = connection.dialect.name == "sqlite"
    found = set(connection.execute(text(_PARTS[connection.dialect.name])).scalars())
    return found >= {part for name in names for part in (_sqlite_parts(name) if is_sqlite else (index_of(name),))}


def _sqlite_parts(searched: str) -> Iterator[str]:
    yield table_of(searched)
    if not is_late(searched):
        yield from (f"{table_of(searched)}_{when}" for when in _EVENTS)


def is_late(searched: str) -> bool:
    """Return whether the FTS5 table of this table lacks new rows until `catch_up` adds them."""
    return searched == _LATE


def last_of(searched: str) -> TextClause:
    """Return the SQL for the number of the last row in the FTS5 table; rows are only added, and never changed."""
    return text(f"(SELECT coalesce(max(id), 0) FROM {table_of(searched)}_docsize)")  # noqa: S608 - names of ours


def catch_up(database: Database) -> int:
    """Add the new rows to the FTS5 table that has no triggers; return their number."""
    with database.read() as connection:
        if connection.dialect.name != "sqlite" or not is_there(connection, _LATE):
            return 0
    total = 0
    while added := _catch_up(database):
        total += added
    return total


def _catch_up(database: Database) -> int:
    statement = (
        f"INSERT INTO {table_of(_LATE)}(rowid, search_text) SELECT id, search_text FROM {_LATE} "  # noqa: S608
        f"WHERE id > {last_of(_LATE)} ORDER BY id LIMIT {_BATCH}"
    )
    with database.write() as connection:
        return connection.exec_driver_sql(statement).rowcount


def build(database: Database) -> bool:
    """Build the indexes that are missing; return False, and log a warning, if they are not available."""
    with database.read() as connection:
        if is_there(connection):
            return True
    with database.write() as connection:
        missing = [name for name in SEARCHED if not is_there(connection, name)]  # others may have built them meanwhile
        try:
            with connection.begin_nested():
                for name in missing:
                    is_sqlite = connection.dialect.name == "sqlite"
                    for statement in _sqlite(name) if is_sqlite else _postgresql(name):
                        connection.exec_driver_sql(statement)
        except DatabaseError as error:
            logging.getLogger(__name__).warning("Searches will be slow without their index: %s", error.orig)
            return False
    return True


def _sqlite(searched: str) -> Iterator[str]:
    index = table_of(searched)
    yield from (f"DROP TRIGGER IF EXISTS {index}_{when}" for when in _EVENTS)
    yield f"DROP TABLE IF EXISTS {index}"
    yield (
        f"CREATE VIRTUAL TABLE {index} USING fts5"
        f"(search_text, content='{searched}', content_rowid='id', tokenize='trigram')"
    )
    if not is_late(searched):
        yield from _triggers(searched, index)
    yield f"INSERT INTO {index}({index}) VALUES ('rebuild')"  # noqa: S608


def _triggers(searched: str, index: str) -> Iterator[str]:
    add = f"INSERT INTO {index}(rowid, search_text) VALUES (new.id, new.search_text);"  # noqa: S608 - names of ours
    forget = f"INSERT INTO {index}({index}, rowid, search_text) VALUES ('delete', old.id, old.search_text);"  # noqa: S608
    is_other = "WHEN old.search_text <> new.search_text"
    yield f"CREATE TRIGGER {index}_insert AFTER INSERT ON {searched} BEGIN {add} END"
    yield f"CREATE TRIGGER {index}_delete AFTER DELETE ON {searched} BEGIN {forget} END"
    yield f"CREATE TRIGGER {index}_update AFTER UPDATE OF search_text ON {searched} {is_other} BEGIN {forget} {add} END"


def _postgresql(searched: str) -> Iterator[str]:
    yield "SET LOCAL statement_timeout = 0"
    yield "CREATE EXTENSION IF NOT EXISTS pg_trgm"
    yield f"CREATE INDEX IF NOT EXISTS {index_of(searched)} ON {searched} USING gin (search_text gin_trgm_ops)"
