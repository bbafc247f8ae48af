"""Stands in for the store of the record, over whatever the other fakes have recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from ca_service.authority.audit.entries import EventPage, EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore, seal_taken
from ca_service.authority.paging import page_size
from tests.support.fakes import Fuse
from tests.support.paging import cursor_at, number_in

_FOREVER: Final = 10**6


class InMemoryEventStore:
    """Events in a list: those that are added here, and those that the given stores keep in their `events`.

    Keeping a seal is a step of its `fuse`.
    """

    def __init__(self, *stores: object) -> None:
        self.rows: list[RecordedEvent] = []
        self.seals: list[Seal] = []
        self.fuse = Fuse()
        self._own: list[AuditEvent] = []
        self._sources = [self._own, *(getattr(store, "events", []) for store in stores)]
        self._taken = [0] * len(self._sources)
        self._lock = threading.Lock()

    def list_events(self, query: EventQuery) -> EventPage:
        """See the port; the cursor is the sort and the number of the last event."""
        found = [each for each in self._all() if _matches(each, query)]
        if query.sort == "newest":
            found.reverse()
        if query.cursor:
            key = number_in(query.cursor, query.sort)
            found = [each for each in found if (each.id < key) == (query.sort == "newest") and each.id != key]
        limit = page_size(query.limit)
        more = len(found) > limit
        return EventPage(tuple(found[:limit]), cursor_at(query.sort, found[limit - 1].id) if more else "")

    def find_events(self, event: str, subjects: Collection[str]) -> tuple[RecordedEvent, ...]:
        """See the port."""
        newest_first = [each for each in self._all() if each.event == event and each.subject in subjects][::-1]
        oldest = {each.subject: each for each in newest_first}
        return tuple(sorted(oldest.values(), key=lambda each: each.id))

    def find_latest(self, after: datetime, beyond: int = 0) -> RecordedEvent | None:
        """See the port."""
        later = (each for each in self._all() if each.at > after and each.id > beyond)
        return max(later, key=lambda each: each.at, default=None)

    def add_event(self, event: AuditEvent) -> None:
        """See the port."""
        self._own.append(event)

    def list_unsealed(self, limit: int) -> tuple[RecordedEvent, ...]:
        """See the port."""
        return tuple(each for each in self._all() if each.seal is None)[:limit]

    def list_last_unsealed(self, limit: int, until: int | None = None) -> tuple[RecordedEvent, ...]:
        """See the port."""
        asked = (each for each in self._all() if each.seal is None and (until is None or each.id <= until))
        return tuple(sorted(asked, key=lambda each: each.id))[-limit:]

    def list_sealed(self, seal: int, query: EventQuery) -> tuple[RecordedEvent, ...]:
        """See the port."""
        found = [each for each in self._all() if each.seal == seal and _matches(each, query)]
        return tuple(sorted(found, key=lambda each: (each.position or 0, each.id)))

    def find_beyond(self, seal: int) -> RecordedEvent | None:
        """See the port."""
        return next((each for each in self._all() if (each.seal or 0) > seal), None)

    def find_head(self) -> Seal | None:
        """See the port."""
        return self.seals[-1] if self.seals else None

    def find_seals(self, numbers: Collection[int]) -> tuple[Seal, ...]:
        """See the port."""
        return tuple(seal for seal in self.seals if seal.number in numbers)

    def list_seals(self, after: int, limit: int) -> tuple[Seal, ...]:
        """See the port."""
        return tuple(seal for seal in self.seals if seal.number > after)[:limit]

    def add_seal(self, seal: Seal, events: Sequence[RecordedEvent]) -> None:
        """See the port."""
        with self.fuse.step(f"keep seal {seal.number}"):
            self._keep(seal, events)

    def _keep(self, seal: Seal, events: Sequence[RecordedEvent]) -> None:
        rows = {each.id: each for each in self._all()}
        if self.find_seals([seal.number]) or any(each.id not in rows or rows[each.id].seal for each in events):
            raise seal_taken(seal)
        self.seals.append(seal)
        for position, each in enumerate(events):
            rows[each.id] = replace(rows[each.id], seal=seal.number, position=position)
        self.rows = [*rows.values()]

    def one_sealer(self) -> AbstractContextManager[None]:
        """See the port."""
        return self._locked()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            yield

    def _all(self) -> list[RecordedEvent]:
        """All events, with those that the stores have recorded since."""
        for number, source in enumerate(self._sources):
            for said in source[self._taken[number] :]:
                self.rows.append(recorded(said, len(self.rows) + 1))
            self._taken[number] = len(source)
        return self.rows


def recorded(said: AuditEvent, number: int) -> RecordedEvent:
    """The event as it is kept under this number."""
    return RecordedEvent(number, said.at, said.event.value, said.actor, said.subject, said.details, said.origin)


def as_said(events: Iterable[RecordedEvent]) -> tuple[AuditEvent, ...]:
    """What was recorded, without numbers and seals."""
    return tuple(
        AuditEvent(each.at, Event(each.event), each.actor, each.subject, each.details, each.origin) for each in events
    )


def newest(events: EventStore, limit: int) -> tuple[AuditEvent, ...]:
    """The newest events, newest first."""
    return as_said(events.list_events(EventQuery(limit=limit)).items)


def _matches(event: RecordedEvent, query: EventQuery) -> bool:
    parts = (event.event, event.actor, event.subject, event.origin, json.dumps(dict(event.details), ensure_ascii=False))
    text = query.text.lower()
    return (
        (not query.events or event.event in query.events)
        and (not query.actor or event.actor == query.actor)
        and (not query.subject or event.subject == query.subject)
        and (query.since is None or event.at >= query.since)
        and (query.before is None or event.at < query.before)
        and any(text in part.lower() for part in parts)
    )
