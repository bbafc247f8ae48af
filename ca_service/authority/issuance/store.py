"""Knows what the use cases of applications need from storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestPage, RequestQuery, RequestRecord, State


class Ledger(Protocol):
    """The certificates that were issued."""

    def find_certificate(self, serial_number: str) -> CertificateRecord | None:
        """The certificate of this serial number."""

    def find_reissuable(
        self, request_fingerprint: str, profile: str, issuer_id: str, at: datetime
    ) -> CertificateRecord | None:
        """The newest certificate for this very request that is still valid at `at`, and not revoked."""

    def list_by_key(self, key_fingerprint: str, at: datetime) -> tuple[CertificateRecord, ...]:
        """The certificates with this key that are valid at `at`, and not revoked, newest first."""

    def list_by_requests(self, fingerprints: Collection[str]) -> tuple[CertificateRecord, ...]:
        """The certificates for these requests, revoked or not, newest first."""

    def find_current(self, host: str, at: datetime) -> CertificateRecord | None:
        """The newest certificate for this host that is valid at `at`, and not revoked."""

    def find_replay(self, account: str, key: str) -> Replay | None:
        """What was answered to this Idempotency-Key."""

    def record(
        self,
        certificates: Sequence[CertificateRecord],
        events: Sequence[AuditEvent],
        *,
        always_new: bool,
        replay: Replay | None,
        applications: Sequence[RequestRecord] = (),
    ) -> tuple[CertificateRecord, ...]:
        """Write all of it in one transaction, or nothing.

        Unless `always_new`, a certificate for the same request that another process has written
        meanwhile wins: it is returned in place of ours, which is forgotten with its event and its
        application, and `replay` is kept as it came out. `applications` are those that the certificates
        answer, one for each, or none for any. Raises Conflict when the Idempotency-Key was used meanwhile, or
        when the key of a request was reported as lost, or put on hold.
        """

    def prune_replays(self, before: datetime) -> int:
        """Forget the answers to Idempotency-Keys that are older; how many there were."""


class RequestStore(Protocol):
    """The applications that there are. Every change takes its event along, in one transaction."""

    def find_application(self, application_id: int) -> RequestRecord | None:
        """The application of this number."""

    def list_applications(self, query: RequestQuery) -> RequestPage:
        """One page of a list; raises InvalidInput for a cursor that we did not hand out."""

    def list_in_state(self, state: State, limit: int) -> tuple[RequestRecord, ...]:
        """At most so many in this state, oldest first."""

    def list_for_requests(self, fingerprints: Collection[str]) -> tuple[RequestRecord, ...]:
        """Those for these requests that have no certificate, newest first."""

    def submit(
        self, applications: Sequence[RequestRecord], events: Sequence[AuditEvent], replay: Replay | None
    ) -> tuple[RequestRecord, ...]:
        """Keep these, all or none, each with its event, whose subject becomes the number that is given here.

        Where the same request waits under the same profile already, that one is returned in place of ours, which
        is forgotten with its event. `replay` is kept with the numbers as they came out; raises Conflict when its
        Idempotency-Key was used meanwhile.
        """

    def move(self, application: RequestRecord, before: State, event: AuditEvent) -> bool:
        """Replace it if it is still in the state `before`; False, with nothing written, if it is not."""

    def issue(
        self, application: RequestRecord, made: tuple[CertificateRecord, AuditEvent] | None, event: AuditEvent
    ) -> RequestRecord | None:
        """Make an approved application ISSUED, and write the certificate that was made for it, each with its event.

        Where none was made, the application names one that is there. Unless a new one was asked for, a certificate for
        the same request that was written meanwhile wins, and ours is forgotten with its event. Returns the application
        as it is stored; None, with nothing written, if it is not APPROVED any more.
        """
