"""Knows what the use cases of applications need from storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from ca_service.authority.applications.records import Application, ApplicationPage, ApplicationQuery, State
from ca_service.authority.audit import AuditEvent
from ca_service.authority.records import CertificateRecord, Replay


class ApplicationStore(Protocol):
    """The applications that there are. Every change takes its event along, in one transaction."""

    def find_application(self, application_id: int) -> Application | None:
        """The application of this number."""

    def list_applications(self, query: ApplicationQuery) -> ApplicationPage:
        """One page of a list; raises InvalidInput for a cursor that we did not hand out."""

    def list_in_state(self, state: State, limit: int) -> tuple[Application, ...]:
        """At most so many in this state, oldest first."""

    def list_for_requests(self, fingerprints: Collection[str]) -> tuple[Application, ...]:
        """Those for these requests that have no certificate, newest first."""

    def submit(
        self, applications: Sequence[Application], events: Sequence[AuditEvent], replay: Replay | None
    ) -> tuple[Application, ...]:
        """Keep these, all or none, each with its event, whose subject becomes the number that is given here.

        Where the same request waits under the same profile already, that one is returned in place of ours, which
        is forgotten with its event. `replay` is kept with the numbers as they came out; raises Conflict when its
        Idempotency-Key was used meanwhile.
        """

    def move(self, application: Application, before: State, event: AuditEvent) -> bool:
        """Replace it if it is still in the state `before`; False, with nothing written, if it is not."""

    def issue(
        self, application: Application, made: tuple[CertificateRecord, AuditEvent] | None, event: AuditEvent
    ) -> Application | None:
        """Make an approved application ISSUED, and write the certificate that was made for it, each with its event.

        Where none was made, the application names one that is there. Unless a new one was asked for, a certificate for
        the same request that was written meanwhile wins, and ours is forgotten with its event. Returns the application
        as it is stored; None, with nothing written, if it is not APPROVED any more.
        """
