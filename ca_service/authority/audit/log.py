"""Knows who may read the record, and what of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import PERMISSIONS, Action, Actor, require
from ca_service.authority.audit.entries import EVERYTHING, EventPage, EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.exporting import Exporter
from ca_service.authority.audit.sealing import Sealing
from ca_service.authority.audit.seals import key_document, seal_hash
from ca_service.authority.audit.store import EventStore
from ca_service.authority.audit.verifying import NOTHING, Anchor, Checked, Expected, verify
from ca_service.authority.audit.wording import About, events_about, told_by
from ca_service.authority.ports import Clock

_HISTORY: Final = 20  # events
_NAMES: Final = 5  # that a thing has had, one after the other


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal, as somebody keeps it elsewhere; `key` is the fingerprint of the sealing key."""

    anchor: Anchor
    at: datetime
    last: int
    key: str


class AuditLog:
    """The record, for those who may read it."""

    def __init__(self, events: EventStore, sealing: Sealing, clock: Clock) -> None:
        self._events = events
        self._sealing = sealing
        self._clock = clock

    def list_events(self, actor: Actor, query: EventQuery) -> EventPage:
        """One page of the events; raises InvalidInput for a cursor that is none of ours."""
        require(actor, Action.AUDIT)
        return self._events.list_events(query)

    def history(self, actor: Actor, about: About, subject: str, since: datetime) -> tuple[RecordedEvent, ...]:
        """The newest events about one thing, under its former names too, for everybody who may read it.

        From where, and what the sentence does not tell, is only for those who may read the record.
        """
        require(actor, Action.READ)
        names, found = [subject], list[RecordedEvent]()
        for name in names:  # grows while it is walked
            query = EventQuery(subject=name, events=events_about(about), since=since, limit=_HISTORY)
            found += self._events.list_events(query).items
            former = {str(event.details["formerly"]) for event in found if "formerly" in event.details}
            names += sorted(former - set(names))[: _NAMES - len(names)]
        newest = sorted(found, key=lambda event: event.id, reverse=True)[:_HISTORY]
        return tuple(newest if actor.role in PERMISSIONS[Action.AUDIT] else map(_for_readers, newest))

    def head(self, actor: Actor) -> Head | None:
        """The newest seal, if there is one."""
        require(actor, Action.AUDIT)
        seal = self._events.find_head()
        return _head(seal) if seal else None

    def seal(self, actor: Actor) -> int:
        """Seal what is not sealed yet; how many events that were."""
        require(actor, Action.AUDIT)
        return self._sealing.seal_pending()

    def has_unsealed(self, actor: Actor) -> bool:
        """Whether there are events without a seal."""
        require(actor, Action.AUDIT)
        return bool(self._events.list_unsealed(1))

    def export(self, actor: Actor, query: EventQuery) -> Iterator[bytes]:
        """The record as lines that can be checked with nothing else, itself recorded, all of it sealed.

        Raises KeystoreError if the sealing key cannot be had, before the first line.
        """
        require(actor, Action.AUDIT)
        said = "everything" if query.is_everything else "a part"
        self._events.add_event(AuditEvent.by(actor, self._clock(), Event.RECORD_EXPORTED, said))
        self._sealing.seal_pending()
        return Exporter(self._events, self._sealing, self._clock).lines(query)

    def verify(self, actor: Actor, expected: Expected = NOTHING) -> Checked:
        """Check what is kept, as an exported file is checked; changes nothing. Raises Refused."""
        require(actor, Action.AUDIT)
        lines = Exporter(self._events, self._sealing, self._clock).lines(EVERYTHING, is_ended=False)
        return verify(lines, expected, is_ended=False)


def _for_readers(event: RecordedEvent) -> RecordedEvent:
    told = {name: value for name, value in event.details.items() if name in told_by(event)}
    return replace(event, details=told, origin="")


def _head(seal: Seal) -> Head:
    key = str(key_document(seal.public_key)["fingerprint"])
    return Head(Anchor(seal.number, seal_hash(seal).hex()), seal.at, seal.last, key)
