"""The audit log: events, seals, and the result of a verification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from ca_service.authority.audit.entries import RecordedEvent
from ca_service.authority.audit.log import Head
from ca_service.authority.audit.verifying import Anchor, Checked
from ca_service.authority.audit.wording import Category, sentence_of, wording_of
from ca_service.documents.fields import Document, Fingerprint, Moment


class EventDocument(Document):
    """One event of the audit log."""

    id: int
    at: Moment
    event: str = Field(description="the name of the event, such as certificate.issued")
    category: str = Field(description=f"one of: {', '.join(Category)}")
    text: str = Field(description="the event as a sentence")
    actor: str = Field(description="the account that acted")
    origin: str = Field(description="where it acted from: an address, or command line")
    subject: str = Field(description="the object: a serial number, a cluster, an account, an authority")
    details: dict[str, str | int]
    seal: int | None = Field(description="the number of the seal that covers it; null until it is sealed")

    @classmethod
    def of(cls, event: RecordedEvent) -> Self:
        """Describe an event."""
        return cls(
            id=event.id,
            at=event.at,
            event=event.event,
            category=wording_of(event).category.value,
            text=str(sentence_of(event)),
            actor=event.actor,
            origin=event.origin,
            subject=event.subject,
            details=dict(event.details),
            seal=event.seal,
        )


class EventsDocument(Document):
    """One page of the audit log."""

    events: list[EventDocument]
    next: str | None = Field(description="the address of the next page, or the cursor for --cursor; null on the last")

    @classmethod
    def of(cls, events: Sequence[RecordedEvent], following: str | None) -> Self:
        """Describe the events in their order."""
        return cls(events=[EventDocument.of(each) for each in events], next=following)


class HeadDocument(Document):
    """The newest seal."""

    number: int
    hash: str
    sealed_at: Moment
    last_event: int
    key: Fingerprint

    @classmethod
    def of(cls, head: Head) -> Self:
        """Describe the newest seal."""
        anchor = head.anchor
        return cls(number=anchor.number, hash=anchor.hash, sealed_at=head.at, last_event=head.last, key=head.key)


class NewestSealDocument(Document):
    """The newest seal, if there is one, and whether there are events after it."""

    head: HeadDocument | None
    has_unsealed: bool

    @classmethod
    def of(cls, head: Head | None, *, has_unsealed: bool) -> Self:
        """Describe the newest seal, or that there is none."""
        return cls(head=HeadDocument.of(head) if head else None, has_unsealed=has_unsealed)


class SealedDocument(Document):
    """The number of sealed events."""

    sealed: int


class AuditExportDocument(Document):
    """The file to which the audit log was written, and whether it holds every event."""

    file: str
    complete: bool


class AnchorDocument(Document):
    """A seal by its number and hash."""

    number: int
    hash: str

    @classmethod
    def of(cls, anchor: Anchor) -> Self:
        """Describe a seal."""
        return cls(number=anchor.number, hash=anchor.hash)


class VerificationDocument(Document):
    """The result of a verification that found no fault."""

    holds: bool
    events: int
    seals: int
    complete: bool = Field(description="false for an export with a filter, which proves only what it contains")
    head: AnchorDocument
    key: str = Field(description="fingerprint of the sealing key; empty if nothing is sealed yet")

    @classmethod
    def of(cls, checked: Checked) -> Self:
        """Describe the result."""
        return cls(
            holds=True,
            events=checked.events,
            seals=checked.seals,
            complete=checked.complete,
            head=AnchorDocument.of(checked.head),
            key=checked.key,
        )
