"""Knows what revocation needs from the storage. Every change takes its event along, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ca_service.authority.revocation.records import RevocationRecord, Selection, Standing, Transition


class RevocationStore(Protocol):
    """What is revoked, on hold or released."""

    def list_selected(self, selection: Selection) -> tuple[Standing, ...]:
        """The leaves that are meant, oldest first, each with its revocation."""

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """The revocation of one certificate of this issuer."""

    def list_revocations(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """The revocations of these leaves, by serial number, released ones included."""

    def change(self, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
        """Store all of it in one transaction, or nothing; each record comes back with its version.

        Raises Conflict if one of them is no longer what it was before: somebody else was quicker.
        """

    def version(self, issuer_id: str) -> int:
        """How many changes there were to certificates of this issuer; 0 for none.

        It is read before the entries that go with it: then these may be newer, but never older.
        """
