"""The contract of request stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestQuery, RequestRecord, State
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.errors import Conflict, InvalidInput, Rule, Severity, Visibility
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.schema import application
from tests.storage.conftest import on_both
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON, InMemoryLedger
from tests.support.record import newest
from tests.support.request_records import request_record

Books = tuple[RequestStore, Ledger]
CAROL = Actor(2, "carol", Role.APPROVER, "192.0.2.2")
APPROVED = event("1", Event.REQUEST_APPROVED)
ISSUED = event("1", Event.REQUEST_ISSUED)


@pytest.fixture
def store(request_books: Books) -> RequestStore:
    return request_books[0]


@pytest.fixture
def ledger(request_books: Books) -> Ledger:
    return request_books[1]


def submit(store: RequestStore, *records: RequestRecord, replay: Replay | None = None) -> tuple[RequestRecord, ...]:
    return store.submit(records, [event("", Event.REQUEST_SUBMITTED) for _ in records], replay)


def approved(store: RequestStore, **changes: object) -> RequestRecord:
    (found,) = submit(store, request_record(**changes))
    after = found.decided(State.APPROVED, CAROL, NOON, "fine")
    assert store.move(after, State.SUBMITTED, APPROVED)
    return after


def events_of(ledger: Ledger) -> list[AuditEvent]:
    """Return the events that were recorded with this ledger, oldest first."""
    if isinstance(ledger, InMemoryLedger):
        return ledger.events
    assert isinstance(ledger, SQLLedger)
    return list(reversed(newest(SQLEventStore(ledger._database), 99)))


def subjects(ledger: Ledger) -> list[tuple[Event, str]]:
    return [(each.event, each.subject) for each in events_of(ledger)]


def known(ledger: Ledger) -> int:
    return len(subjects(ledger))


def test_a_request_comes_back_as_it_was(store: RequestStore) -> None:
    (stored,) = submit(store, request_record())
    assert store.find_request(stored.id) == stored
    assert stored.findings[0].detail == "The key 00ff is known."
    assert store.find_request(stored.id + 1) is None


def test_every_field_of_a_decision_comes_back(store: RequestStore) -> None:
    (stored,) = submit(store, request_record())
    failure = (Rule("x.y", "{n} of {m}", "Fix {n}.").at("/z", n=1, m="two"),)
    after = replace(
        stored.decided(State.FAILED, CAROL, NOON + timedelta(hours=1), "Once\nmore."),
        settled_at=NOON + timedelta(hours=2),
        failure=failure,
        rule="r",
    )
    assert store.move(after, State.SUBMITTED, APPROVED)
    assert store.find_request(stored.id) == after


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("visibility", list(Visibility))
def test_a_finding_comes_back_with_its_severity_and_visibility(
    store: RequestStore, severity: Severity, visibility: Visibility
) -> None:
    rule = Rule("x.y", "{n} of {m}", "Fix {n}.", severity, visibility)
    (stored,) = submit(store, request_record(findings=(rule.at("/z", n=1, m="two"),)))
    assert (found := store.find_request(stored.id)) is not None
    assert found.findings == (rule.at("/z", n=1, m="two"),)


@on_both
def test_a_finding_that_an_earlier_version_stored_as_blocking_is_an_error(database: Database) -> None:
    store = SQLRequestStore(database)
    (stored,) = submit(store, request_record())
    old = {"rule": "x.y", "pointer": "/z", "problem": "{n}", "remedy": "", "values": {"n": 1}, "severity": "blocking"}
    with database.write() as connection:
        connection.execute(update(application).values(findings=[old]))
    assert (found := store.find_request(stored.id)) is not None
    assert found.findings == (Rule("x.y", "{n}").at("/z", n=1),)


def test_the_number_becomes_the_subject_of_the_event(store: RequestStore, ledger: Ledger) -> None:
    before = known(ledger)
    stored = submit(store, request_record(), request_record())
    assert subjects(ledger)[before:] == [(Event.REQUEST_SUBMITTED, str(each.id)) for each in stored]


@pytest.mark.parametrize("state", [State.SUBMITTED, State.APPROVED, State.FAILED])
def test_the_same_csr_has_one_open_request(store: RequestStore, ledger: Ledger, state: State) -> None:
    (first,) = submit(store, request_record())
    first = replace(first, state=state)
    store.move(first, State.SUBMITTED, APPROVED)
    before = known(ledger)
    twin = request_record(request_fingerprint=first.request_fingerprint, submitted_by="bob")
    assert submit(store, twin) == (first,)
    assert known(ledger) == before


@pytest.mark.parametrize("state", [State.REFUSED, State.WITHDRAWN, State.ISSUED])
def test_after_that_it_may_have_another(store: RequestStore, state: State) -> None:
    (first,) = submit(store, request_record())
    store.move(replace(first, state=state), State.SUBMITTED, APPROVED)
    (second,) = submit(store, request_record(request_fingerprint=first.request_fingerprint))
    assert second.id != first.id
    assert store.list_for_requests([first.request_fingerprint, "0" * 64]) == (second, replace(first, state=state))


def test_the_refusals_of_a_key_are_looked_up_the_last_decision_first(store: RequestStore, ledger: Ledger) -> None:
    states, hours = (State.REFUSED, State.REFUSED, State.WITHDRAWN), (3, 2, 4)
    submitted = submit(store, *(request_record(key_fingerprint="a" * 64) for _ in states))
    decided = [
        replace(each, state=state, decided_at=NOON + timedelta(hours=later))
        for each, state, later in zip(submitted, states, hours, strict=True)
    ]
    for each in decided:
        store.move(each, State.SUBMITTED, APPROVED)
    (other,) = submit(store, request_record())
    store.move(replace(other, state=State.REFUSED), State.SUBMITTED, APPROVED)

    assert ledger.look_up(["a" * 64], []).refusals == tuple(decided[:2])
    assert ledger.look_up([f"{number:064x}" for number in range(1200)], []).refusals == ()
    assert ledger.look_up([], []).refusals == ()


def test_what_has_its_certificate_is_found_by_that(store: RequestStore) -> None:
    request, serial = approved(store), "0" * 40
    assert store.list_for_requests([request.request_fingerprint]) == (request,)
    store.issue(replace(request, state=State.ISSUED, serial_number=serial), None, ISSUED)
    assert store.list_for_requests([request.request_fingerprint]) == ()
    assert [each.serial_number for each in store.list_in_state(State.ISSUED, 9)] == [serial]


def test_a_submission_is_what_one_person_submitted_at_one_moment(store: RequestStore) -> None:
    first, second = submit(store, request_record(), request_record())
    submit(store, request_record(submitted_at=NOON + timedelta(seconds=1)))
    submit(store, request_record(submitted_by="bob", submitted_by_id=2))
    (local,) = submit(store, request_record(submitted_by="operator", submitted_by_id=None))
    assert store.list_submission(second) == (first, second)
    assert store.list_submission(local) == (local,)


def test_another_profile_is_another_request(store: RequestStore) -> None:
    (first,) = submit(store, request_record())
    other = request_record(request_fingerprint=first.request_fingerprint, options=Options("server"))
    assert submit(store, other)[0].id != first.id


def test_a_move_from_a_state_that_it_has_left_changes_nothing(store: RequestStore, ledger: Ledger) -> None:
    after, before = approved(store), known(ledger)
    late = after.decided(State.REFUSED, CAROL, NOON, "no")
    assert not store.move(late, State.SUBMITTED, APPROVED)
    assert not store.move(replace(late, id=99), State.SUBMITTED, APPROVED)
    assert store.find_request(after.id) == after
    assert known(ledger) == before


def test_issuing_writes_certificate_state_and_events_together(store: RequestStore, ledger: Ledger) -> None:
    request, before = approved(store), known(ledger)
    record = certificate_record(csr_der=request.csr_der)
    issued = replace(request, state=State.ISSUED, serial_number=record.serial_number)
    assert store.issue(issued, (record, event("c")), ISSUED) == issued
    assert ledger.find_certificate(record.serial_number) == record
    assert store.find_request(issued.id) == issued
    assert subjects(ledger)[before:] == [(Event.CERTIFICATE_ISSUED, "c"), (Event.REQUEST_ISSUED, "1")]


def test_issuing_twice_writes_once(store: RequestStore, ledger: Ledger) -> None:
    request = approved(store)
    first, second = (certificate_record(csr_der=request.csr_der) for _ in range(2))
    issued = replace(request, state=State.ISSUED, serial_number=first.serial_number)
    store.issue(issued, (first, event()), ISSUED)
    before = known(ledger)
    assert store.issue(replace(issued, serial_number=second.serial_number), (second, event()), ISSUED) is None
    assert ledger.find_certificate(second.serial_number) is None
    assert store.find_request(issued.id) == issued
    assert known(ledger) == before


def test_a_certificate_that_was_written_meanwhile_wins(store: RequestStore, ledger: Ledger) -> None:
    request = approved(store)
    winner = certificate_record(csr_der=request.csr_der)
    ledger.record([winner], [event()], always_new=False, replay=None)
    late = certificate_record(request_fingerprint=winner.request_fingerprint)
    issued = replace(request, state=State.ISSUED, serial_number=late.serial_number)
    stored = store.issue(issued, (late, event("late")), ISSUED)
    assert stored == replace(issued, serial_number=winner.serial_number)
    assert store.find_request(issued.id) == stored
    assert ledger.find_certificate(late.serial_number) is None
    assert events_of(ledger)[-1].details["certificate"] == winner.serial_number


def test_it_does_not_win_where_a_new_one_was_asked_for(store: RequestStore, ledger: Ledger) -> None:
    request, there = approved(store, options=Options(new=True)), certificate_record()
    ledger.record([there], [event()], always_new=False, replay=None)
    new = certificate_record(request_fingerprint=there.request_fingerprint)
    issued = replace(request, state=State.ISSUED, serial_number=new.serial_number)
    assert store.issue(issued, (new, event()), ISSUED) == issued
    assert ledger.find_certificate(new.serial_number) == new


def test_one_that_is_there_is_named_without_another_being_written(store: RequestStore, ledger: Ledger) -> None:
    request, before = approved(store), known(ledger)
    issued = replace(request, state=State.ISSUED, serial_number="0" * 40)
    assert store.issue(issued, None, ISSUED) == issued
    assert known(ledger) == before + 1


def test_an_idempotency_key_keeps_the_numbers(store: RequestStore, ledger: Ledger) -> None:
    replay = Replay("anna", "k", "digest", (), True, NOON)
    stored = submit(store, request_record(), request_record(), replay=replay)
    found = ledger.find_replay("anna", "k")
    assert found == replace(replay, request_ids=tuple(each.id for each in stored))
    with pytest.raises(Conflict) as caught:
        submit(store, request_record(), replay=replay)
    assert caught.value.rule == "idempotency-key.in-use"


def test_no_certificate_is_recorded_for_a_key_that_a_person_has_refused_meanwhile(request_books: Books) -> None:
    store, ledger = request_books
    (found,) = submit(store, request_record(key_fingerprint="f" * 64))
    made, beside = certificate_record(key_fingerprint="f" * 64), certificate_record()
    known = ledger.look_up(["f" * 64], []).refusals
    assert store.move(found.decided(State.REFUSED, CAROL, NOON, "no"), State.SUBMITTED, event())
    before = subjects(ledger)
    for records in ([beside, made], [made]):
        with pytest.raises(Conflict) as caught:
            ledger.record(records, [event() for _ in records], always_new=False, replay=None, refusals=len(known))
        assert caught.value.rule == "request.refused-meanwhile"
    assert ledger.find_certificate(made.serial_number) is ledger.find_certificate(beside.serial_number) is None
    assert subjects(ledger) == before
    ledger.record([beside], [event()], always_new=False, replay=None)
    assert len(ledger.look_up(["f" * 64], []).refusals) == 1
    assert ledger.record([made], [event()], always_new=False, replay=None, refusals=1) == (made,)


def test_a_certificate_that_another_process_has_recorded_is_returned_whoever_has_refused_since(
    request_books: Books,
) -> None:
    store, ledger = request_books
    winner = certificate_record(key_fingerprint="f" * 64)
    ledger.record([winner], [event()], always_new=False, replay=None)
    (found,) = submit(store, request_record(key_fingerprint="f" * 64))
    assert store.move(found.decided(State.REFUSED, CAROL, NOON, "no"), State.SUBMITTED, event())
    late = certificate_record(request_fingerprint=winner.request_fingerprint, key_fingerprint="f" * 64)
    assert ledger.record([late], [event()], always_new=False, replay=None) == (winner,)


def test_a_ledger_keeps_the_requests_that_its_certificates_answer(request_books: Books) -> None:
    store, ledger = request_books
    winner, ours = certificate_record(), certificate_record()
    ledger.record([winner], [event()], always_new=False, replay=None)
    late = certificate_record(request_fingerprint=winner.request_fingerprint)
    answered = [
        request_record(state=State.ISSUED, serial_number=each.serial_number, csr_der=each.csr_der)
        for each in (late, ours)
    ]
    ledger.record([late, ours], [event(), event()], always_new=False, replay=None, requests=answered)
    (found,) = store.list_requests(RequestQuery()).items
    assert found == replace(answered[1], id=found.id)


def test_a_list_is_searched_sorted_and_filtered(store: RequestStore) -> None:
    first, second, third = submit(
        store,
        request_record(host="a.example.com", names=("DNS:x.lab.example.com",)),
        request_record(host="b.example.com", submitted_by="Bob", submitted_by_id=2),
        request_record(host="c.example.com"),
    )
    third = third.decided(State.REFUSED, CAROL, NOON, "no")
    store.move(third, State.SUBMITTED, APPROVED)

    def found(**query: object) -> tuple[RequestRecord, ...]:
        return store.list_requests(RequestQuery(**query)).items  # type: ignore[arg-type]

    assert found() == (third, second, first)
    assert found(sort="oldest") == (first, second, third)
    assert found(text="LAB example") == (first,)
    assert found(text="bob") == (second,)
    assert found(text="100%") == ()
    assert found(state=State.REFUSED) == (third,)
    assert found(submitted_by_id=2) == (second,)
    assert store.list_in_state(State.SUBMITTED, 1) == (first,)
    assert [store.count_in_state(State.SUBMITTED, limit) for limit in (1, 9)] == [1, 2]
    assert store.count_in_state(State.FAILED, 9) == 0


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_the_pages_of_a_list_are_the_whole_list(store: RequestStore, sort: str) -> None:
    stored = submit(store, *(request_record() for _ in range(5)))
    seen, query = list[RequestRecord](), RequestQuery(sort=sort, limit=2)
    while True:
        page = store.list_requests(query)
        seen += page.items
        if not page.next_cursor:
            break
        query = replace(query, cursor=page.next_cursor)
    assert seen == list(stored if sort == "oldest" else reversed(stored))


@pytest.mark.parametrize("cursor", ["nonsense", "newest@x"])
def test_a_cursor_of_nobody_is_refused(store: RequestStore, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        store.list_requests(RequestQuery(cursor=cursor))


@on_both
def test_the_csr_of_a_request_with_a_certificate_is_stored_once(issued_under: Database) -> None:
    store = SQLRequestStore(issued_under)
    request = approved(store)
    stored = select(application.c.csr_der)
    with issued_under.read() as connection:
        assert connection.execute(stored).scalars().all() == [request.csr_der]
    made = certificate_record(csr_der=request.csr_der)
    store.issue(replace(request, state=State.ISSUED, serial_number=made.serial_number), (made, event()), ISSUED)
    with issued_under.read() as connection:
        assert connection.execute(stored).scalars().all() == [None]
    for found in (store.list_requests(RequestQuery()).items, store.list_in_state(State.ISSUED, 9)):
        assert [each.csr_der for each in found] == [request.csr_der]
