"""Completion of approved requests: each gets its certificate exactly once, however many try and however often."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ca_service.authority.access.permissions import SERVICE, Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.records import RequestRecord, State, issued_event, overridden
from ca_service.authority.issuance.request_events import require_recorded
from ca_service.authority.issuance.store import RequestStore
from ca_service.authority.ports import Clock
from ca_service.errors import Busy, CAServiceError, Finding, KeystoreError, Rule, public_findings

REQUEST_KEY_UNAVAILABLE: Final = Rule(
    "request.key-unavailable",
    "The key of the authority cannot be used at the moment.",
    "Tell the operator of this service, then try again.",
)

_AT_ONCE: Final = 100


class Completion:
    """Signs approved requests. docs/issuance.md says what a crash between two steps leaves behind."""

    def __init__(self, store: RequestStore, events: EventStore, issuance: Issuance, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._issuance = issuance
        self._clock = clock

    def issue_approved(self) -> int:
        """Complete the requests that a crash has left approved; return how many. Idempotent, also in parallel.

        A row at which this program fails, as another program has written it, keeps no other from being signed; the
        fault is raised afterwards.
        """
        count, fault = 0, None
        for found in self._store.list_in_state(State.APPROVED, _AT_ONCE):
            # It is read again: one that failed and was approved anew since then is not like its newest event.
            try:
                count += self.complete(self._current(found)).state is not State.APPROVED
            except Busy:
                raise
            except Exception as error:
                fault = error
        if fault:
            raise fault
        return count

    def complete(self, request: RequestRecord) -> RequestRecord:
        """Sign an approved request and return it as it is then, signed here or by another process.

        A request that cannot be signed becomes FAILED, with the reason; so does one that another program has approved.
        One in another state is returned unchanged.
        """
        if request.state is not State.APPROVED:
            return request
        by = SERVICE
        try:
            require_recorded(request, self._events)
            by = request.decider
            record, is_new = self._issuance.sign_approved(request)
        except Busy:
            raise  # it stays approved, and is completed later
        except CAServiceError as error:
            return self._failed(request, by, error)
        now = self._clock()
        details = {"host": request.host, "certificate": record.serial_number}
        event = AuditEvent.by(by, now, Event.REQUEST_ISSUED, str(request.id), **details)
        said = {"requested_by": request.submitted_by, **overridden(request.findings)}
        about = issued_event(record, by, application=request.id, **said)
        made = (record, about) if is_new else None
        above, issued = self._issuance.authorities_above(record.issuer_id), request.issued(record.serial_number, now)
        return self._store.issue(issued, made, event, above) or self._current(request)

    def _failed(self, request: RequestRecord, by: Actor, error: CAServiceError) -> RequestRecord:
        now = self._clock()
        failed = replace(request, state=State.FAILED, settled_at=now, failure=_shown(error))
        details = {"host": request.host, "reason": error.rule}
        event = AuditEvent.by(by, now, Event.REQUEST_FAILED, str(request.id), **details)
        return failed if self._store.move(failed, State.APPROVED, event) else self._current(request)

    def _current(self, request: RequestRecord) -> RequestRecord:
        return self._store.find_request(request.id) or request


def _shown(error: CAServiceError) -> tuple[Finding, ...]:
    """Return the findings that the requester may read: those of key store and database name files and hosts."""
    return (REQUEST_KEY_UNAVAILABLE.at(),) if isinstance(error, KeystoreError) else public_findings(error.findings)
