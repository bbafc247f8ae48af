"""Knows the frozen values of the record: events as they are kept, seals, what is asked and what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

EventSort = Literal["newest", "oldest"]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it is kept. `event` is its name, which may be one that this program does not know.

    `seal` and `position` (from 0) tell where it is sealed; None as long as it is not.
    """

    id: int
    at: datetime
    event: str
    actor: str
    subject: str
    details: Mapping[str, str | int]
    origin: str
    seal: int | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """One batch of the record, sealed. Hashes, signature and `public_key` (SubjectPublicKeyInfo, DER) are bytes.

    `leaves` are the leaf hashes, one after the other: what they were when they were sealed.
    """

    number: int
    first: int
    last: int
    count: int
    root: bytes
    previous: bytes
    at: datetime
    public_key: bytes
    signature: bytes = b""
    leaves: bytes = b""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: `text` in any part, `events` by name (all if empty), `since` (included) to `before` (not)."""

    text: str = ""
    events: tuple[str, ...] = ()
    actor: str = ""
    subject: str = ""
    since: datetime | None = None
    before: datetime | None = None
    sort: EventSort = "newest"
    cursor: str = ""
    limit: int = 50

    @property
    def is_everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not (self.text or self.events or self.actor or self.subject or self.since or self.before)


EVERYTHING = EventQuery()


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of a list, and the cursor of the next page, empty on the last."""

    items: tuple[RecordedEvent, ...] = field(default=())
    next_cursor: str = ""
