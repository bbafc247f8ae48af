"""Stands in for the audit log beside the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ca_service.authority.audit.entries import RecordedEvent
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.health.agreement import CHANGES, Issue, Status
from ca_service.authority.health.agreement_of_requests import RequestStatus
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.issuance.request_events import REQUEST_CHANGES, columns_of
from tests.support.fakes import InMemoryLedger
from tests.support.record import InMemoryEventStore

_SAME: Final = ("request_fingerprint", "key_fingerprint", "subject", "names")


class InMemoryAgreementStore:
    """The events and certificates of other fakes."""

    def __init__(self, events: EventStore, ledger: InMemoryLedger, issuers: IssuerStore) -> None:
        self._events = events
        self._issuers = issuers
        self._ledger = ledger

    def list_issuers(self) -> Iterator[IssuerRecord]:
        """See the port."""
        yield from self._issuers.list_issuers()

    def list_issues(self) -> Iterator[Issue]:
        """See the port."""
        issues = {each.subject: each for each in self._all() if each.event == Event.CERTIFICATE_ISSUED.value}
        for serial_number, event in issues.items():
            yield Issue(serial_number, event, self._ledger.find_certificate(serial_number))
        for certificate in self._ledger.certificates:
            if certificate.serial_number not in issues:
                yield Issue(certificate.serial_number, None, None)

    def list_requests(self) -> Iterator[tuple[RequestRecord, tuple[str, ...]]]:
        """See the port."""
        for request in self._ledger.requests:
            found = self._ledger.find_certificate(request.serial_number or "")
            if found is None or any(getattr(request, name) != getattr(found, name) for name in _SAME):
                yield replace(request, csr_der=found.csr_der if found else request.csr_der), ()

    def list_request_statuses(self) -> Iterator[RequestStatus]:
        """See the port."""
        changes = [each for each in self._all() if each.event in REQUEST_CHANGES]
        newest = {each.subject: each for each in changes}
        first = {each.subject: each for each in reversed(changes) if each.event == Event.REQUEST_SUBMITTED.value}
        rows = {str(each.id): each for each in self._ledger.requests}
        for number in {**rows, **newest}:
            row, said = rows.get(number), newest.get(number)
            if row is None:
                yield RequestStatus(number, event=said.event if said else "")
                continue
            events = tuple(each for each in (first.get(number), said) if each)
            yield RequestStatus(number, row.state.value, row.rule, columns_of(row), said.event if said else "", events)

    def list_statuses(self) -> Iterator[Status]:
        """See the port."""
        said = {each.subject: each for each in self._all() if each.event in CHANGES}
        leaves = {(each.issuer_id, each.serial_number, each.not_after) for each in self._ledger.certificates}
        stored = {
            each.serial_number: each
            for each in self._ledger.revocations.values()
            if (each.issuer_id, each.serial_number, each.not_after) in leaves
        }
        for serial_number in sorted({*said, *stored}):
            event, record = said.get(serial_number), stored.get(serial_number)
            reason = str(event.details.get("reason", "")) if event and record else ""
            yield Status(serial_number, event.event if event else None, reason, record)

    def _all(self) -> list[RecordedEvent]:
        assert isinstance(self._events, InMemoryEventStore)
        self._events.list_unsealed(1)  # reads what the other fakes have recorded
        return self._events.rows
