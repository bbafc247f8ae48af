"""Knows what revocation needs from the storage. Every change takes its event along, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.revocation.records import (
    CRLBytes,
    CRLRecord,
    ResponderRecord,
    RevocationRecord,
    RevocationStatus,
    Selection,
    Transition,
)


class RevocationStore(Protocol):
    """What is revoked, on hold or released."""

    def list_selected(self, selection: Selection) -> tuple[RevocationStatus, ...]:
        """The leaves that are meant, oldest first, each with its revocation."""

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """The revocation of one certificate of this issuer."""

    def revocations_of(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """The revocations of these leaves, by serial number, released ones included."""

    def change(self, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
        """Store all of it in one transaction, or nothing; each record comes back with its version.

        Raises Conflict if one of them is no longer what it was before: somebody else was quicker.
        """

    def version(self, issuer_id: str) -> int:
        """How many changes there were to certificates of this issuer; 0 for none.

        It is read before the entries that go with it: then these may be newer, but never older.
        """


class CRLStore(Protocol):
    """The lists that were published, and what the next one is made of."""

    def find_newest(self, issuer_id: str) -> CRLRecord | None:
        """The newest list of this issuer."""

    def find_base(self, issuer_id: str, at: datetime) -> CRLRecord | None:
        """The oldest list that somebody may still hold at `at`, because it has not lapsed."""

    def read_crl(self, issuer_id: str, number: int) -> CRLBytes | None:
        """The bytes of a list; of all but the newest they are forgotten."""

    def list_entries(self, issuer_id: str, base: CRLRecord | None) -> Sequence[bytes]:
        """The entries of a full list. A certificate that had expired before `base` was made is left out
        if `base` told of it: so each is on a list once after its end (RFC 5280, 3.3)."""

    def list_changes(self, issuer_id: str, since: int) -> Sequence[bytes]:
        """The entries of a delta: what has changed since this version, releases included."""

    def add_crl(
        self, record: CRLRecord, data: CRLBytes, event: AuditEvent, *, transitions: Sequence[Transition] = ()
    ) -> None:
        """Publish a list, with its event and with what it says of our own authorities, in one transaction.

        Lists that have lapsed are forgotten. Raises Conflict unless its number is higher than all before.
        """

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """Keep every other process from publishing lists of this issuer."""


class ResponderStore(Protocol):
    """Who signs OCSP answers, and what the answers say."""

    def find_responder(self, issuer_id: str) -> ResponderRecord | None:
        """The newest one of this issuer."""

    def add_responder(self, record: ResponderRecord, event: AuditEvent) -> None:
        """Keep a new one, with its event."""

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """Keep every other process from making one for this issuer."""

    def was_issued(self, issuer_id: str, serial_number: str) -> bool:
        """Whether this issuer has given a certificate with this serial number, to a leaf or to a responder."""
