"""The search index: built where it is missing, done without where it cannot be had."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import event as events
from sqlalchemy import text

from ca_service.authority.issuance.records import RequestQuery
from ca_service.storage import search_index
from ca_service.storage.database import Database
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.migrating import HEAD, SQLSchema
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.schema import metadata
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.conftest import on_both
from tests.support.factories import certificate_record, event
from tests.support.request_records import request_record


def lose(database: Database, searched: str = "certificate") -> None:
    """Take an index away, as a table that was rebuilt does with its triggers."""
    is_postgresql = isinstance(database, PostgreSQLDatabase)
    in_sqlite = {"certificate": "TRIGGER certificate_search_update", "application": "TABLE application_search"}
    name = f"INDEX ix_{searched}_search" if is_postgresql else in_sqlite[searched]
    with database.write() as connection:
        connection.execute(text(f"DROP {name}"))


@on_both
def test_a_new_database_has_it(database: Database) -> None:
    with database.read() as connection:
        assert search_index.is_there(connection)
    assert SQLSchema(database).remarks() == ()


@on_both
@pytest.mark.parametrize("searched", ["certificate", "application"])
def test_an_index_that_is_missing_is_remarked_and_built_by_the_next_upgrade(database: Database, searched: str) -> None:
    lose(database, searched)
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


@on_both
def test_requests_are_found_before_and_after_a_job_has_added_them_to_the_index(database: Database) -> None:
    store, schema = SQLRequestStore(database), SQLSchema(database)
    is_sqlite = isinstance(database, SQLiteDatabase)

    def found() -> list[str]:
        return [each.host for each in store.list_requests(RequestQuery(text="UCCX anna", sort="oldest")).items]

    store.submit([request_record(host=host) for host in ("uccx1", "uccx2", "sm1")], [event()] * 3, None)
    assert found() == ["uccx1", "uccx2"]
    assert schema.index_new() == (3 if is_sqlite else 0)
    assert found() == ["uccx1", "uccx2"]
    store.submit([request_record(host="uccx3")], [event()], None)
    assert found() == ["uccx1", "uccx2", "uccx3"]
    assert schema.index_new() == (1 if is_sqlite else 0)
    assert schema.index_new() == 0
    assert found() == ["uccx1", "uccx2", "uccx3"]


def test_without_an_index_no_requests_are_added_to_it(sqlite: SQLiteDatabase) -> None:
    lose(sqlite, "application")
    SQLRequestStore(sqlite).submit([request_record(host="uccx1")], [event()], None)
    assert SQLSchema(sqlite).index_new() == 0
    assert len(SQLRequestStore(sqlite).list_requests(RequestQuery(text="uccx1")).items) == 1


@on_both
def test_the_database_counts_its_rows(issued_under: Database) -> None:
    records = [certificate_record(profile="vos") for _ in range(20)]
    SQLLedger(issued_under).record(records, [event()] * 20, always_new=True, replay=None)
    assert SQLSchema(issued_under).gather_statistics() > len(metadata.tables) / 2
    is_sqlite = isinstance(issued_under, SQLiteDatabase)
    counted = (
        "SELECT stat FROM sqlite_stat1 WHERE idx = 'ix_certificate_profile'"
        if is_sqlite
        else "SELECT reltuples FROM pg_class WHERE relname = 'certificate'"
    )
    with issued_under.read() as connection:
        found = connection.execute(text(counted)).scalar_one()
    assert found == ("20 20 1" if is_sqlite else 20)
