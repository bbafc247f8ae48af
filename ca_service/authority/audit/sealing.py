"""Sealing of the audit log; the package explains the states and what a crash leaves behind."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.audit.entries import RecordedEvent, Seal
from ca_service.authority.audit.seals import CURVE, KEY_ID, make_seal
from ca_service.authority.audit.store import EventStore
from ca_service.authority.key_custody import KeyStore, own_key
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, Rule
from ca_service.pki import keys

RECORD_KEY_CHANGED: Final = Rule(
    "audit.key-changed",
    "The sealing key {key_id} is not the key of the newest seal.",
    "Restore the right key from a copy of the instance folder.",
)

BATCH: Final = 256  # most events in a seal: a path then has 8 hashes
_ROUNDS: Final = 400  # per call; the next call continues


class Sealing:
    """Seals events. Safe to call in parallel: one caller seals, the others wait and find it done."""

    def __init__(self, events: EventStore, keystore: KeyStore, clock: Clock) -> None:
        self._events = events
        self._keystore = keystore
        self._clock = clock

    def seal_pending(self) -> int:
        """Seal all events without a seal, and return their number.

        Raises KeystoreError if the sealing key is not available, Conflict if the audit log was tampered with.
        """
        done = 0
        for _ in range(_ROUNDS):
            sealed = self._seal_batch()
            done += sealed
            if sealed < BATCH:
                break
        return done

    def sealed(self, event: str, subject: str) -> RecordedEvent | None:
        """Return the oldest event of this name about this subject; seal it first if it has no seal."""
        found = self._events.find_event(event, subject)
        while found is not None and found.seal is None:
            self.seal_pending()
            found = self._events.find_event(event, subject)
        return found

    def key(self, head: Seal | None) -> ec.EllipticCurvePrivateKey:
        """Return the key that follows this seal. Raises KeystoreError if it is missing, Conflict for another key."""
        if head is None:
            return own_key(self._keystore, KEY_ID, CURVE)
        key = self._keystore.signer(KEY_ID)
        if keys.public_key_der(key.public_key()) != head.public_key:
            raise Conflict.because(RECORD_KEY_CHANGED, key_id=KEY_ID)
        return key

    def _seal_batch(self) -> int:
        if not self._events.list_unsealed(1):  # without work, neither the lock nor the key is needed
            return 0
        with self._events.one_sealer():
            events = self._events.list_unsealed(BATCH)
            if events:
                head = self._events.find_head()
                self._events.add_seal(make_seal(events, head, self._clock(), self.key(head)), events)
        return len(events)
