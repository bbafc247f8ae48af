"""The port of the audit log to storage, and the errors of every store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

from ca_service.authority.audit.entries import EventPage, EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent
from ca_service.errors import Conflict, Rule

RECORD_SEAL_TAKEN: Final = Rule(
    "audit.seal-taken",
    "Seal {seal} cannot be stored: its number or one of its events already belongs to a seal.",
    "Run `ca-service audit verify` to find out whether the audit log was changed.",
)
RECORD_UNREADABLE: Final = Rule(
    "audit.unreadable",
    "{what} in the database does not have the form that this program writes.",
    "The database was changed by another program: compare it with an earlier copy.",
)


class EventStore(Protocol):
    """The stored events and their seals.

    Methods that read events raise Conflict (`record.unreadable`) for a row that this program cannot have written.
    """

    def list_events(self, query: EventQuery) -> EventPage:
        """Return one page of a list. Raises InvalidInput for a foreign cursor."""

    def find_events(self, event: str, subjects: Collection[str]) -> tuple[RecordedEvent, ...]:
        """Return the oldest event of this name about each of these subjects that has one, in the order of numbers."""

    def find_latest(self, after: datetime, beyond: int = 0) -> RecordedEvent | None:
        """Return the event with the latest time, of those after this time and with a number beyond this one."""

    def add_event(self, event: AuditEvent) -> None:
        """Record an event that is not part of another change."""

    def list_unsealed(self, limit: int) -> tuple[RecordedEvent, ...]:
        """Return the oldest events without a seal, in the order of their numbers."""

    def list_last_unsealed(self, limit: int, until: int | None = None) -> tuple[RecordedEvent, ...]:
        """Return the newest events without a seal, of those up to the number `until`, in the order of their numbers."""

    def list_sealed(self, seal: int, query: EventQuery) -> tuple[RecordedEvent, ...]:
        """Return the events that refer to this seal and match the query, in the order of their positions."""

    def find_beyond(self, seal: int) -> RecordedEvent | None:
        """Return an event that refers to a seal after this one, or None."""

    def find_head(self) -> Seal | None:
        """Return the newest seal, or None."""

    def find_seals(self, numbers: Collection[int]) -> tuple[Seal, ...]:
        """Return the seals with these numbers, as far as they exist, in order."""

    def list_seals(self, after: int, limit: int) -> tuple[Seal, ...]:
        """Return the seals after the one with this number, in order."""

    def add_seal(self, seal: Seal, events: Sequence[RecordedEvent]) -> None:
        """Store a seal and the place of each of its events, in one transaction.

        Raises Conflict, and stores nothing, if the number is taken or an event already has a seal.
        """

    def one_sealer(self) -> AbstractContextManager[None]:
        """Lock out every other sealer, in this process and in others."""


# Errors that every store raises, with one wording.


def seal_taken(seal: Seal) -> Conflict:
    """Return the error for a seal whose number, or one of whose events, has a seal already."""
    return Conflict.because(RECORD_SEAL_TAKEN, seal=seal.number)


def event_unreadable(number: int) -> Conflict:
    """Return the error for the row of an event that this program cannot have written."""
    return Conflict.because(RECORD_UNREADABLE, what=f"Event {number}")


def seal_unreadable() -> Conflict:
    """Return the error for the row of a seal that this program cannot have written."""
    return Conflict.because(RECORD_UNREADABLE, what="A seal")
