"""Waiting for a turn at the databases ends with the deadline of the request; readers never wait for a writer."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ca_service import deadline
from ca_service.authority.people.records import SessionRecord
from ca_service.deadline import Places, limited
from ca_service.errors import Busy, Interrupted
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.database import Database
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.sessions import SQLSessionStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.conftest import on_both
from tests.support.factories import account_record, event, token_record
from tests.support.fakes import NOON
from tests.support.holding import held

pytestmark = pytest.mark.timeout(50)  # where a deadline is ignored, one waits for a minute


def add(database: Database, name: str) -> None:
    """Write one row."""
    statement = text("INSERT INTO setup_link (hash, expires_at) VALUES (:name, '2026-01-01')")
    with database.write() as connection:
        connection.execute(statement, {"name": name})


def names(database: Database) -> list[str]:
    """The rows of `add`."""
    with database.read() as connection:
        return list(connection.execute(text("SELECT hash FROM setup_link ORDER BY hash")).scalars())


@on_both
def test_a_writer_whose_turn_does_not_come_is_told_and_writes_nothing(database: Database) -> None:
    with held(database):
        with limited(0.1), pytest.raises(Busy) as caught:
            add(database, "a")
        assert names(database) == []
    with limited(0.1):
        add(database, "b")
    assert caught.value.rule == "database.busy"
    assert "Try again in 5 seconds" in str(caught.value)
    assert names(database) == ["b"]


@on_both
@pytest.mark.parametrize("name", ["write", "seal"])
def test_a_lock_that_another_thread_holds_is_waited_for_until_the_deadline(database: Database, name: str) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write() if name == "write" else database.locked(name):
            entered.set()
            leave.wait(40)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(20)
    with limited(0.1), pytest.raises(Busy), database.write() if name == "write" else database.locked(name):
        pass
    leave.set()
    holder.join()


def test_one_thread_of_a_process_tries_to_lock_the_file_and_the_others_wait_for_it(sqlite: SQLiteDatabase) -> None:
    places = Places(5)

    def write(name: str) -> None:
        with limited(30, places=places):
            add(sqlite, name)

    with ThreadPoolExecutor(5) as pool:
        with held(sqlite):
            written = [pool.submit(write, name) for name in "abcde"]
            while places._free:
                time.sleep(0.01)
            time.sleep(0.05)  # all of them are about to wait
            files = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
            assert sum(path.name.endswith(".write.lock") for path in files) <= 2  # one who holds it, one who tries
        for each in written:
            each.result()
    assert names(sqlite) == list("abcde")


def test_a_program_that_is_not_ours_holds_sqlite_without_our_lock(sqlite: SQLiteDatabase) -> None:
    with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with limited(0.1), pytest.raises(Busy):
            add(sqlite, "a")
        assert names(sqlite) == []
        shell.execute("COMMIT")
    add(sqlite, "b")
    with sqlite.read() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 10_000


def test_a_row_that_a_program_which_is_not_ours_holds_is_waited_for_until_the_deadline(
    postgresql: PostgreSQLDatabase,
) -> None:
    add(postgresql, "a")
    with postgresql._engine.begin() as shell:
        shell.execute(text("SELECT * FROM setup_link FOR UPDATE"))
        with limited(0.1), pytest.raises(Busy), postgresql.write() as connection:
            connection.execute(text("DELETE FROM setup_link"))
    assert names(postgresql) == ["a"]


def test_a_statement_takes_no_longer_than_the_request_may_wait(postgresql: PostgreSQLDatabase) -> None:
    with limited(0.1), pytest.raises(Busy), postgresql.read() as connection:
        connection.execute(text("SELECT pg_sleep(45)"))
    with postgresql.read() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "30s"


@on_both
def test_reading_does_not_wait_for_a_writer(database: Database) -> None:
    add(database, "a")
    with held(database), limited(0):
        assert names(database) == ["a"]
        assert database.look_up("SELECT hash FROM setup_link") == ("a",)


@on_both
def test_what_is_free_is_taken_after_the_deadline_too(database: Database) -> None:
    with limited(0):
        add(database, "a")
    assert names(database) == ["a"]


@on_both
def test_an_error_after_something_was_stored_does_not_say_that_nothing_was_done(database: Database) -> None:
    with limited(0.1):
        add(database, "a")
        with held(database), pytest.raises(Interrupted) as caught:
            add(database, "b")
    assert caught.value.rule == "database.interrupted"


@on_both
def test_the_last_use_of_session_and_token_is_left_out_while_others_write(database: Database) -> None:
    accounts, sessions = SQLAccountStore(database), SQLSessionStore(database)
    owner = accounts.add_account(account_record(), event())
    token = accounts.add_token(token_record(owner.id), event(), at_most=9)
    sessions.add_session(session_record(owner.id), "browser", event())
    with held(database):
        sessions.note_seen("hash", NOON + timedelta(hours=1))
        accounts.note_token_use(token.id, NOON)
    assert [each.seen_at for each in sessions.list_sessions(owner.id, 0)] == [NOON]
    assert [each.last_used_at for each in accounts.list_tokens(owner.id)] == [None]
    sessions.note_seen("hash", NOON + timedelta(hours=1))
    accounts.note_token_use(token.id, NOON)
    assert [each.seen_at for each in sessions.list_sessions(owner.id, 0)] == [NOON + timedelta(hours=1)]
    assert [each.last_used_at for each in accounts.list_tokens(owner.id)] == [NOON]


@on_both
def test_what_can_be_left_out_does_not_count_as_done(database: Database) -> None:
    with limited(0.1):
        with deadline.without_waiting():
            add(database, "a")
        with held(database), pytest.raises(Busy):
            add(database, "b")


def session_record(account_id: int) -> SessionRecord:
    """A session with the hash `hash`."""
    return SessionRecord(0, "hash", account_id, 0, True, "password", "", "", NOON, NOON, NOON)


# Places


@contextmanager
def waiting(database: Database, places: Places, count: int) -> Iterator[None]:
    """So many threads wait for their turn in this block, each with a place."""

    def wait() -> None:
        with limited(45, places=places), suppress(Busy):
            entered.release()
            add(database, "waited")

    entered = threading.Semaphore(0)
    with ThreadPoolExecutor(count) as pool:
        for _ in range(count):
            pool.submit(wait)
        for _ in range(count):
            entered.acquire()
        while places._free:
            time.sleep(0.01)
        yield


@on_both
def test_as_many_wait_as_there_are_places_and_the_next_is_told_at_once(database: Database) -> None:
    places = Places(2, brief=0)
    with held(database) as release, waiting(database, places, 2):
        with limited(45, places=places), pytest.raises(Busy):
            add(database, "refused")
        release()
    assert names(database) == ["waited", "waited"]
    with limited(0, places=places):
        add(database, "x")


@on_both
def test_who_has_no_place_writes_where_nobody_has_to_wait(database: Database) -> None:
    with limited(0.1, places=Places(0, brief=0)):
        add(database, "a")
    assert names(database) == ["a"]


@on_both
def test_while_turns_are_short_all_may_wait(database: Database) -> None:
    """More threads write at a time than there are places."""

    def write(number: int) -> None:
        with limited(30, places=places):
            add(database, str(number))

    places = Places(1, brief=20)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(60)))
    assert len(names(database)) == 60


@on_both
def test_who_has_no_place_stays_as_long_as_others_have_turns(database: Database) -> None:
    def write() -> None:
        with limited(45, places=places):
            add(database, "a")

    places = Places(0, brief=2)
    with ThreadPoolExecutor(1) as pool:
        with held(database):
            waiting = pool.submit(write)
            ends = time.monotonic() + 3  # longer than one may stay if others had none
            while time.monotonic() < ends:
                with places.take("write"):
                    time.sleep(0.05)
        waiting.result()
    assert names(database) == ["a"]
