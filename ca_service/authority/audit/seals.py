"""Seals: canonical form, tree, signature and hash of a batch, how they are made, and how a signature is verified.

The package explains the states and what a crash leaves behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ca_service.authority.audit import merkle
from ca_service.authority.audit.entries import RecordedEvent, Seal
from ca_service.authority.audit.store import EventStore
from ca_service.authority.key_custody import KeyStore, own_key
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, Rule
from ca_service.pki import keys

VERSION = 1
KEY_ID: Final = "audit-seal-1"
CURVE: Final = "P-256"
ALGORITHM: Final = "ECDSA P-256 SHA-256"
NO_SEAL: Final = bytes(32)  # `previous` of the first seal
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_HASH_SIZE: Final = 32
RECORD_KEY_CHANGED: Final = Rule(
    "audit.key-changed",
    "The sealing key {key_id} is not the key of the newest seal.",
    "Restore the right key from a copy of the instance folder.",
)
BATCH: Final = 256  # most events in a seal: a path then has 8 hashes
_ROUNDS: Final = 400  # per call; the next call continues


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the document as JSON (RFC 8259) in ASCII: members sorted by name, no blanks, \\uXXXX in lower case.

    As RFC 8785, except for characters outside ASCII: this form exists for every text that Python can
    hold, including half a surrogate pair, so that no event can prevent sealing.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def moment(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC, with a fraction only if it has one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def event_document(event: RecordedEvent) -> dict[str, Any]:
    """Return the sealed part of an event: everything except its place."""
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
    """Return the signed part of a seal; `key` is the fingerprint of the public key."""
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


def make_seal(
    events: Sequence[RecordedEvent], before: Seal | None, at: datetime, key: ec.EllipticCurvePrivateKey
) -> Seal:
    """Return the seal over these events, in the order of their numbers, that follows the seal `before`."""
    leaves = [leaf_of(event) for event in events]
    seal = Seal(
        number=before.number + 1 if before else 1,
        first=events[0].id,
        last=events[-1].id,
        count=len(events),
        root=merkle.Tree(leaves).root,
        previous=seal_hash(before) if before else NO_SEAL,
        at=at,
        public_key=keys.public_key_der(key.public_key()),
        leaves=b"".join(leaves),
    )
    return replace(seal, signature=sign(unsigned(seal), key))


def leaf_of(event: RecordedEvent) -> bytes:
    """Return the leaf hash of an event."""
    return merkle.leaf_hash(canonical(event_document(event)))


def tree_of(seal: Seal) -> merkle.Tree:
    """Return the tree over the leaves at the time of sealing."""
    size = _HASH_SIZE
    return merkle.Tree([seal.leaves[at : at + size] for at in range(0, len(seal.leaves), size)] or [NO_SEAL])


def unsigned(seal: Seal) -> dict[str, Any]:
    """Return the signed part of a seal."""
    return seal_document(seal, keys.key_fingerprint(seal.public_key))


def signed(seal: Seal) -> dict[str, Any]:
    """Return the seal as it is exported: its signed part and the signature."""
    return unsigned(seal) | {"signature": seal.signature.hex()}


def seal_hash(seal: Seal) -> bytes:
    """Return the hash of a seal, by which the next seal and every anchor refer to it."""
    return document_hash(signed(seal))


def document_hash(document: dict[str, Any]) -> bytes:
    """Return the hash of an exported seal."""
    return hashlib.sha256(b"\x02" + canonical(document)).digest()


def key_document(public_key: bytes) -> dict[str, Any]:
    """Return the public key (SubjectPublicKeyInfo, DER) with its algorithm and fingerprint."""
    return {
        "id": KEY_ID,
        "algorithm": ALGORITHM,
        "fingerprint": keys.key_fingerprint(public_key),
        "public_key": public_key.hex(),
    }


def sign(document: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the signature over the canonical bytes of a document: ECDSA with SHA-256, DER."""
    return key.sign(canonical(document), _ECDSA)


def leads_to(seal: dict[str, Any], event: dict[str, Any], position: int, path: Sequence[str]) -> bool:
    """Return whether this path (hexadecimal) leads from the event to the root of the seal, both as exported."""
    if not seal["first"] <= event["id"] <= seal["last"]:
        return False
    try:
        root = merkle.root_of(
            merkle.leaf_hash(canonical(event)), position, seal["count"], list(map(bytes.fromhex, path))
        )
    except ValueError:
        return False
    return bool(root.hex() == seal["root"])


def is_signed(document: dict[str, Any], signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether this is the key's signature over the document."""
    try:
        key.verify(signature, canonical(document), _ECDSA)
    except InvalidSignature:
        return False
    return True


def read_key(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key in these DER bytes. Raises ValueError for any key that cannot be a sealing key."""
    try:
        key = load_der_public_key(public_key)
    except UnsupportedAlgorithm as error:
        raise ValueError("of an unknown kind") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or keys.curve_name(key) != CURVE:
        raise ValueError("not a key on P-256")
    if keys.public_key_der(key) != public_key:
        raise ValueError("not in canonical encoding")
    return key


class Sealing:
    """Seals events. Safe to call in parallel: one caller seals, the others wait and find it done."""

    def __init__(self, events: EventStore, keystore: KeyStore, clock: Clock) -> None:
        self._events = events
        self._keystore = keystore
        self._clock = clock

    @property
    def has_begun(self) -> bool:
        """Whether anything was sealed here, even if its seals are gone: the key is made for the first one."""
        return self._keystore.has(KEY_ID) or self._events.find_head() is not None

    def require_key(self) -> None:
        """Raise KeystoreError if the key of the newest seal is missing, Conflict for another one; it makes none."""
        if head := self._events.find_head():
            self.key(head)

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

    def sealed(self, event: str, subjects: Collection[str]) -> tuple[tuple[RecordedEvent, ...], tuple[Seal, ...]]:
        """Return the oldest event of this name about each of these subjects, as far as there is one, and their seals.

        Those without a seal are sealed in groups with the newest others, so that a caller waits for a seal or a few,
        however many older events wait, and often finds that another caller has sealed its events.
        """
        found, made = self._events.find_events(event, subjects), dict[int, Seal]()
        while waiting := [each.id for each in found if each.seal is None]:
            group = self._seal_group(max(waiting))
            if group is None:  # another caller has sealed it
                found = self._events.find_events(event, subjects)
            else:
                seal, events = group
                made[seal.number], ours = seal, {each.id: each for each in events}
                found = tuple(ours.get(each.id, each) for each in found)
        others = {each.seal for each in found if each.seal is not None} - made.keys()
        return found, (*made.values(), *self._events.find_seals(others))

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
                self._seal(events)
        return len(events)

    def _seal_group(self, wanted: int) -> tuple[Seal, tuple[RecordedEvent, ...]] | None:
        """Seal this event with the newest others; return all, or None if another caller has sealed it meanwhile."""
        with self._events.one_sealer():
            for until in (None, wanted):  # it is among the newest, or many are newer
                events = self._events.list_last_unsealed(BATCH, until)
                if any(each.id == wanted for each in events):
                    return self._seal(events)
        return None

    def _seal(self, events: Sequence[RecordedEvent]) -> tuple[Seal, tuple[RecordedEvent, ...]]:
        """Seal these events in this order; return the seal, and the events with their places."""
        head = self._events.find_head()
        seal = make_seal(events, head, self._clock(), self.key(head))
        self._events.add_seal(seal, events)
        return seal, tuple(replace(each, seal=seal.number, position=at) for at, each in enumerate(events))
