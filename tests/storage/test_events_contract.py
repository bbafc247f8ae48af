"""The contract of event stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from ca_service.authority.audit.entries import EVERYTHING, EventQuery, EventSort, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.seals import make_seal
from ca_service.authority.audit.store import EventStore
from ca_service.errors import Conflict, InvalidInput
from ca_service.pki import keys
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from tests.support.factories import event
from tests.support.fakes import NOON
from tests.support.record import newest

KEY = keys.generate_key("P-256")
SORTS: tuple[EventSort, ...] = ("newest", "oldest")


def add(store: EventStore, count: int, start: int = 0) -> None:
    """Record so many events, an hour apart: of vera and of anna in turn."""
    for number in range(start, start + count):
        said = AuditEvent(
            NOON + timedelta(hours=number),
            Event.SIGNED_IN if number % 2 else Event.CERTIFICATE_ISSUED,
            "vera" if number % 3 else "anna",
            f"thing {number}",
            {"host": f"Node{number}.example.com", "note": "100% ä_b"},
            "192.0.2.1",
        )
        store.add_event(said)


def seal(store: EventStore, *, limit: int = 99) -> Seal:
    """Seal what is there."""
    events = store.list_unsealed(limit)
    made = make_seal(events, store.find_head(), NOON, KEY)
    store.add_seal(made, events)
    return made


def numbers(store: EventStore, query: EventQuery) -> list[int]:
    return [int(each.subject.split()[1]) for each in store.list_events(query).items]


def test_what_was_recorded_is_found_unchanged_with_a_number(event_store: EventStore) -> None:
    said = event("x", Event.TOKEN_CREATED)
    event_store.add_event(said)
    assert newest(event_store, 1) == (said,)
    [found] = event_store.list_events(EVERYTHING).items
    assert found.id == 1
    assert (found.seal, found.position) == (None, None)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 3, 4])
def test_the_list_goes_on_page_by_page(event_store: EventStore, sort: EventSort, limit: int) -> None:
    add(event_store, 7)
    found, cursor = [], ""
    while True:
        page = event_store.list_events(EventQuery(sort=sort, limit=limit, cursor=cursor))
        assert 0 < len(page.items) <= limit
        found += [each.id for each in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert found == (list(range(1, 8)) if sort == "oldest" else list(range(7, 0, -1)))


@pytest.mark.parametrize("cursor", ["x", "AAAA", "newest@x", "bmV3ZXN0IC0xIDA", "é"])
def test_a_cursor_of_somebody_else_is_refused(event_store: EventStore, cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        event_store.list_events(EventQuery(cursor=cursor))
    assert caught.value.rule == "list.cursor"


def test_a_cursor_of_the_other_order_is_refused(event_store: EventStore) -> None:
    add(event_store, 3)
    cursor = event_store.list_events(EventQuery(limit=1)).next_cursor
    with pytest.raises(InvalidInput):
        event_store.list_events(EventQuery(sort="oldest", cursor=cursor))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (EventQuery(actor="anna"), [6, 3, 0]),
        (EventQuery(actor="ann"), []),
        (EventQuery(subject="thing 4"), [4]),
        (EventQuery(events=("signed-in",)), [5, 3, 1]),
        (EventQuery(events=("signed-in", "certificate.issued"), actor="anna"), [6, 3, 0]),
        (EventQuery(since=NOON + timedelta(hours=5)), [6, 5]),
        (EventQuery(before=NOON + timedelta(hours=1)), [0]),
        (EventQuery(since=NOON + timedelta(hours=2), before=NOON + timedelta(hours=4)), [3, 2]),
        (EventQuery(text="node3.EXAMPLE"), [3]),
        (EventQuery(text="192.0.2"), [6, 5, 4, 3, 2, 1, 0]),
        (EventQuery(text="signed-IN"), [5, 3, 1]),
        (EventQuery(text="0% ä_"), [6, 5, 4, 3, 2, 1, 0]),
        (EventQuery(text="%"), [6, 5, 4, 3, 2, 1, 0]),
        (EventQuery(text="thing_3"), []),
        (EventQuery(text="nowhere"), []),
    ],
)
def test_a_list_can_be_narrowed_down(event_store: EventStore, query: EventQuery, found: list[int]) -> None:
    add(event_store, 7)
    assert numbers(event_store, query) == found
    assert query.is_everything is False


def test_the_oldest_event_of_a_name_about_a_subject_is_found(event_store: EventStore) -> None:
    for kind, subject in (
        (Event.SIGNED_IN, "x"),
        (Event.TOKEN_CREATED, "z"),
        (Event.TOKEN_CREATED, "x"),
        (Event.TOKEN_CREATED, "x"),
        (Event.TOKEN_CREATED, "w"),
    ):
        event_store.add_event(event(subject, kind))
    found = event_store.find_events("token.created", ["x", "y", "z"])
    assert [(each.id, each.subject) for each in found] == [(2, "z"), (3, "x")]
    assert event_store.find_events("token.created", ["y"]) == ()


def test_the_event_with_the_latest_time_is_found_after_a_time_and_beyond_a_number(event_store: EventStore) -> None:
    for days in (0, 400, 30, 400, 1):
        event_store.add_event(replace(event(), at=NOON + timedelta(days=days)))

    def latest(after: timedelta, beyond: int = 0) -> tuple[int, datetime] | None:
        found = event_store.find_latest(NOON + after, beyond)
        return (found.id, found.at) if found else None

    assert latest(timedelta(days=400)) is None
    assert latest(timedelta(days=399), 4) is None
    assert latest(timedelta(hours=1), 2) == (4, NOON + timedelta(days=400))
    assert latest(timedelta(hours=1), 4) == (5, NOON + timedelta(days=1))
    assert latest(timedelta(hours=1), 5) is None


def test_the_newest_events_without_a_seal_are_found(event_store: EventStore) -> None:
    add(event_store, 3)
    seal(event_store)
    add(event_store, 4, 3)
    assert [each.id for each in event_store.list_last_unsealed(9)] == [4, 5, 6, 7]
    assert [each.id for each in event_store.list_last_unsealed(2)] == [6, 7]
    assert [each.id for each in event_store.list_last_unsealed(2, 6)] == [5, 6]
    assert event_store.list_last_unsealed(2, 3) == ()


# Seals


def test_a_seal_is_found_as_it_was_kept_with_the_places_of_its_events(event_store: EventStore) -> None:
    add(event_store, 3)
    assert event_store.find_head() is None
    made = seal(event_store)
    assert event_store.find_head() == made
    assert event_store.find_seals([1]) == (made,)
    assert event_store.list_unsealed(9) == ()
    assert [(each.seal, each.position) for each in event_store.list_sealed(1, EVERYTHING)] == [(1, 0), (1, 1), (1, 2)]


def test_seals_are_listed_in_their_order(event_store: EventStore) -> None:
    made = []
    for number in range(4):
        add(event_store, 1, number)
        made.append(seal(event_store))
    assert event_store.list_seals(0, 9) == tuple(made)
    assert event_store.list_seals(1, 2) == tuple(made[1:3])
    assert event_store.list_seals(4, 2) == ()
    assert event_store.find_head() == made[3]
    assert event_store.find_seals([3, 9, 1]) == (made[0], made[2])


def test_what_is_sealed_can_be_narrowed_down(event_store: EventStore) -> None:
    add(event_store, 4)
    seal(event_store)
    assert [each.id for each in event_store.list_sealed(1, EventQuery(actor="anna"))] == [1, 4]
    assert event_store.list_sealed(2, EVERYTHING) == ()


def test_the_oldest_without_a_seal_come_first(event_store: EventStore) -> None:
    add(event_store, 4)
    assert [each.id for each in event_store.list_unsealed(2)] == [1, 2]
    seal(event_store, limit=2)
    assert [each.id for each in event_store.list_unsealed(9)] == [3, 4]


@pytest.mark.parametrize("taken", ["number", "event", "gone"])
def test_a_seal_whose_place_is_taken_is_not_kept_at_all(event_store: EventStore, taken: str) -> None:
    add(event_store, 3)
    first = event_store.list_unsealed(1)
    made = seal(event_store, limit=1)
    rest = event_store.list_unsealed(9)
    later: dict[str, tuple[Seal, tuple[RecordedEvent, ...]]] = {
        "number": (made, rest),
        "event": (make_seal((*first, *rest), made, NOON, KEY), (*first, *rest)),
        "gone": (make_seal(rest, made, NOON, KEY), (*rest, replace(rest[0], id=99))),
    }
    with pytest.raises(Conflict) as caught:
        event_store.add_seal(*later[taken])
    assert caught.value.rule == "audit.seal-taken"
    assert event_store.find_head() == made
    assert event_store.list_unsealed(9) == rest


def test_an_event_that_says_it_is_in_a_later_seal_is_found(event_store: EventStore) -> None:
    add(event_store, 2)
    seal(event_store)
    assert event_store.find_beyond(1) is None
    found = event_store.find_beyond(0)
    assert found is not None
    assert found.id == 1


def test_one_sealer_can_be_in(event_store: EventStore) -> None:
    with event_store.one_sealer():
        pass
    with event_store.one_sealer():
        pass


# What only a database can hold


SPOILED = {
    "a time that is none": "UPDATE audit_event SET at = 'yesterday' WHERE id = 2",
    "details without names": "UPDATE audit_event SET details = '[1]' WHERE id = 2",
    "a place that is no number": "UPDATE audit_event SET position = 'x' WHERE id = 2",
    "a seal that is no number": "UPDATE audit_event SET seal = 'x' WHERE id = 2",
    "a name that is no text": "UPDATE audit_event SET actor = x'00' WHERE id = 2",
    "details that are no JSON": "UPDATE audit_event SET details = '{' WHERE id = 2",
}


@pytest.mark.parametrize("statement", SPOILED.values(), ids=SPOILED)
def test_a_row_that_nobody_of_ours_has_written_is_named(database: Database, statement: str) -> None:
    store = SQLEventStore(database)
    add(store, 3)
    with database.write() as connection:
        connection.execute(text(statement))
    reads: list[Callable[[], object]] = [
        lambda: store.list_events(EVERYTHING),
        lambda: store.list_events(EventQuery(subject="thing 1")),
        lambda: store.find_beyond(0) if "seal =" in statement else seal(store),
    ]
    for read in reads:
        with pytest.raises(Conflict, match="Event 2 in the database") as caught:
            read()
        assert caught.value.rule == "audit.unreadable"


@pytest.mark.parametrize("change", ["at = 'x'", "root = 'x'", "count = 'x'", "last = x'00'"])
def test_a_seal_that_nobody_of_ours_has_written_is_told(database: Database, change: str) -> None:
    store = SQLEventStore(database)
    add(store, 1)
    seal(store)
    with database.write() as connection:
        connection.execute(text(f"UPDATE seal SET {change}"))  # noqa: S608 - our own words
    with pytest.raises(Conflict) as caught:
        store.find_head()
    assert caught.value.rule == "audit.unreadable"


def test_an_event_that_this_program_does_not_know_can_be_listed_and_sealed(database: Database) -> None:
    store = SQLEventStore(database)
    add(store, 1)
    with database.write() as connection:
        connection.execute(text("UPDATE audit_event SET event = 'of.tomorrow'"))
    seal(store)
    assert [each.event for each in store.list_events(EVERYTHING).items] == ["of.tomorrow"]


def test_no_list_of_the_record_reads_all_of_it_or_sorts_it(database: Database) -> None:
    store = SQLEventStore(database)
    add(store, 3)
    seal(store, limit=2)
    plans = {
        "unsealed": "SELECT * FROM audit_event WHERE seal IS NULL ORDER BY id LIMIT 9",
        "sealed": "SELECT * FROM audit_event WHERE seal = 1 ORDER BY position, id",
        "about": "SELECT * FROM audit_event WHERE subject = 'x' ORDER BY id DESC LIMIT 20",
        "list": "SELECT * FROM audit_event WHERE id < 5 ORDER BY id DESC LIMIT 51",
    }
    with database.read() as connection:
        for name, statement in plans.items():
            plan = json.dumps([list(row) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))])
            assert "USING" in plan, (name, plan)
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan, (name, plan)
