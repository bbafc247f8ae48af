"""The search index of the list of certificates: built from the table, and not part of the schema's version.

    SQLite      `certificate_search`, an FTS5 table of trigrams without a content of its own; triggers keep it
    PostgreSQL  `ix_certificate_search`, a GIN index of trigrams (pg_trgm)

It is built after an upgrade of the schema if it is missing, in its own transaction, so a crash leaves no partial index.
If it is not available (an old SQLite, or a server that does not allow the extension), searches read the table: they
find the same, more slowly.
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
    """Return whether the index exists, with the triggers that maintain it."""
    dialect = connection.dialect.name
    found = set(connection.execute(text(_PARTS[dialect])).scalars())
    return found >= ({TABLE, *_TRIGGERS} if dialect == "sqlite" else {INDEX})


def build(database: Database) -> bool:
    """Build the index if it is missing; return False, and log a warning, if it is not available."""
    with database.read() as connection:
        if is_there(connection):
            return True
    with database.write() as connection:
        if is_there(connection):  # another process has built it in the meantime
            return True
        try:
            with connection.begin_nested():
                for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
                    connection.exec_driver_sql(statement)
        except DatabaseError as error:
            logging.getLogger(__name__).warning("Searches will be slow without their index: %s", error.orig)
            return False
    return True
