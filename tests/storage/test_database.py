"""The databases: durable, one writer at a time, all or nothing; what is peculiar to SQLite's file."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from ca_service.errors import NotReady
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.database import Database
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.schema import UTCDateTime
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.conftest import on_both
from tests.support.factories import certificate_record, event, token_record

moments = Table("moments", MetaData(), Column("id", Integer, primary_key=True), Column("at", UTCDateTime))


def count(database: Database, table: str) -> int:
    """Return the number of rows of a table."""
    with database.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)]
)
def test_every_connection_is_durable_and_checks_foreign_keys(
    sqlite: SQLiteDatabase, pragma: str, value: object
) -> None:
    with sqlite.read() as first, sqlite.read() as second:
        found = [connection.execute(text(f"PRAGMA {pragma}")).scalar() for connection in (first, second)]
    assert found == [value, value]


def test_what_was_written_is_there_for_others_after_the_commit_only(sqlite: SQLiteDatabase) -> None:
    other = SQLiteDatabase(sqlite.path)
    with sqlite.write() as connection:
        connection.execute(text("INSERT INTO setup_link (hash, expires_at) VALUES ('x', '2026-01-01')"))
        assert count(other, "setup_link") == 0
    assert count(other, "setup_link") == 1


@pytest.mark.fault(
    "processes", "A use case fails within its transaction", "rolls back everything; the next write works"
)
@on_both
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_nothing_and_the_next_write_works(database: Database, error: type[BaseException]) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO setup_link (hash, expires_at) VALUES ('x', '2026-01-01')"))
            raise error

    for _ in range(20):  # more often than there are connections
        with pytest.raises(error):
            fail()
    assert count(database, "setup_link") == 0
    with database.write() as connection:
        connection.execute(text("INSERT INTO setup_link (hash, expires_at) VALUES ('x', '2026-01-01')"))
    assert count(database, "setup_link") == 1


def test_the_error_that_is_told_is_the_first_one_also_where_sqlite_has_rolled_back_itself(
    sqlite: SQLiteDatabase,
) -> None:
    def fail() -> None:
        with sqlite.write() as connection:
            connection.exec_driver_sql("ROLLBACK")
            raise RuntimeError("the first")

    with pytest.raises(RuntimeError, match="the first"):
        fail()


@on_both
def test_a_look_up_finds_the_first_row_that_is_committed(database: Database) -> None:
    statement = "SELECT hash, expires_at FROM setup_link WHERE hash = :hash"
    assert database.look_up(statement, hash="x") is None
    with database.write() as connection:
        connection.execute(text("INSERT INTO setup_link (hash, expires_at) VALUES ('x', '2026-01-01')"))
        connection.execute(text("INSERT INTO setup_link (hash, expires_at) VALUES ('y', '2026-01-01')"))
    assert (database.look_up(statement, hash="x") or [""])[0] == "x"
    assert (database.look_up(statement, hash="y") or [""])[0] == "y"


def test_a_look_up_does_not_create_a_missing_file(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "ca.sqlite3")
    with pytest.raises(NotReady) as caught:
        database.look_up("SELECT 1")
    assert (caught.value.rule, database.exists) == ("installation.missing", False)


def test_connections_of_look_ups_are_closed_with_their_thread_and_with_the_database(sqlite: SQLiteDatabase) -> None:
    def open_files() -> int:
        return sum(each.resolve() == sqlite.path.resolve() for each in Path("/proc/self/fd").iterdir())

    before = open_files()
    thread = threading.Thread(target=sqlite.look_up, args=("SELECT 1",))
    thread.start()
    thread.join()
    assert open_files() == before
    assert sqlite.look_up("SELECT 1") == (1,)
    assert open_files() == before + 1
    sqlite.close()
    assert open_files() == before
    assert sqlite.look_up("SELECT 1") == (1,)


@on_both
def test_a_look_up_keeps_no_old_state(database: Database) -> None:
    """A statement that has not ended would keep its thread at the state of its beginning."""
    for number in range(3):
        with database.write() as connection:
            connection.execute(text(f"INSERT INTO setup_link (hash, expires_at) VALUES ('{number}', '2026-01-01')"))  # noqa: S608
        for _ in range(2):
            assert database.look_up("SELECT count(*) FROM setup_link") == (number + 1,)


@on_both
def test_a_look_up_in_a_table_that_is_not_there_is_explained(database: Database) -> None:
    for _ in range(20):  # more often than there are connections
        with pytest.raises(NotReady) as caught:
            database.look_up("SELECT 1 FROM nowhere")
        assert caught.value.rule == "database.unusable"
    assert "nowhere" in str(caught.value)


@on_both
def test_a_certificate_without_its_issuer_is_not_stored_and_neither_is_its_event(database: Database) -> None:
    with pytest.raises(IntegrityError):
        SQLLedger(database).record([certificate_record()], [event()], always_new=False, replay=None)
    assert (count(database, "certificate"), count(database, "audit_event")) == (0, 0)


@on_both
def test_a_certificate_that_cannot_be_stored_takes_the_ones_before_it_along(issued_under: Database) -> None:
    first, second = certificate_record(), certificate_record()
    twin = certificate_record(serial_number=first.serial_number)
    before = count(issued_under, "audit_event")
    with pytest.raises(IntegrityError):
        SQLLedger(issued_under).record([second, first, twin], [event()] * 3, always_new=True, replay=None)
    assert (count(issued_under, "certificate"), count(issued_under, "audit_event")) == (0, before)


@on_both
def test_a_token_without_its_account_is_not_stored(database: Database) -> None:
    with pytest.raises(IntegrityError):
        SQLAccountStore(database).add_token(token_record(999), event(), at_most=9)


@on_both
@pytest.mark.timeout(30)
def test_writers_wait_for_one_another(database: Database) -> None:
    meeting = threading.Barrier(2, timeout=0.3)

    def add(_: int) -> int:
        with database.write() as connection:
            found = connection.execute(text("SELECT count(*) FROM setup_link")).scalar_one()
            with suppress(threading.BrokenBarrierError):  # the other has not read, as it waits for its turn
                meeting.wait()
            statement = text("INSERT INTO setup_link (id, hash, expires_at) VALUES (:id, 'x', '2026-01-01')")
            connection.execute(statement, {"id": found + 1})
        return int(found)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(add, range(2))) == [0, 1]


@pytest.mark.parametrize("folder", ["with space", "100%", "what?", "a#b", "ä"])
def test_the_folder_can_have_any_name(tmp_path: Path, folder: str) -> None:
    database = SQLiteDatabase(tmp_path / folder / "ca.sqlite3")
    database.create()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE x (y)"))
    database.close()
    assert (tmp_path / folder / "ca.sqlite3").exists()


def test_a_new_database_and_its_folder_are_closed_to_others(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "instance" / "ca.sqlite3")
    database.create()
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


def test_creating_a_database_again_changes_nothing(sqlite: SQLiteDatabase) -> None:
    before = sqlite.path.read_bytes()
    sqlite.create()
    assert sqlite.path.read_bytes() == before


@pytest.mark.fault("database", "The database file is missing", "refuses; creates nothing")
@pytest.mark.parametrize("access", ["read", "write"])
def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path, access: str) -> None:
    database = SQLiteDatabase(tmp_path / "nowhere" / "ca.sqlite3")
    with pytest.raises(NotReady) as caught, getattr(database, access)():
        pass
    assert caught.value.rule == "installation.missing"
    assert not database.path.parent.exists()


@on_both
@pytest.mark.fault("database", "A row cannot be read", "refuses with the fix; reports it as no fault of the program")
@pytest.mark.parametrize("access", ["read", "write"])
@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError])
def test_a_row_that_cannot_be_read_is_told(database: Database, access: str, error: type[Exception]) -> None:
    with pytest.raises(NotReady) as raised, getattr(database, access)():
        raise error("broken")
    assert raised.value.rule == "database.row-unreadable"


@pytest.mark.fault("database", "The database file is damaged", "refuses with the fix")
@pytest.mark.parametrize("access", ["read", "write"])
def test_a_damaged_database_is_told(tmp_path: Path, access: str) -> None:
    path = tmp_path / "ca.sqlite3"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(NotReady) as caught, getattr(SQLiteDatabase(path), access)():
        pass
    assert caught.value.rule == "database.unusable"


def test_a_closed_database_leaves_one_file_and_its_locks(sqlite: SQLiteDatabase) -> None:
    with sqlite.write() as connection:
        connection.execute(text("INSERT INTO setup_link (hash, expires_at) VALUES ('x', '2026-01-01')"))
    sqlite.close()
    names = {path.name for path in sqlite.path.parent.iterdir()}
    assert names == {"ca.sqlite3", "ca.sqlite3.write.lock"}
    with closing(sqlite3.connect(sqlite.path)) as file, file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# Times


@pytest.fixture
def with_moments(database: Database) -> Database:
    """A database with a table of moments."""
    with database.write() as connection:
        moments.create(connection)
    return database


@on_both
def test_a_time_without_a_zone_is_refused(with_moments: Database) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the fault
    with pytest.raises(StatementError, match="without a zone"), with_moments.write() as connection:
        connection.execute(insert(moments), {"at": naive})


@on_both
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-5, minutes=-30))])
def test_a_time_of_any_zone_comes_back_as_the_same_moment_in_utc(with_moments: Database, zone: timezone) -> None:
    at = datetime(2026, 11, 23, 12, 0, 1, tzinfo=zone)
    with with_moments.write() as connection:
        connection.execute(insert(moments), {"at": at})
    with with_moments.read() as connection:
        found = connection.execute(select(moments.c.at)).scalar_one()
    assert found == at
    assert found.tzinfo is UTC


@on_both
def test_no_time_stays_no_time(with_moments: Database) -> None:
    with with_moments.write() as connection:
        connection.execute(insert(moments), {"at": None})
    with with_moments.read() as connection:
        assert connection.execute(select(moments.c.at)).scalar_one() is None


@pytest.mark.fault(
    "database", "The database file is replaced under a running service", "reads and writes nothing until the restart"
)
def test_a_file_that_was_replaced_under_a_running_service_is_not_written(sqlite: SQLiteDatabase) -> None:
    with sqlite.write() as connection:
        connection.execute(text("DELETE FROM installation"))
    kept = sqlite.path.with_suffix(".kept")
    sqlite.path.rename(kept)
    shutil.copy(kept, sqlite.path)
    with pytest.raises(NotReady) as caught, sqlite.write() as connection:
        connection.execute(text("INSERT INTO installation VALUES ('x')"))
    assert caught.value.rule == "database.replaced"
    sqlite.close()
    with sqlite.write() as connection:
        assert connection.execute(text("SELECT count(*) FROM installation")).scalar_one() == 0


@pytest.mark.fault("database", "The database file is replaced or removed during a write", "the write is an error")
@pytest.mark.parametrize(("is_removed", "rule"), [(False, "database.replaced"), (True, "installation.missing")])
def test_a_write_whose_file_was_replaced_or_removed_meanwhile_is_not_acknowledged(
    sqlite: SQLiteDatabase, is_removed: bool, rule: str
) -> None:
    copy = sqlite.path.with_suffix(".copy")
    shutil.copy(sqlite.path, copy)

    def write() -> None:
        with sqlite.write() as connection:
            connection.execute(text("DELETE FROM installation"))
            if is_removed:
                sqlite.path.unlink()
            else:
                copy.replace(sqlite.path)

    with pytest.raises(NotReady) as caught:
        write()
    assert caught.value.rule == rule


@pytest.mark.fault(
    "database", "The WAL is removed under a running service", "reads and writes nothing until the restart"
)
@pytest.mark.parametrize("access", ["read", "write", "look_up"])
def test_a_database_whose_wal_was_removed_is_not_written(sqlite: SQLiteDatabase, access: str) -> None:
    def use() -> None:
        if access == "look_up":
            sqlite.look_up("SELECT id FROM installation")
        else:
            with getattr(sqlite, access)() as connection:
                connection.execute(text("SELECT id FROM installation"))

    use()
    for end in ("wal", "shm"):
        Path(f"{sqlite.path}-{end}").unlink()
    with pytest.raises(NotReady) as caught:
        use()
    assert caught.value.rule == "database.replaced"
    sqlite.close()
    use()


@pytest.mark.fault("disk", "The disk is full: the database cannot grow", "refuses the whole change; goes on with space")
def test_a_full_disk_refuses_the_whole_change_and_the_next_write_works(sqlite: SQLiteDatabase) -> None:
    large = text("INSERT INTO setup_link (hash, expires_at) VALUES (:hash, '2026-01-01')")

    def fill() -> None:
        with sqlite.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # not below the size of today
            connection.execute(large, {"hash": "x"})
            connection.execute(large, {"hash": "x" * 1_000_000})

    with pytest.raises(NotReady) as caught:
        fill()
    assert caught.value.rule == "database.unusable"
    assert "full" in str(caught.value)
    count = text("SELECT count(*) FROM setup_link")
    with sqlite.read() as connection:
        assert connection.execute(count).scalar_one() == 0
    sqlite.close()  # with its connection goes the limit
    with sqlite.write() as connection:
        connection.execute(large, {"hash": "x"})
        assert connection.execute(count).scalar_one() == 1


def test_a_lock_file_belongs_to_this_user_alone(sqlite: SQLiteDatabase) -> None:
    before = os.umask(0)
    try:
        with sqlite.locked("any"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(f"{sqlite.path}.any.lock").stat().st_mode) == 0o600


def test_the_connection_of_a_thread_is_closed_though_its_database_is_garbage_in_a_cycle(sqlite: SQLiteDatabase) -> None:
    """From Python 3.13 on, one that is left open is a warning, which fails this test."""
    other = SQLiteDatabase(sqlite.path)
    other.look_up("SELECT 1")
    connection = other._of_thread.own.connection
    other.itself = other  # type: ignore[attr-defined]
    del other
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
