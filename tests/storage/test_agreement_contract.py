"""The audit log beside the tables, fake and real."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Connection, text

from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.health.agreement import AgreementStore, Issue, Status, Unreadable
from ca_service.authority.health.agreement_of_requests import RequestStatus
from ca_service.authority.issuance.records import State as RequestState
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.revocation.records import State, Transition
from ca_service.authority.revocation.store import RevocationStore
from ca_service.deadline import DATABASE_BUSY
from ca_service.errors import Busy
from ca_service.storage.agreement import SQLAgreementStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.ledger import SQLLedger
from tests.storage.conftest import on_both
from tests.support.agreement import InMemoryAgreementStore
from tests.support.factories import OPERATOR, certificate_record, event
from tests.support.fakes import NOON, InMemoryIssuerStore, InMemoryLedger
from tests.support.record import InMemoryEventStore
from tests.support.request_records import request_record
from tests.support.revocation import InMemoryRevocationStore, revocation_record

Books = tuple[Ledger, RevocationStore]


@pytest.fixture
def agreement(request: pytest.FixtureRequest, books: Books) -> AgreementStore:
    """The store over these books."""
    ledger, revocations = books
    if isinstance(ledger, InMemoryLedger):
        assert isinstance(revocations, InMemoryRevocationStore)
        return InMemoryAgreementStore(InMemoryEventStore(ledger, revocations), ledger, InMemoryIssuerStore())
    return SQLAgreementStore(request.getfixturevalue("database"))


def test_each_issue_is_seen_with_its_certificate_or_without(books: Books, agreement: AgreementStore) -> None:
    ledger, _ = books
    both, unsaid = certificate_record(), certificate_record()
    ledger.record([both, unsaid], [event(both.serial_number), event("lost")], always_new=True, replay=None)
    found = {
        each.serial_number: each
        for each in agreement.list_issues()
        if isinstance(each, Issue) and each.serial_number != "thing"
    }
    assert list(found) == [both.serial_number, "lost", unsaid.serial_number]
    assert found[both.serial_number].event is not None
    assert (found[both.serial_number].record, found["lost"].record) == (both, None)
    assert found[unsaid.serial_number].event is None
    assert {each.other for each in found.values()} == {()}


def test_each_changed_status_is_seen_with_the_newest_event_about_it(
    request: pytest.FixtureRequest, books: Books, agreement: AgreementStore
) -> None:
    ledger, revocations = books
    held, released, silent = certificate_record(), certificate_record(), certificate_record()
    records = [held, released, silent]
    ledger.record(records, [event(each.serial_number) for each in records], always_new=True, replay=None)

    def change(record: CertificateRecord, state: State, kind: Event) -> None:
        before = revocations.find_revocation(record.issuer_id, record.serial_number)
        after = revocation_record(record, state=state)
        revocations.change([Transition(before, after, event(record.serial_number, kind))])

    change(held, State.HELD, Event.CERTIFICATE_HELD)
    change(released, State.HELD, Event.CERTIFICATE_HELD)
    change(released, State.RELEASED, Event.CERTIFICATE_RELEASED)
    change(silent, State.REVOKED, Event.TOKEN_CREATED)
    lost = event("lost", Event.CERTIFICATE_REVOKED)
    if isinstance(ledger, InMemoryLedger):
        ledger.events.append(lost)
    else:
        SQLEventStore(request.getfixturevalue("database")).add_event(lost)
    assert {_seen(each) for each in agreement.list_statuses()} == {
        (held.serial_number, "certificate.held", "held"),
        (released.serial_number, "certificate.released", "released"),
        (silent.serial_number, None, "revoked"),
        ("lost", "certificate.revoked", None),
    }


def _seen(status: Status | Unreadable) -> tuple[str, str | None, str | None]:
    assert isinstance(status, Status)
    return status.serial_number, status.event, status.record.state.value if status.record else None


def test_a_record_that_crls_leave_out_is_missing(books: Books, agreement: AgreementStore) -> None:
    ledger, revocations = books
    leaf = certificate_record()
    ledger.record([leaf], [event(leaf.serial_number)], always_new=True, replay=None)
    said = event(leaf.serial_number, Event.CERTIFICATE_REVOKED)
    revocations.change([Transition(None, revocation_record(leaf, not_after=NOON), said)])
    assert [_seen(each) for each in agreement.list_statuses()] == [(leaf.serial_number, "certificate.revoked", None)]


def test_each_request_is_seen_with_the_newest_event_about_its_state(
    request: pytest.FixtureRequest, request_books: tuple[RequestStore, Ledger]
) -> None:
    requests, ledger = request_books
    submitted = [event("", Event.REQUEST_SUBMITTED) for _ in range(2)]
    waiting, refused = requests.submit([request_record(), request_record()], submitted, None)
    after = refused.decided(RequestState.REFUSED, OPERATOR, NOON, "Use P-256.")
    assert requests.move(after, refused.state, event(str(refused.id), Event.REQUEST_REFUSED))
    lost = event("99", Event.REQUEST_WITHDRAWN)
    agreement: AgreementStore
    if isinstance(ledger, InMemoryLedger):
        ledger.events.append(lost)
        agreement = InMemoryAgreementStore(InMemoryEventStore(ledger), ledger, InMemoryIssuerStore())
    else:
        database = request.getfixturevalue("database")
        SQLEventStore(database).add_event(lost)
        agreement = SQLAgreementStore(database)
    found = [each for each in agreement.list_request_statuses() if isinstance(each, RequestStatus)]
    assert [(each.id, each.state, each.event) for each in found] == [
        (str(waiting.id), "submitted", "request.submitted"),
        (str(refused.id), "refused", "request.refused"),
        ("99", "", "request.withdrawn"),
    ]
    assert found[1].columns == {
        "host": refused.host,
        "profile": refused.options.profile,
        "request_fingerprint": refused.request_fingerprint,
        "validity_days": refused.options.validity_days,
        "make_new": refused.options.new,
        "add_host_name": refused.options.add_host_name,
        "submitted_by": "anna",
        "decided_by": OPERATOR.name,
        "note": "Use P-256.",
    }
    said = [[event.event for event in each.events] for each in found]
    assert said == [["request.submitted"] * 2, ["request.submitted", "request.refused"], []]


@on_both
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_read(issued_under: Database) -> None:
    ledger, agreement = SQLLedger(issued_under), SQLAgreementStore(issued_under)
    good, bad = certificate_record(), certificate_record()
    records = [bad, good]
    ledger.record(records, [event(each.serial_number) for each in records], always_new=True, replay=None)
    SQLEventStore(issued_under).add_event(event(good.serial_number, Event.CERTIFICATE_REVOKED))
    with issued_under.write() as connection:
        connection.execute(text("UPDATE certificate SET names = '5' WHERE id = 1"))
    found = list(agreement.list_issues())
    assert [each for each in found if isinstance(each, Unreadable)] == [Unreadable("certificate", "1")]
    assert [each.record for each in found if isinstance(each, Issue) and each.record] == [good]
    with issued_under.write() as connection:
        connection.execute(text("UPDATE audit_event SET details = '5'"))
    assert {each.table for each in agreement.list_issues() if isinstance(each, Unreadable)} == {"audit_event"}


@on_both
def test_a_database_that_does_not_answer_is_no_row_that_cannot_be_read(
    issued_under: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    SQLLedger(issued_under).record([certificate_record()], [event("lost")], always_new=True, replay=None)
    read, is_busy = issued_under.read, iter((True, False, True, True))

    def busy(_: Database) -> AbstractContextManager[Connection]:
        if next(is_busy, False):
            raise Busy.because(DATABASE_BUSY, seconds=1)
        return read()

    monkeypatch.setattr(type(issued_under), "read", busy)
    with pytest.raises(Busy):
        list(SQLAgreementStore(issued_under).list_issues())
