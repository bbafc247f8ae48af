"""The search index: built where it is missing, done without where it cannot be had."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import event as events
from sqlalchemy import text

from ca_service.storage import search_index
from ca_service.storage.database import Database
from ca_service.storage.migrating import HEAD, SQLSchema
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.conftest import on_both


def lose(database: Database) -> None:
    """Take the index away, as a table that was rebuilt does with its triggers."""
    is_postgresql = isinstance(database, PostgreSQLDatabase)
    name = "INDEX ix_certificate_search" if is_postgresql else "TRIGGER certificate_search_update"
    with database.write() as connection:
        connection.execute(text(f"DROP {name}"))


@on_both
def test_a_new_database_has_it(database: Database) -> None:
    with database.read() as connection:
        assert search_index.is_there(connection)
    assert SQLSchema(database).remarks() == ()


@on_both
def test_an_index_that_is_missing_is_remarked_and_built_by_the_next_upgrade(database: Database) -> None:
    lose(database)
    assert [found.rule for found in SQLSchema(database).remarks()] == ["search.plain"]
    assert SQLSchema(database).upgrade() == (HEAD, HEAD)
    assert SQLSchema(database).remarks() == ()
    assert SQLSchema(database).differences() == []


def test_an_extension_that_is_refused_is_done_without(
    postgresql: PostgreSQLDatabase, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with postgresql.write() as connection:
        connection.execute(text("DROP EXTENSION pg_trgm CASCADE"))
        connection.execute(text("CREATE ROLE humble LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO humble"))
    humble = PostgreSQLDatabase(postgresql_url.replace("//ca_service@", "//humble@"))
    with caplog.at_level(logging.WARNING):
        assert not search_index.build(humble)
    assert "pg_trgm" in caplog.text
    assert [found.rule for found in SQLSchema(humble).remarks()] == ["search.plain"]
    humble.close()


def test_an_sqlite_without_trigrams_does_without(sqlite: SQLiteDatabase) -> None:
    lose(sqlite)

    @events.listens_for(sqlite.engine, "before_cursor_execute", retval=True)
    def _older(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> tuple[str, object]:
        return statement.replace("'trigram'", "'unheard-of'"), parameters

    assert not search_index.build(sqlite)
    with sqlite.read() as connection:
        assert not search_index.is_there(connection)
