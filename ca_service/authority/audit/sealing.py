"""Knows when and what is sealed; see the package for the states and for what a crash leaves behind."""

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
    "record.key-changed",
    "The sealing key {key_id} is not the one of the newest seal.",
    "Put the right key back from a copy of the instance folder.",
)

BATCH: Final = 256  # events in a seal at most: a path has 8 hashes then
_ROUNDS: Final = 400  # of one call; more is left to the next one


class Sealing:
    """Seals what was recorded. Safe anywhere at once: one seals, the others wait and find it done."""

    def __init__(self, events: EventStore, keystore: KeyStore, clock: Clock) -> None:
        self._events = events
        self._keystore = keystore
        self._clock = clock

    def seal_pending(self) -> int:
        """Seal the events that have no seal, and return how many there were.

        Raises KeystoreError if the sealing key cannot be had, Conflict for a record that was tampered with.
        """
        done = 0
        for _ in range(_ROUNDS):
            sealed = self._seal_batch()
            done += sealed
            if sealed < BATCH:
                break
        return done

    def sealed(self, event: str, subject: str) -> RecordedEvent | None:
        """The oldest event of this name about this subject; if it has no seal yet, it gets one now."""
        found = self._events.find_event(event, subject)
        while found is not None and found.seal is None:
            self.seal_pending()
            found = self._events.find_event(event, subject)
        return found

    def key(self, head: Seal | None) -> ec.EllipticCurvePrivateKey:
        """The key that goes on after this seal; raises KeystoreError if it is gone, Conflict if it is another one."""
        if head is None:
            return own_key(self._keystore, KEY_ID, CURVE)
        key = self._keystore.signer(KEY_ID)
        if keys.public_key_der(key.public_key()) != head.public_key:
            raise Conflict.because(RECORD_KEY_CHANGED, key_id=KEY_ID)
        return key

    def _seal_batch(self) -> int:
        if not self._events.list_unsealed(1):  # nothing to do needs no lock and no key
            return 0
        with self._events.one_sealer():
            events = self._events.list_unsealed(BATCH)
            if events:
                head = self._events.find_head()
                self._events.add_seal(make_seal(events, head, self._clock(), self.key(head)), events)
        return len(events)
