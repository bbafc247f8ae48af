"""Requests in memory, and what a test needs of them and does not care about."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count
from typing import Final

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestPage, RequestQuery, RequestRecord, State
from ca_service.errors import Rule, Severity
from tests.support.fakes import NOON, InMemoryLedger
from tests.support.paging import paged

#: Lets everybody have what they ask for, in tests that are not about decisions.
EVERYBODY: Final = ApprovalRule("everybody", roles=tuple(Role))
#: The same for an installation, as its environment says it.
NOBODY_WAITS: Final = {
    "CA_SERVICE_POLICY__RULES": '[{name = "everybody", roles = ["requester", "approver", "administrator"]}]'
}
_NUMBERS: Final = count(1)


def request_record(**changes: object) -> RequestRecord:
    """A request that waits, whose CSR means nothing and is unlike every other that was made so."""
    number = next(_NUMBERS)
    record = RequestRecord(
        id=0,
        state=State.SUBMITTED,
        csr_der=b"request %d" % number,
        request_fingerprint=hashlib.sha256(b"asked %d" % number).hexdigest(),
        key_fingerprint=hashlib.sha256(b"key %d" % number).hexdigest(),
        options=Options(validity_days=30, add_host_name=True),
        host=f"asked{number}.example.com",
        subject=f"CN=asked{number}-EC.example.com",
        names=(f"DNS:asked{number}.example.com",),
        findings=(
            Rule("csr.key.reused", "The key {serial} is known.", "Look.", Severity.WARNING).at(
                "/public_key", serial="00ff"
            ),
        ),
        submitted_at=NOON,
        submitted_by="anna",
        submitted_by_id=1,
        submitted_from="192.0.2.1",
        token="renewal",
        reasons=(Rule("approval.account", "the requester is {name}", "", Severity.NOTE).at(name="anna"),),
    )
    return replace(record, **changes)  # type: ignore[arg-type]


class InMemoryRequestStore:
    """The port for requests on the lists of a ledger in memory; what it promises is tested on both."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger

    def find_request(self, request_id: int) -> RequestRecord | None:
        """See the port."""
        return next((each for each in self._ledger.requests if each.id == request_id), None)

    def list_requests(self, query: RequestQuery) -> RequestPage:
        """See the port."""
        found = [each for each in self._ledger.requests if _matches(each, query)]
        found = found if query.sort == "oldest" else found[::-1]
        return RequestPage(*paged(found, query.sort, query.cursor, query.limit))

    def list_in_state(self, state: State, limit: int) -> tuple[RequestRecord, ...]:
        """See the port."""
        return tuple(each for each in self._ledger.requests if each.state is state)[:limit]

    def count_in_state(self, state: State, limit: int) -> int:
        """See the port."""
        return len(self.list_in_state(state, limit))

    def list_for_requests(self, fingerprints: Collection[str]) -> tuple[RequestRecord, ...]:
        """See the port."""
        found = (each for each in reversed(self._ledger.requests) if each.request_fingerprint in fingerprints)
        return tuple(each for each in found if each.serial_number is None)

    def list_submission(self, request: RequestRecord) -> tuple[RequestRecord, ...]:
        """See the port."""
        return tuple(each for each in self._ledger.requests if each.submission == request.submission)

    def submit(
        self, requests: Sequence[RequestRecord], events: Sequence[AuditEvent], replay: Replay | None
    ) -> tuple[RequestRecord, ...]:
        """See the port."""
        self._ledger.remember(replay)
        stored = tuple(self._submit(record, event) for record, event in zip(requests, events, strict=True))
        if replay is not None:
            self._ledger.forget(replay)
            self._ledger.remember(replace(replay, request_ids=tuple(each.id for each in stored)))
        return stored

    def _submit(self, record: RequestRecord, event: AuditEvent) -> RequestRecord:
        wanted = (record.request_fingerprint, record.options.profile)
        for each in self._ledger.requests:
            if each.is_open and (each.request_fingerprint, each.options.profile) == wanted:
                return each
        stored = replace(record, id=len(self._ledger.requests) + 1)
        self._ledger.requests.append(stored)
        self._ledger.events.append(replace(event, subject=str(stored.id)))
        return stored

    def move(self, request: RequestRecord, before: State, event: AuditEvent) -> bool:
        """See the port."""
        found = self.find_request(request.id)
        if found is None or found.state is not before:
            return False
        self._ledger.requests[request.id - 1] = request
        self._ledger.events.append(event)
        return True

    def issue(
        self,
        request: RequestRecord,
        made: tuple[CertificateRecord, AuditEvent] | None,
        event: AuditEvent,
        authorities: Collection[tuple[str, str]] = (),
    ) -> RequestRecord | None:
        """See the port."""
        found = self.find_request(request.id)
        if found is None or found.state is not State.APPROVED:
            return None
        if made is not None:
            self._ledger.require_good(authorities)
            winner = self._ledger.add(*made, request.options.new).serial_number
            request, event = request.answered_with(winner, event)
        self._ledger.requests[request.id - 1] = request
        self._ledger.events.append(event)
        return request


def _matches(record: RequestRecord, query: RequestQuery) -> bool:
    names = (name.partition(":")[2] for name in record.names)
    text = " ".join((record.host, record.subject, *names, record.submitted_by)).lower()
    return (
        all(word in text for word in query.text.lower().split())
        and query.state in (None, record.state)
        and query.submitted_by_id in (None, record.submitted_by_id)
    )
