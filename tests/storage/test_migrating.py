"""The versions of the schema: what the migrations build is what the program expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text

from ca_service.authority.access.permissions import SCOPES
from ca_service.authority.audit.seals import Sealing
from ca_service.authority.audit.verifying import verify
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import State
from ca_service.errors import NotReady
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.migrating import HEAD, SQLSchema, _config
from ca_service.storage.notices import SQLJobStore
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.schema import certificate, metadata
from ca_service.storage.sqlite import SQLiteDatabase
from ca_service.vos.destinations import Destination
from tests.storage.conftest import on_both
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON, FixedClock, InMemoryKeyStore
from tests.support.request_records import request_record
from tests.support.sealed import exported


def schema_of(database: Database) -> set[tuple[str, ...]]:
    """The statements of all tables and indexes, taken apart: the order of constraints means nothing."""
    with database.read() as connection:
        found = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql NOT NULL")).scalars().all()
    ours = [each for each in found if "alembic_version" not in each and "_search" not in each]
    return {
        tuple(sorted(re.sub(r"\s+", " ", part).strip(" )") for part in statement.replace('"', "").split(",")))
        for statement in ours
    }


def set_version(database: Database, version: str) -> None:
    """Pretend that another version was here."""
    with database.write() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})


@pytest.fixture
def empty(tmp_path: Path) -> Database:
    """A database without tables."""
    database = SQLiteDatabase(tmp_path / "empty.sqlite3")
    database.create()
    return database


def test_the_migrations_build_the_tables_that_the_program_expects(database: Database, empty: Database) -> None:
    assert SQLSchema(database).differences() == []
    with empty.write() as connection:
        metadata.create_all(connection)
    assert schema_of(database) == schema_of(empty)


def test_a_difference_is_told(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE account ADD COLUMN nickname TEXT"))
        connection.execute(text("DROP INDEX ix_certificate_key"))
    told = " ".join(SQLSchema(database).differences())
    assert "nickname" in told
    assert "ix_certificate_key" in told


def test_a_table_of_somebody_else_is_no_difference(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE theirs (x)"))
    assert SQLSchema(database).differences() == []


def test_an_empty_database_is_brought_up_to_date(empty: Database) -> None:
    schema = SQLSchema(empty)
    assert schema.current() == ""
    assert schema.upgrade() == ("", HEAD)
    assert schema.current() == schema.head() == HEAD
    schema.require_current()


def test_events_from_before_the_record_was_sealed_are_sealed_with_the_rest(empty: Database) -> None:
    with empty.write() as connection:
        command.upgrade(_config(connection), "0003")
        values = "'2026-11-23 12:00:00.000000', 'signed-in', 'vera', 'vera', '{}', ''"
        connection.execute(text(f"INSERT INTO audit_event VALUES (1, {values})"))  # noqa: S608 - our own words
    SQLSchema(empty).upgrade()
    store = SQLEventStore(empty)
    sealing = Sealing(store, InMemoryKeyStore(), FixedClock())
    assert sealing.seal_pending() == 1
    assert verify(exported(store, sealing)).events == 1


@on_both
def test_certificates_from_before_are_found_by_month_and_beginning_of_the_host_and_their_csr_is_kept_once(
    issued_under: Database,
) -> None:
    hosts = ("Uccx1.example.com", "u", "10.0.0.5")
    records = [certificate_record(host=host, not_after=NOON.replace(month=12)) for host in hosts]
    request = request_record(
        options=Options(validity_days=30, destination=Destination("tomcat-ECDSA")),
        state=State.ISSUED,
        serial_number=records[0].serial_number,
        csr_der=records[0].csr_der,
        id=1,
    )
    SQLLedger(issued_under).record(records, [event()] * 3, always_new=True, replay=None, requests=[request])
    added = select(certificate.c.host, certificate.c.host_start, certificate.c.ends_month).order_by(certificate.c.id)
    with issued_under.read() as connection:
        before = connection.execute(added).all()
    with issued_under.write() as connection:
        for name in ("expiry_count", "installation", "host_product", "served"):
            connection.execute(text(f"DROP TABLE {name}"))
        for name in ("issued_by", "profile", "host_start", "ends_month"):
            connection.execute(text(f"DROP INDEX ix_certificate_{name}"))
        for name in ("revocation_state", "audit_event_actor", "audit_event_event", "audit_event_at", "application_key"):
            connection.execute(text(f"DROP INDEX ix_{name}"))
        connection.execute(text("DROP INDEX ix_node_fqdn"))
        connection.execute(text("ALTER TABLE application DROP COLUMN purpose"))
        connection.execute(text("ALTER TABLE account DROP COLUMN mail_address"))
        for name in ("host_start", "ends_month", "purpose"):
            connection.execute(text(f"ALTER TABLE certificate DROP COLUMN {name}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0010'"))
        connection.execute(text("UPDATE application SET csr_der = :csr"), {"csr": request.csr_der})
    assert SQLSchema(issued_under).upgrade() == ("0010", HEAD)
    assert SQLSchema(issued_under).differences() == []
    assert SQLSchema(issued_under).remarks() == ()
    with issued_under.read() as connection:
        assert connection.execute(added).all() == before
        assert connection.execute(text("SELECT csr_der FROM application")).scalars().all() == [None]
    assert SQLRequestStore(issued_under).find_request(1) == request
    assert [row.host_start for row in before] == ["uc", "u", "10"]


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    before = schema_of(database)
    assert SQLSchema(database).upgrade() == (HEAD, HEAD)
    assert schema_of(database) == before


def test_an_older_schema_is_refused_with_what_to_do(empty: Database) -> None:
    with pytest.raises(NotReady, match=r"`pg_dump`\. Then run `ca-service db upgrade`") as caught:
        SQLSchema(empty).require_current()
    assert caught.value.rule == "schema.old"
    set_version(empty, "0000")
    with pytest.raises(NotReady, match="has schema version 0000") as caught:
        SQLSchema(empty).require_current()
    assert caught.value.rule == "schema.old"


def test_a_version_table_without_a_version_is_an_older_schema(empty: Database) -> None:
    with empty.write() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    assert SQLSchema(empty).upgrade() == ("", HEAD)


@pytest.mark.parametrize("version", ["9998", "9999", "ae1027a6acf"])
def test_a_newer_schema_is_refused_with_what_to_do_and_left_alone(database: Database, version: str) -> None:
    set_version(database, version)
    schema = SQLSchema(database)
    for act in (schema.require_current, schema.upgrade):
        with pytest.raises(NotReady, match=r"newer version of ca_service.*database and keys") as caught:
            act()
        assert caught.value.rule == "schema.new"
    assert schema.current() == version


def test_an_upgrade_that_fails_leaves_what_was_before(empty: Database) -> None:
    with empty.write() as connection:
        connection.execute(text("CREATE TABLE certificate (x)"))  # a table that the first migration creates
    before = schema_of(empty)
    with pytest.raises(Exception, match="certificate already exists"):
        SQLSchema(empty).upgrade()
    assert schema_of(empty) == before
    assert SQLSchema(empty).current() == ""


def test_tokens_from_before_there_were_scopes_may_what_they_could(empty: Database) -> None:
    with empty.write() as connection:
        command.upgrade(_config(connection), "0003")
        now = {"now": "2026-11-01 00:00:00", "end": "2099-11-01 00:00:00"}
        connection.execute(
            text(
                "INSERT INTO account (id, name, role, password_hash, session_epoch, created_at) "
                "VALUES (1, 'anna', 'requester', 'x', 0, :now)"
            ),
            now,
        )
        connection.execute(
            text(
                "INSERT INTO token (account_id, label, prefix, hash, created_at, expires_at) "
                "VALUES (1, 'old', 'ca_x', 'x', :now, :end)"
            ),
            now,
        )
    SQLSchema(empty).upgrade()
    [token] = SQLAccountStore(empty).list_tokens(1)
    assert set(token.scopes) >= set(SCOPES) - {"status"}  # no token opened that before it had its scope
    assert "status" not in token.scopes
    assert (token.names, token.profiles, token.networks) == ((), (), ())


@on_both
def test_a_write_is_tried_and_leaves_nothing(database: Database) -> None:
    schema = SQLSchema(database)
    for _ in range(2):
        schema.try_write()
    assert SQLJobStore(database).list_runs() == ()


@pytest.mark.fault("database", "A table is missing", "the check of writing fails, and with it readiness")
@on_both
def test_a_table_that_is_missing_is_no_success(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("DROP TABLE revocation"))
    with pytest.raises(NotReady) as caught:
        SQLSchema(database).try_write()
    assert caught.value.rule == "database.unusable"


@pytest.mark.fault("database", "The database can be read but not written", "the check of writing fails")
def test_a_database_that_cannot_be_written_is_told(database: Database) -> None:
    with database.read() as connection:
        connection.execute(text("PRAGMA query_only = ON"))
    with pytest.raises(NotReady) as caught:
        SQLSchema(database).try_write()
    assert caught.value.rule == "database.unusable"
