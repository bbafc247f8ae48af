"""The ports of revocation to storage. Every change includes its event, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.revocation.records import (
    CRLBytes,
    CRLEntries,
    CRLRecord,
    CRLState,
    ResponderRecord,
    RevocationRecord,
    RevocationStatus,
    Selection,
    Transition,
)


class RevocationStore(Protocol):
    """Certificates that are revoked, on hold or released."""

    def list_selected(self, selection: Selection) -> tuple[RevocationStatus, ...]:
        """Return the selected leaves, oldest first, each with its revocation."""

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """Return the revocation of one certificate of this issuer, or None."""

    def revocations_of(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """Return the revocations of these leaves, by serial number, including released ones."""

    def change(self, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
        """Store all changes in one transaction, or none; return each record with its version.

        Raises Conflict if one of the certificates was changed in the meantime.
        """

    def version(self, issuer_id: str) -> int:
        """Return the number of changes to certificates of this issuer.

        Read it before the entries that belong to it: then these may be newer, but never older.
        """


class CRLStore(Protocol):
    """The published CRLs, and the contents of the next one."""

    def find_newest(self, issuer_id: str) -> CRLRecord | None:
        """Return the newest CRL of this issuer, or None."""

    def find_state(self, issuer_id: str) -> CRLState:
        """Return the number of the newest CRL and the number of changes, both as of one moment, in one cheap read."""

    def find_base(self, issuer_id: str, at: datetime) -> CRLRecord | None:
        """Return the oldest CRL that a client may still hold at `at`, because it has not expired."""

    def read_crl(self, issuer_id: str, number: int) -> CRLBytes | None:
        """Return the bytes of a CRL, or None; only those of the newest are kept."""

    def read_entries(self, issuer_id: str, base: CRLRecord | None) -> CRLEntries:
        """Return the entries of a full CRL. A certificate that had expired before `base` was created is omitted
        if `base` contained it: so each is on one CRL after its expiry (RFC 5280, 3.3)."""

    def list_changes(self, issuer_id: str, since: int) -> Sequence[bytes]:
        """Return the entries of a delta: the changes since this version, including releases."""

    def add_crl(
        self, record: CRLRecord, data: CRLBytes, event: AuditEvent, *, transitions: Sequence[Transition] = ()
    ) -> None:
        """Publish a CRL, with its event and with its statements about our own authorities, in one transaction.

        Expired CRLs are deleted. Raises Conflict unless its number is higher than all earlier ones.
        """

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """Lock out every other process that publishes CRLs of this issuer."""


class ResponderStore(Protocol):
    """The OCSP signers, and the certificates that responses are about."""

    def find_responder(self, issuer_id: str, at: datetime) -> ResponderRecord | None:
        """Return the signer of this issuer that lasts longest, or None. One from the future of `at` is not there."""

    def add_responder(self, record: ResponderRecord, event: AuditEvent) -> None:
        """Add a signer, with its event."""

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """Lock out every other process that creates a signer for this issuer."""

    def was_issued(self, issuer_id: str, serial_number: str) -> bool:
        """Return whether this issuer has issued a certificate with this serial number, to a leaf or to a responder."""
