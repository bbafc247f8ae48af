"""The audit log for its readers: lists, histories, sealing, export and verification, each with its permission."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import PERMISSIONS, Action, Actor, require
from ca_service.authority.audit.entries import EVERYTHING, EventPage, EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.exporting import Exporter
from ca_service.authority.audit.seals import NO_SEAL, Sealing, key_document, seal_hash
from ca_service.authority.audit.store import EventStore
from ca_service.authority.audit.verifying import NOTHING, Anchor, Checked, Expected, verify
from ca_service.authority.audit.wording import About, detail_names, events_about
from ca_service.authority.ports import Clock

_HISTORY: Final = 20  # events
_NAMES: Final = 5  # successive names of one thing


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal, to be kept elsewhere; `key` is the fingerprint of the sealing key."""

    anchor: Anchor
    at: datetime
    last: int
    key: str


class AuditLog:
    """Reads, seals, exports and verifies the audit log."""

    def __init__(self, events: EventStore, sealing: Sealing, clock: Clock) -> None:
        self._events = events
        self._sealing = sealing
        self._clock = clock

    def list_events(self, actor: Actor, query: EventQuery) -> EventPage:
        """Return one page of events. Raises InvalidInput for a foreign cursor."""
        require(actor, Action.AUDIT)
        return self._events.list_events(query)

    def history(self, actor: Actor, about: About, subject: str, since: datetime) -> tuple[RecordedEvent, ...]:
        """Return the newest events about one thing, including those under its former names.

        Origins, and details that the sentence does not contain, are only for readers of the audit log.
        """
        require(actor, Action.READ)
        names, found = [subject], list[RecordedEvent]()
        for name in names:  # the list grows during the loop
            query = EventQuery(subject=name, events=events_about(about), since=since, limit=_HISTORY)
            found += self._events.list_events(query).items
            former = {str(event.details["formerly"]) for event in found if "formerly" in event.details}
            names += sorted(former - set(names))[: _NAMES - len(names)]
        newest = sorted(found, key=lambda event: event.id, reverse=True)[:_HISTORY]
        return tuple(newest if actor.role in PERMISSIONS[Action.AUDIT] else map(_for_readers, newest))

    def head(self, actor: Actor) -> Head | None:
        """Return the newest seal, or None."""
        require(actor, Action.AUDIT)
        seal = self._events.find_head()
        return _head(seal) if seal else None

    def seal(self, actor: Actor) -> int:
        """Seal all events without a seal, and return their number."""
        require(actor, Action.AUDIT)
        return self._sealing.seal_pending()

    def has_unsealed(self, actor: Actor) -> bool:
        """Return whether there are events without a seal."""
        require(actor, Action.AUDIT)
        return bool(self._events.list_unsealed(1))

    def export(self, actor: Actor, query: EventQuery) -> Iterator[bytes]:
        """Return the audit log as lines that can be verified with nothing else. The export itself is logged and sealed.

        Raises KeystoreError before the first line if the sealing key is not available.
        """
        require(actor, Action.AUDIT)
        said = "everything" if query.is_everything else "a part"
        self._events.add_event(AuditEvent.by(actor, self._clock(), Event.AUDIT_LOG_EXPORTED, said))
        self._sealing.seal_pending()
        return Exporter(self._events, self._sealing, self._clock).lines(query)

    def verify(self, actor: Actor, expected: Expected = NOTHING) -> Checked:
        """Verify the stored audit log in the same way as an exported file, without changes. Raises Refused.

        A log in which nothing was sealed yet is intact, unless a seal is expected.
        """
        require(actor, Action.AUDIT)
        if expected.anchor is None and not self._sealing.has_begun:
            return Checked(0, 0, Anchor(0, NO_SEAL.hex()), "", complete=True)
        lines = Exporter(self._events, self._sealing, self._clock).lines(EVERYTHING, is_ended=False)
        return verify(lines, expected, is_ended=False)


def _for_readers(event: RecordedEvent) -> RecordedEvent:
    names = detail_names(event)
    details = {name: value for name, value in event.details.items() if name in names}
    return replace(event, details=details, origin="")


def _head(seal: Seal) -> Head:
    key = str(key_document(seal.public_key)["fingerprint"])
    return Head(Anchor(seal.number, seal_hash(seal).hex()), seal.at, seal.last, key)
