"""PostgreSQL only: the order of writers, crashes, and errors if the server does not answer."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select, text

from ca_service.deadline import limited
from ca_service.errors import Busy, CAServiceError, ConfigurationError, NotReady
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.migrating import HEAD, SQLSchema
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.schema import setup_link
from tests.support.factories import account_record, event
from tests.support.fakes import NOON
from tests.support.postgresql import Server

PASSWORD = "h0rse-battery"  # must never be shown


def explained(act: Callable[[], object]) -> CAServiceError:
    """The error, which must not tell the password."""
    with pytest.raises(CAServiceError) as caught:
        act()
    assert PASSWORD not in str(caught.value)
    return caught.value


def enter(database: PostgreSQLDatabase, access: str) -> None:
    """Read, write or lock, and nothing in it."""
    with database.locked("x") if access == "locked" else getattr(database, access)():
        pass


@pytest.mark.fault("database", "The PostgreSQL server does not answer", "refuses with the fix")
@pytest.mark.parametrize("access", ["read", "write", "locked"])
def test_a_server_that_does_not_answer_is_told_with_what_to_do(access: str) -> None:
    database = PostgreSQLDatabase(f"postgresql://ca:{PASSWORD}@127.0.0.1:9/ca")
    error = explained(lambda: enter(database, access))
    assert (type(error), error.rule) == (NotReady, "database.unreachable")
    assert "ca at 127.0.0.1" in str(error)


def test_a_database_that_is_not_there_is_told(postgresql_server: Server) -> None:
    database = PostgreSQLDatabase(postgresql_server.url("nowhere"))
    error = explained(lambda: enter(database, "read"))
    assert error.rule == "database.unreachable"
    assert 'database "nowhere" does not exist' in str(error)


@pytest.mark.fault("database", "A table is missing", "refuses with the fix")
def test_a_table_that_is_not_there_is_told(postgresql: PostgreSQLDatabase) -> None:
    with pytest.raises(NotReady) as caught, postgresql.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert caught.value.rule == "database.unusable"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://ca:{PASSWORD}@localhost/ca",
        f"postgresql+asyncpg://ca:{PASSWORD}@localhost/ca",
        f"postgresql://ca:{PASSWORD}@localhost:port/ca",
        PASSWORD,
        "",
    ],
)
def test_a_url_of_anything_else_is_refused(url: str) -> None:
    error = explained(lambda: PostgreSQLDatabase(url))
    assert (type(error), error.rule) == (ConfigurationError, "database.url")


def test_a_database_without_tables_has_no_installation(postgresql_server: Server) -> None:
    with postgresql_server.database("template0") as url:
        database = PostgreSQLDatabase(url)
        schema = SQLSchema(database)
        with pytest.raises(NotReady) as caught:
            schema.require_current()
        assert caught.value.rule == "installation.missing"
        assert (schema.current(), schema.upgrade()) == ("", ("", HEAD))
        schema.require_current()
        database.close()


def test_the_migrations_build_the_tables_that_the_program_expects(postgresql: PostgreSQLDatabase) -> None:
    assert SQLSchema(postgresql).differences() == []
    with postgresql.write() as connection:
        connection.execute(text("CREATE TABLE theirs (x INTEGER)"))
        assert SQLSchema(postgresql).differences() == []
        connection.execute(text("ALTER TABLE account ADD COLUMN nickname TEXT"))
    assert "nickname" in " ".join(SQLSchema(postgresql).differences())


def test_names_are_sorted_as_elsewhere_whatever_the_server_thinks_of_letters(postgresql: PostgreSQLDatabase) -> None:
    store = SQLAccountStore(postgresql)
    for name in ("b", "a-b", "B", "ab", "ä", "a.a"):
        store.add_account(account_record(name), event())
    assert [found.name for found in store.list_accounts()] == ["B", "a-b", "a.a", "ab", "b", "ä"]


def test_a_nul_is_no_error(postgresql: PostgreSQLDatabase) -> None:
    store = SQLAccountStore(postgresql)
    assert store.find_account("a\x00b") is None
    store.add_event(event("typed\x00that"))


# Who waits for whom


def test_a_reader_does_not_wait_and_sees_what_was_committed(postgresql: PostgreSQLDatabase) -> None:
    with postgresql.write() as connection, postgresql.read() as reader:
        connection.execute(insert(setup_link), {"hash": "x", "expires_at": NOON})
        assert reader.execute(select(setup_link.c.id)).all() == []
    with postgresql.read() as reader:
        assert len(reader.execute(select(setup_link.c.id)).all()) == 1


@pytest.mark.parametrize(
    ("first", "second", "waits"), [("a", "a", True), ("a", "b", False), ("write", "write", True), ("a", "write", False)]
)
def test_locks_of_one_name_keep_one_another_out(
    postgresql: PostgreSQLDatabase, first: str, second: str, waits: bool
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold(name: str, entered: threading.Event) -> None:
        with postgresql.write() if name == "write" else postgresql.locked(name):
            entered.set()
            leave.wait(20)

    holder = threading.Thread(target=hold, args=(first, entered))
    holder.start()
    assert entered.wait(20)
    follower_entered = threading.Event()
    follower = threading.Thread(target=hold, args=(second, follower_entered))
    follower.start()
    assert follower_entered.wait(0.3 if waits else 20) != waits
    leave.set()
    assert follower_entered.wait(20)
    for thread in (holder, follower):
        thread.join(20)


def _hold_and_die(url: str, ready: str) -> None:
    with PostgreSQLDatabase(url).locked("x"):
        Path(ready).touch()
        time.sleep(60)


@pytest.mark.fault(
    "processes", "`kill -9` of a process that holds a lock of the database", "the lock is released; others go on"
)
def test_a_crash_gives_the_lock_back(postgresql: PostgreSQLDatabase, postgresql_url: str, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_hold_and_die, args=(postgresql_url, str(tmp_path / "ready"))
    )
    process.start()
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    with limited(0.1), pytest.raises(Busy):  # the lock is taken
        enter(postgresql, "locked")
    os.kill(process.pid or 0, 9)
    enter(postgresql, "locked")
    process.join(20)


@pytest.mark.fault("database", "The PostgreSQL server restarts", "opens new connections")
def test_connections_that_the_server_has_ended_are_replaced(
    postgresql: PostgreSQLDatabase, postgresql_url: str
) -> None:
    enter(postgresql, "write")
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'ca_service' AND datname = current_database()"
        )
    enter(postgresql, "write")
    enter(postgresql, "read")


def test_no_connection_stays_in_a_transaction_and_none_after_the_end(
    postgresql: PostgreSQLDatabase, postgresql_url: str
) -> None:
    for access in ("read", "write", "locked"):
        enter(postgresql, access)
    states = "SELECT state FROM pg_stat_activity WHERE application_name = 'ca_service' AND datname = current_database()"
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        assert {row[0] for row in other.execute(states)} == {"idle"}
        postgresql.close()
        for _ in range(100):
            if not other.execute(states).fetchall():
                break
            time.sleep(0.05)
        assert other.execute(states).fetchall() == []
