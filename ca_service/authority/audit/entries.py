"""Values of the audit log: stored events, seals, queries and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

EventSort = Literal["newest", "oldest"]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A stored event. `event` is its name, which may be unknown to this version of the program.

    `seal` and `position` (from 0) say where it is sealed; both are None until then.
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
    """A sealed batch of the audit log. Hashes, signature and `public_key` (SubjectPublicKeyInfo, DER) are bytes.

    `leaves` are the leaf hashes at the time of sealing, concatenated.
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
    """A search: `text` anywhere in an event, `events` by name (empty: all), from `since` up to but without `before`."""

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
        """Whether the query has no filter."""
        return not (self.text or self.events or self.actor or self.subject or self.since or self.before)


EVERYTHING = EventQuery()


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, and the cursor of the next page, empty on the last."""

    items: tuple[RecordedEvent, ...] = field(default=())
    next_cursor: str = ""
