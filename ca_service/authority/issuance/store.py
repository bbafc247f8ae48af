"""The ports of issuance: the certificates that were issued, and the requests for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.conflicts import Known
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestPage, RequestQuery, RequestRecord, State
from ca_service.vos.destinations import Destination


class Ledger(Protocol):
    """The certificates that were issued."""

    def look_up(self, key_fingerprints: Collection[str], authorities: Collection[tuple[str, str]]) -> Known:
        """Read all that an issuance asks of the store, in one read.

        An authority is the id of its issuer and its serial number.
        """

    def find_certificate(self, serial_number: str) -> CertificateRecord | None:
        """Return the certificate with this serial number, or None."""

    def list_by_requests(self, fingerprints: Collection[str]) -> tuple[CertificateRecord, ...]:
        """Return the certificates for these CSRs, revoked or not, newest first."""

    def find_current(self, host: str, at: datetime, purpose: str = "") -> CertificateRecord | None:
        """Return the newest certificate for this host that is valid at `at` and not revoked, or None.

        `purpose` is the only purpose that counts; empty for all.
        """

    def list_current(self, hosts: Collection[str], at: datetime) -> tuple[CertificateRecord, ...]:
        """Return the same for each of these hosts and each of its purposes."""

    def find_replay(self, account: str, key: str) -> Replay | None:
        """Return the answer to this Idempotency-Key, or None."""

    def record(
        self,
        certificates: Sequence[CertificateRecord],
        events: Sequence[AuditEvent],
        *,
        always_new: bool,
        replay: Replay | None,
        requests: Sequence[RequestRecord] = (),
        refusals: int = 0,
        authorities: Collection[tuple[str, str]] = (),
    ) -> tuple[CertificateRecord, ...]:
        """Write all of it in one transaction, or nothing.

        Unless `always_new`, a certificate for the same CSR that another process has written in the meantime wins: it
        is returned in place of ours, which is dropped with its event and its request, and `replay` is stored with the
        winners. `requests` are those that the certificates answer, one for each, or none for any. Raises Conflict if
        the Idempotency-Key was used in the meantime, if the key of a CSR was reported as lost or put on hold, if
        there are more refusals of these keys than `refusals`, the number when they were checked, or if one of the
        `authorities` above, as for `look_up`, is revoked or on hold.
        """

    def prune_replays(self, before: datetime) -> int:
        """Delete the answers to Idempotency-Keys that are older; return how many there were."""


class HostProductStore(Protocol):
    """The products of the hosts that certificates were issued for, as people have said them."""

    def find_products(self, hosts: Collection[str]) -> Mapping[str, Destination]:
        """Return what is known of these hosts: as a node of a cluster, or else as it was last remembered."""

    def remember_products(self, products: Mapping[str, Destination], by: str, at: datetime) -> None:
        """Store product and version of these hosts, in place of what was remembered before."""


class RequestStore(Protocol):
    """The requests. Every change is written with its event, in one transaction."""

    def find_request(self, request_id: int) -> RequestRecord | None:
        """Return the request with this number, or None."""

    def list_requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a list. Raises InvalidInput for a cursor that is not ours."""

    def list_in_state(self, state: State, limit: int) -> tuple[RequestRecord, ...]:
        """Return at most `limit` requests in this state, oldest first."""

    def count_in_state(self, state: State, limit: int) -> int:
        """Return how many requests are in this state, `limit` at most."""

    def list_for_requests(self, fingerprints: Collection[str]) -> tuple[RequestRecord, ...]:
        """Return the requests for these CSRs that have no certificate, newest first."""

    def list_submission(self, request: RequestRecord) -> tuple[RequestRecord, ...]:
        """Return the stored requests of the same submission, this one included, oldest first."""

    def submit(
        self, requests: Sequence[RequestRecord], events: Sequence[AuditEvent], replay: Replay | None
    ) -> tuple[RequestRecord, ...]:
        """Store these, all or none, each with its event, whose subject becomes the number that is given here.

        Where the same CSR already waits under the same profile, that request is returned in place of ours, which is
        dropped with its event. `replay` is stored with the resulting numbers. Raises Conflict if its Idempotency-Key
        was used in the meantime.
        """

    def move(self, request: RequestRecord, before: State, event: AuditEvent) -> bool:
        """Replace the request if it is still in the state `before`. Return False, with nothing written, if not."""

    def issue(
        self,
        request: RequestRecord,
        made: tuple[CertificateRecord, AuditEvent] | None,
        event: AuditEvent,
        authorities: Collection[tuple[str, str]] = (),
    ) -> RequestRecord | None:
        """Turn an approved request into ISSUED and write the certificate that was made for it, each with its event.

        If none was made, the request names an existing one. Unless a new one was asked for, a certificate for the same
        CSR that was written in the meantime wins, and ours is dropped with its event. Return the request as stored, or
        None, with nothing written, if it is no longer APPROVED. Raises Conflict as `Ledger.record` does.
        """
