"""Knows what the record needs of whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from ca_service.authority.audit.entries import EventPage, EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent
from ca_service.errors import Conflict, Rule

RECORD_SEAL_TAKEN: Final = Rule(
    "record.seal-taken",
    "Seal {seal} cannot be stored: its number or one of its events already belongs to a seal.",
    "Run `ca-service audit verify` to find out whether the audit log was changed.",
)
RECORD_UNREADABLE: Final = Rule(
    "record.unreadable",
    "{what} in the database does not have the form that this program writes.",
    "The database was changed by another program: compare it with an earlier copy.",
)


class EventStore(Protocol):
    """The events that were recorded, and their seals.

    Every method that reads events raises Conflict (`record.unreadable`) for a row that nobody of ours can have written.
    """

    def list_events(self, query: EventQuery) -> EventPage:
        """One page of a list; raises InvalidInput for a cursor that we did not hand out."""

    def find_event(self, event: str, subject: str) -> RecordedEvent | None:
        """The oldest event of this name about this subject."""

    def add_event(self, event: AuditEvent) -> None:
        """Record something that changed nothing else."""

    def list_unsealed(self, limit: int) -> tuple[RecordedEvent, ...]:
        """The oldest events that have no seal, by their numbers."""

    def list_sealed(self, seal: int, query: EventQuery) -> tuple[RecordedEvent, ...]:
        """The events that say they are in this seal, by their position, of those that the query wants."""

    def find_beyond(self, seal: int) -> RecordedEvent | None:
        """An event that says it is in a seal after this one."""

    def find_head(self) -> Seal | None:
        """The newest seal."""

    def find_seal(self, number: int) -> Seal | None:
        """The seal of this number."""

    def list_seals(self, after: int, limit: int) -> tuple[Seal, ...]:
        """The seals that follow the one of this number, in their order."""

    def add_seal(self, seal: Seal, events: Sequence[RecordedEvent]) -> None:
        """Keep a seal, and the place of each of its events, in one transaction.

        Raises Conflict, and keeps nothing, where the number is taken or an event has a seal already.
        """

    def one_sealer(self) -> AbstractContextManager[None]:
        """Keep every other sealer out, in this process and in others."""


# What every store refuses, in the same words.


def seal_taken(seal: Seal) -> Conflict:
    """Return the error for a seal whose number, or one of whose events, has a seal already."""
    return Conflict.because(RECORD_SEAL_TAKEN, seal=seal.number)


def event_unreadable(number: int) -> Conflict:
    """Return the error for the row of an event that this program cannot have written."""
    return Conflict.because(RECORD_UNREADABLE, what=f"Event {number}")


def seal_unreadable() -> Conflict:
    """Return the error for the row of a seal that this program cannot have written."""
    return Conflict.because(RECORD_UNREADABLE, what="A seal")
