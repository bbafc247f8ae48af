"""The audit log beside the tables, fake and real."""

from __future__ import annotations

import pytest

from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.health.agreement import AgreementStore, Status
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.revocation.records import State, Transition
from ca_service.authority.revocation.store import RevocationStore
from ca_service.storage.agreement import SQLAgreementStore
from ca_service.storage.events import SQLEventStore
from tests.support.agreement import InMemoryAgreementStore
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON, InMemoryLedger
from tests.support.record import InMemoryEventStore
from tests.support.revocation import InMemoryRevocationStore, revocation_record

Books = tuple[Ledger, RevocationStore]


@pytest.fixture
def agreement(request: pytest.FixtureRequest, books: Books) -> AgreementStore:
    """The store over these books."""
    ledger, revocations = books
    if isinstance(ledger, InMemoryLedger):
        assert isinstance(revocations, InMemoryRevocationStore)
        return InMemoryAgreementStore(InMemoryEventStore(ledger, revocations), ledger)
    return SQLAgreementStore(request.getfixturevalue("database"))


def test_each_issue_is_seen_with_its_certificate_or_without(books: Books, agreement: AgreementStore) -> None:
    ledger, _ = books
    both, unsaid = certificate_record(), certificate_record()
    ledger.record([both, unsaid], [event(both.serial_number), event("lost")], always_new=True, replay=None)
    found = {each.serial_number: each for each in agreement.list_issues() if each.serial_number != "thing"}
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


def _seen(status: Status) -> tuple[str, str | None, str | None]:
    return status.serial_number, status.event, status.record.state.value if status.record else None


def test_a_record_that_crls_leave_out_is_missing(books: Books, agreement: AgreementStore) -> None:
    ledger, revocations = books
    leaf = certificate_record()
    ledger.record([leaf], [event(leaf.serial_number)], always_new=True, replay=None)
    said = event(leaf.serial_number, Event.CERTIFICATE_REVOKED)
    revocations.change([Transition(None, revocation_record(leaf, not_after=NOON), said)])
    assert [_seen(each) for each in agreement.list_statuses()] == [(leaf.serial_number, "certificate.revoked", None)]
