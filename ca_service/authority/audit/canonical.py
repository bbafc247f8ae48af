"""Knows the one way in which events and seals are written down, so that a hash over them means something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ca_service.authority.audit.entries import RecordedEvent, Seal

VERSION = 1


def canonical(document: Mapping[str, Any]) -> bytes:
    """The document as JSON (RFC 8259) in ASCII: members sorted by name, no blanks, \\uXXXX in lower case.

    As RFC 8785, but for characters outside ASCII: so it is defined for every text that Python can
    hold, half a surrogate pair too, and no event can stop the sealing.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def moment(at: datetime) -> str:
    """A time as RFC 3339 in UTC; with a fraction only if it has one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def event_document(event: RecordedEvent) -> dict[str, Any]:
    """What is sealed of an event: all of it, but not where it is sealed."""
    return {
        "v": VERSION,
        "id": event.id,
        "at": moment(event.at),
        "event": event.event,
        "actor": event.actor,
        "subject": event.subject,
        "details": dict(event.details),
        "origin": event.origin,
    }


def seal_document(seal: Seal, key: str) -> dict[str, Any]:
    """What is signed of a seal; `key` is the fingerprint of the public key."""
    return {
        "type": "seal",
        "v": VERSION,
        "number": seal.number,
        "first": seal.first,
        "last": seal.last,
        "count": seal.count,
        "root": seal.root.hex(),
        "previous": seal.previous.hex(),
        "at": moment(seal.at),
        "key": key,
    }
