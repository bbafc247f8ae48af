"""Export of the audit log: JSON lines that can be verified with nothing else.

    header  format, time, whether the file is complete, the filter, the newest seal, the public key
    seal    a seal, followed by its events that match the filter
    event   an event, its position in the seal, and the path from it to the root of the seal
    end     the number of events and seals, the SHA-256 of every byte before this line, and a
            signature of the sealing key over this line

Every line is canonical (see `seals.canonical`) and ends with LF, so that each byte is determined. The
events are in the order of sealing. A file with a filter holds only the seals of its events:
the path proves each event, but the file does not prove that no event is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from ca_service.authority.audit.entries import EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.merkle import Tree
from ca_service.authority.audit.seals import (
    VERSION,
    Sealing,
    canonical,
    event_document,
    key_document,
    moment,
    seal_hash,
    sign,
    signed,
    tree_of,
)
from ca_service.authority.audit.store import EventStore
from ca_service.authority.ports import Clock

FORMAT: Final = "ca_service record"
_SEALS_AT_ONCE: Final = 50


class Exporter:
    """Writes the audit log as lines of any length; at most one seal is in memory at a time."""

    def __init__(self, events: EventStore, sealing: Sealing, clock: Clock) -> None:
        self._events = events
        self._sealing = sealing
        self._clock = clock

    def lines(self, query: EventQuery, *, is_ended: bool = True) -> Iterator[bytes]:
        """Yield the lines of the file up to the newest seal; none if there is no seal.

        Without `is_ended` the last line is omitted, which needs the sealing key.
        """
        head = self._events.find_head()
        if head is None:
            return
        digest, counts = hashlib.sha256(), {"events": 0, "seals": 0}
        for document in self._documents(query, head):
            line = canonical(document) + b"\n"
            digest.update(line)
            counts["events"] += document["type"] == "event"
            counts["seals"] += document["type"] == "seal"
            yield line
        if is_ended:
            end = {"type": "end", **counts, "sha256": digest.hexdigest()}
            signature = sign(end, self._sealing.key(head))
            yield canonical(end | {"signature": signature.hex()}) + b"\n"

    def _documents(self, query: EventQuery, head: Seal) -> Iterator[dict[str, Any]]:
        yield _header(query, head, self._clock())
        for seal in self._seals(head):
            events = self._events.list_sealed(seal.number, query)
            if events or query.is_everything:
                yield signed(seal)
                tree = tree_of(seal)
                yield from (_line(event, seal, tree) for event in events)
        if query.is_everything and (stray := self._stray(head.number)):
            yield _line(stray, head, tree_of(head))

    def _stray(self, after: int) -> RecordedEvent | None:
        """Return an event that refers to a missing seal; seals added by others in the meantime do not count."""
        found = self._events.find_beyond(after)
        while found is not None and found.seal is not None and self._events.find_seals([found.seal]):
            found = self._events.find_beyond(found.seal)
        return found

    def _seals(self, head: Seal) -> Iterator[Seal]:
        """Yield the seals up to the head, as far as they still exist."""
        after = 0
        while after < head.number:
            found = self._events.list_seals(after, _SEALS_AT_ONCE)
            yield from (seal for seal in found if seal.number <= head.number)
            after = found[-1].number if found else head.number


def _header(query: EventQuery, head: Seal, at: datetime) -> dict[str, Any]:
    return {
        "type": "header",
        "format": FORMAT,
        "v": VERSION,
        "at": moment(at),
        "complete": query.is_everything,
        "filter": _filter(query),
        "head": {"number": head.number, "hash": seal_hash(head).hex()},
        "key": key_document(head.public_key),
    }


def _filter(query: EventQuery) -> dict[str, Any]:
    """Return the filter without its empty members."""
    asked: dict[str, Any] = {
        "text": query.text,
        "events": sorted(query.events),
        "actor": query.actor,
        "subject": query.subject,
        "since": moment(query.since) if query.since else "",
        "before": moment(query.before) if query.before else "",
    }
    return {name: value for name, value in asked.items() if value}


def _line(event: RecordedEvent, seal: Seal, tree: Tree) -> dict[str, Any]:
    """Return the line of an event with its path, which is empty if the seal has no such position."""
    position = event.position if event.position is not None else -1
    path = tree.path(position) if event.seal == seal.number and 0 <= position < seal.count else ()
    return {
        "type": "event",
        "seal": event.seal,
        "position": position,
        "path": [each.hex() for each in path],
        "event": event_document(event),
    }
