"""Knows the index in which the list of certificates searches: built from the table, and no part of its version.

    SQLite      `certificate_search`, an FTS5 table of trigrams without a content of its own; triggers keep it
    PostgreSQL  `ix_certificate_search`, a GIN index of trigrams (pg_trgm)

It is built after an upgrade of the schema wherever it is missing, in a transaction of its own: a crash
leaves no half of it. Where it cannot be had (an old SQLite, or a server that does not grant the extension)
the search reads the table, which finds the same, only slower.
"""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from ca_service.storage.database import Database

TABLE: Final = "certificate_search"
INDEX: Final = "ix_certificate_search"
_TRIGGERS: Final = tuple(f"{TABLE}_{when}" for when in ("insert", "delete", "update"))
_ADD: Final = "INSERT INTO certificate_search(rowid, search_text) VALUES (new.id, new.search_text);"
_FORGET: Final = (
    "INSERT INTO certificate_search(certificate_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);"
)
_SQLITE: Final = (
    *(f"DROP TRIGGER IF EXISTS {name}" for name in _TRIGGERS),
    f"DROP TABLE IF EXISTS {TABLE}",
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5"
    "(search_text, content='certificate', content_rowid='id', tokenize='trigram')",
    f"CREATE TRIGGER {TABLE}_insert AFTER INSERT ON certificate BEGIN {_ADD} END",
    f"CREATE TRIGGER {TABLE}_delete AFTER DELETE ON certificate BEGIN {_FORGET} END",
    f"CREATE TRIGGER {TABLE}_update AFTER UPDATE OF search_text ON certificate BEGIN {_FORGET} {_ADD} END",
    "INSERT INTO certificate_search(certificate_search) VALUES ('rebuild')",
)
_POSTGRESQL: Final = (
    "SET LOCAL statement_timeout = 0",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX IF NOT EXISTS {INDEX} ON certificate USING gin (search_text gin_trgm_ops)",
)
_PARTS: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE 'certificate\\_search%' ESCAPE '\\'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'certificate'",
}


def is_there(connection: Connection) -> bool:
    """Whether the index is there, with all that keeps it."""
    dialect = connection.dialect.name
    found = set(connection.execute(text(_PARTS[dialect])).scalars())
    return found >= ({TABLE, *_TRIGGERS} if dialect == "sqlite" else {INDEX})


def build(database: Database) -> bool:
    """Build it if it is missing; False, and a line in the log, where it cannot be had."""
    with database.read() as connection:
        if is_there(connection):
            return True
    with database.write() as connection:
        if is_there(connection):  # another process was quicker
            return True
        try:
            with connection.begin_nested():
                for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
                    connection.exec_driver_sql(statement)
        except DatabaseError as error:
            logging.getLogger(__name__).warning("The search goes without an index, and will be slow: %s", error.orig)
            return False
    return True
