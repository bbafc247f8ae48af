"""Receipts: the proof in a bundle that the audit log has the certificate."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ca_service.authority.audit.entries import RecordedEvent, Seal
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.merkle import Tree
from ca_service.authority.audit.seals import VERSION, Sealing, event_document, key_document, signed, tree_of
from ca_service.authority.audit.store import EventStore
from ca_service.errors import Busy, Interrupted
from ca_service.pki import encodings, keys
from ca_service.vos.bundle import Delivery

_log: Final = logging.getLogger(__name__)


class Receipts:
    """Adds receipts to deliveries."""

    def __init__(self, events: EventStore, sealing: Sealing) -> None:
        self._events = events
        self._sealing = sealing

    def attached(self, deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
        """Return the same deliveries, each with its receipt; without one if the audit log has no event for it.

        An event without a seal is sealed now, so that a receipt never changes. While others hold the database for too
        long, the deliveries go without: a stored certificate is never kept back. Raises KeystoreError if the sealing
        key is not available.
        """
        serial_numbers = [delivery.serial_number for delivery in deliveries]
        try:
            sealed, found = self._sealing.sealed(Event.CERTIFICATE_ISSUED.value, serial_numbers)
        except (Busy, Interrupted) as error:
            _log.warning("bundles without receipts: %s", error.rule)
            return tuple(deliveries)
        events = {each.subject: each for each in sealed}
        seals = {seal.number: (seal, tree_of(seal)) for seal in found}
        return tuple(
            replace(each, receipt=_receipt(each, events.get(each.serial_number), seals)) for each in deliveries
        )

    def key_fingerprint(self) -> str:
        """Return the fingerprint of the sealing key, by which receipts are checked; empty before the first seal."""
        head = self._events.find_head()
        return keys.key_fingerprint(head.public_key) if head else ""


def _receipt(delivery: Delivery, event: RecordedEvent | None, seals: Mapping[int, tuple[Seal, Tree]]) -> bytes:
    seal, tree = seals.get(event.seal or 0, (None, None)) if event else (None, None)
    if event is None or seal is None or tree is None or event.position is None or not event.position < seal.count:
        return b""
    document = _document(delivery, event, seal, tree.path(event.position))
    return f"{json.dumps(document, indent=2)}\n".encode("ascii")


def _document(delivery: Delivery, event: RecordedEvent, seal: Seal, path: Sequence[bytes]) -> dict[str, Any]:
    return {
        "format": "ca_service receipt",
        "v": VERSION,
        "certificate": {
            "serial_number": delivery.serial_number,
            "fingerprint": encodings.fingerprint(delivery.leaf),
        },
        "event": event_document(event),
        "position": event.position,
        "path": [each.hex() for each in path],
        "seal": signed(seal),
        "key": key_document(seal.public_key),
    }
