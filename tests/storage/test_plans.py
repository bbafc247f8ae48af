"""How the databases find rows: by an index that has them in order, however many others there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy import event as events

from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.inventory.language import parse
from ca_service.authority.inventory.store import Sort
from ca_service.authority.issuance.records import RequestQuery
from ca_service.storage.agreement import SQLAgreementStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.conftest import on_both
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON
from tests.support.request_records import request_record

Statements = list[tuple[str, Any]]


@contextmanager
def seen(database: Database) -> Iterator[Statements]:
    """Note the statements of a database."""
    engine: Engine = database.engine if isinstance(database, SQLiteDatabase) else database._engine  # type: ignore[attr-defined]
    found = Statements()

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        found.append((statement, parameters))

    events.listen(engine, "before_cursor_execute", note)
    yield found
    events.remove(engine, "before_cursor_execute", note)


def plan_of(database: Database, ask: Callable[[], object], number: int = -1) -> list[str]:
    """Return the plan of a statement, the last one, of a question. PostgreSQL may not read a small table whole."""
    with seen(database) as statements:
        ask()
    with database.read() as connection:
        cursor: Any = connection.connection.cursor()
        if isinstance(database, PostgreSQLDatabase):
            cursor.execute("SET enable_seqscan = off")
        explain = "EXPLAIN" if isinstance(database, PostgreSQLDatabase) else "EXPLAIN QUERY PLAN"
        rows: Sequence[Sequence[object]] = cursor.execute(
            f"{explain} {statements[number][0]}", statements[number][1]
        ).fetchall()
        if isinstance(database, PostgreSQLDatabase):
            cursor.execute("RESET enable_seqscan")
    return [str(row[-1]).strip() for row in rows]


@on_both
def test_the_latest_event_is_looked_up_by_time_and_pages_are_read_by_number(database: Database) -> None:
    store = SQLEventStore(database)
    for number in range(30):
        store.add_event(replace(event(), at=NOON + timedelta(minutes=number)))
    plan = " ".join(plan_of(database, lambda: store.find_latest(NOON, 3)))
    assert "ix_audit_event_at" in plan, plan
    assert "sort" not in plan.lower(), plan
    assert "temp" not in plan.lower(), plan
    since = plan_of(database, lambda: store.list_events(EventQuery(since=NOON, limit=2)))
    assert "ix_audit_event_at" not in " ".join(since), since


@on_both
def test_a_key_is_looked_up_by_its_index_together_with_its_refusals(filled: Database) -> None:
    plan = " ".join(plan_of(filled, lambda: SQLLedger(filled).look_up(["key"], [])))
    assert "ix_certificate_key " in plan, plan
    assert "ix_application_key " in plan, plan


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_two_keys_do_not_make_sqlite_read_all_refusals(filled: Database) -> None:
    plan = " ".join(plan_of(filled, lambda: SQLLedger(filled).look_up(["key", "other"], [])))
    assert "ix_application_key " in plan, plan


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_event_of_each_certificate_and_status_is_looked_up_by_its_subject(filled: Database) -> None:
    store = SQLAgreementStore(filled)
    assert "ix_audit_event_subject" in " ".join(plan_of(filled, lambda: list(store.list_issues())))
    assert "ix_audit_event_subject" in " ".join(plan_of(filled, lambda: next(store.list_statuses(), None), 0))
    plan = " ".join(plan_of(filled, lambda: next(store.list_request_statuses(), None), 0))
    assert "ix_audit_event_subject" in plan, plan


@pytest.fixture
def filled(issued_under: Database) -> Database:
    """A database with thirty certificates over as many months, which a page of two finds only far away."""
    records = [
        certificate_record(
            host=f"{'qz' if number < 3 else 'uc'}{number}.example.com",
            issued_by="retired" if number < 3 else f"admin{number % 4}",
            profile="server" if number < 3 else "vos",
            not_after=NOON + timedelta(days=31 * (number - 15)),
        )
        for number in range(30)
    ]
    SQLLedger(issued_under).record(records, [event()] * 30, always_new=True, replay=None)
    return issued_under


def found_by(database: Database, text: str, sort: Sort = "newest") -> list[str]:
    """The plan of the last statement of a search that does not find a page near."""
    store = SQLInventoryStore(database, near=1)
    return plan_of(database, lambda: store.list_certificates(parse(text, NOON), sort, "", 50))


SEARCHES = [
    ("by:retired", "ix_certificate_issued_by"),
    ("by:nobody", "ix_certificate_issued_by"),
    ("q", "ix_certificate_host_start"),
    ("qz", "ix_certificate_host_start"),
    ("host:qz", "ix_certificate_host_start"),
    ("profile:server", "ix_certificate_profile"),
    ("status:expired", "ix_certificate_ends_month"),
    ("status:active", "ix_certificate_ends_month"),
    ("expires<30d status:active", "ix_certificate_ends_month"),
]


@pytest.mark.parametrize("sort", ["newest", "oldest"])
@pytest.mark.parametrize(("text", "index"), SEARCHES)
def test_rare_certificates_are_read_lane_by_lane(filled: Database, text: str, index: str, sort: Sort) -> None:
    plan = found_by(filled, text, sort)
    assert any(line.startswith("SEARCH certificate USING") and index in line and "=?" in line for line in plan), plan
    assert not [line for line in plan if line.startswith("SCAN certificate")]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("text", "index"), SEARCHES)
def test_rare_certificates_are_read_lane_by_lane_on_postgresql(filled: Database, text: str, index: str) -> None:
    assert any(index in line for line in found_by(filled, text))


@on_both
def test_what_expires_is_read_in_its_order(filled: Database) -> None:
    plan = found_by(filled, "expires<30d status:active", "expires")
    assert any("ix_certificate_expires" in line for line in plan), plan


@on_both
def test_a_rare_word_in_requests_is_looked_up(database: Database) -> None:
    store = SQLRequestStore(database)
    records = [request_record(host=host, names=(), subject="CN=x") for host in ("uccx1", "uccx2", "sm1")]
    store.submit(records, [event()] * 3, None)
    plan = plan_of(database, lambda: store.list_requests(RequestQuery(text="uccx")))
    found = ("VIRTUAL TABLE INDEX", "Bitmap Index Scan on ix_application_search")
    assert any(part in line for line in plan for part in found), plan
    for text, hosts in (("uccx", ["uccx2", "uccx1"]), ("sm1 anna", ["sm1"]), ("x2", ["uccx2"]), ("uccx3", [])):
        assert [each.host for each in store.list_requests(RequestQuery(text=text)).items] == hosts


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (EventQuery(actor="retired"), "ix_audit_event_actor"),
        (EventQuery(events=("certificate.issued",)), "ix_audit_event_event"),
        (EventQuery(events=("certificate.issued", "signed-in")), "ix_audit_event_event"),
        (EventQuery(subject="thing"), "ix_audit_event_subject"),
    ],
)
def test_rare_events_are_found_by_an_index_in_the_order_of_the_list(
    filled: Database, query: EventQuery, index: str
) -> None:
    plan = plan_of(filled, lambda: SQLEventStore(filled).list_events(query))
    assert any(index in line for line in plan), plan
    assert not [line for line in plan if line.startswith(("SCAN audit_event", "Seq Scan on audit_event"))]
    if len(query.events) < 2:
        assert not [line for line in plan if "TEMP B-TREE" in line or line.startswith("Sort")]


@on_both
def test_a_page_of_several_events_goes_on_where_the_last_one_ended(database: Database) -> None:
    store = SQLEventStore(database)
    for number in range(7):
        store.add_event(event(str(number), Event.SIGNED_IN if number % 2 else Event.SIGNED_OUT))
        store.add_event(event("another", Event.ACCOUNT_CREATED))
    names = (Event.SIGNED_IN.value, Event.SIGNED_OUT.value)
    for sort, expected in (("newest", "6543210"), ("oldest", "0123456")):
        subjects, cursor = "", ""
        while True:
            page = store.list_events(EventQuery(events=names, sort=sort, cursor=cursor, limit=2))  # type: ignore[arg-type]
            subjects += "".join(each.subject for each in page.items)
            cursor = page.next_cursor
            if not cursor:
                break
        assert subjects == expected


def test_many_certificates_of_one_account_are_read_in_the_order_of_the_list(filled: Database) -> None:
    store = SQLInventoryStore(filled, near=1)
    found = store.list_certificates(parse("by:admin", NOON), "host", "", 3).certificates
    hosts = sorted(f"uc{number}.example.com" for number in range(3, 30))
    assert [each.host for each in found] == hosts[:3]
