"""Knows how an approved application gets its certificate, exactly once, whoever tries and however often."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.issuance.examination import require_all
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.authority.issuance.signing import Signer
from ca_service.authority.issuance.store import RequestStore
from ca_service.authority.issuance.submitting import issued_event
from ca_service.authority.ports import Clock
from ca_service.errors import CAServiceError, Finding, KeystoreError, blocking

_AT_ONCE: Final = 100


class Completion:
    """Signs what was approved. The states that it moves, and what a crash leaves, are told in records.py."""

    def __init__(
        self, store: RequestStore, issuance: Issuance, signer: Signer, hierarchy: Hierarchy, clock: Clock
    ) -> None:
        self._store = store
        self._issuance = issuance
        self._signer = signer
        self._hierarchy = hierarchy
        self._clock = clock

    def issue_approved(self) -> int:
        """Finish what a crash has left approved; returns how many. Safe anywhere, and any number of times at once."""
        found = self._store.list_in_state(State.APPROVED, _AT_ONCE)
        return sum(self.complete(each).state is not State.APPROVED for each in found)

    def complete(self, application: RequestRecord) -> RequestRecord:
        """The application as it stands after it was signed, here or by somebody who was quicker, if it is APPROVED.

        What cannot be signed becomes FAILED, with the reason.
        """
        if application.state is not State.APPROVED:
            return application
        try:
            record, is_new = self._certificate(application)
        except CAServiceError as error:
            return self._failed(application, error)
        now, number = self._clock(), application.id
        issued = replace(application, state=State.ISSUED, settled_at=now, serial_number=record.serial_number)
        said = {"host": application.host, "certificate": record.serial_number}
        event = AuditEvent.by(application.decider, now, Event.REQUEST_ISSUED, str(number), **said)
        about = issued_event(record, application.decider, application=number, requested_by=application.submitted_by)
        stored = self._store.issue(issued, (record, about) if is_new else None, event)
        return stored or self._now(application)

    def _certificate(self, application: RequestRecord) -> tuple[CertificateRecord, bool]:
        """The certificate, and whether it was made here; the policy may have become stricter since the submission."""
        (examination,) = self._issuance.check(application.decider, [application.csr_der], application.options)
        require_all([examination])
        if examination.existing:
            return examination.existing, False
        return self._signer.make(application.submitted_by, examination, self._hierarchy.active()), True

    def _failed(self, application: RequestRecord, error: CAServiceError) -> RequestRecord:
        now = self._clock()
        failed = replace(application, state=State.FAILED, settled_at=now, failure=_told(error))
        said = {"host": application.host, "reason": error.rule}
        event = AuditEvent.by(application.decider, now, Event.REQUEST_FAILED, str(application.id), **said)
        return failed if self._store.move(failed, State.APPROVED, event) else self._now(application)

    def _now(self, application: RequestRecord) -> RequestRecord:
        return self._store.find_application(application.id) or application


def _told(error: CAServiceError) -> tuple[Finding, ...]:
    """What may be shown of it: errors of the key store name files, which are for the operator alone."""
    if not isinstance(error, KeystoreError):
        return error.findings
    told = blocking(
        error.rule,
        "",
        "The key of the authority cannot be used at the moment.",
        "Tell the operator of this service, and try again afterwards.",
    )
    return (told,)
