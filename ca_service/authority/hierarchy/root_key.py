"""Taking the root key offline: export, verification, and only then removal.

A crash leaves the key either only here, or both here and in the copy: `remove` verifies the copy
itself before it deletes the key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import AUTHORITY_MISSING, certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.key_custody import KeyStore
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, NotFound, Refused, Rule
from ca_service.pki import encodings, keys

PASSPHRASE_LENGTH: Final = Rule(
    "passphrase.length",
    "The passphrase has {length} bytes.",
    "Use {least} to {most} bytes. The passphrase protects the root for its whole lifetime.",
)
ROOT_KEY_MISMATCH: Final = Rule(
    "root-key.mismatch",
    "The copy holds a key, but not the key of this root.",
    "Export the key again, and store the copy separately from others.",
)
ROOT_KEY_NEEDED: Final = Rule(
    "root-key.needed",
    "The key of the root is still needed: there is no intermediate yet.",
    "Complete `ca-service init` first.",
)
ROOT_KEY_OFFLINE: Final = Rule(
    "root-key.offline",
    "The key of the root is not on this machine.",
    "It was removed, or was never here. To sign with it, use the offline copy.",
)

MIN_PASSPHRASE: Final = 20  # bytes; the maximum is encodings.MAX_PASSPHRASE


class RootKey:
    """Exports, verifies and removes the root key."""

    def __init__(self, issuers: IssuerStore, keystore: KeyStore, clock: Clock) -> None:
        self._issuers = issuers
        self._keystore = keystore
        self._clock = clock

    def export(self, actor: Actor, passphrase: bytes) -> bytes:
        """Return the root key as PKCS#8, PEM, encrypted under this passphrase."""
        require(actor, Action.AUTHORITY)
        if not MIN_PASSPHRASE <= len(passphrase) <= encodings.MAX_PASSPHRASE:
            raise Refused.because(
                PASSPHRASE_LENGTH, length=len(passphrase), least=MIN_PASSPHRASE, most=encodings.MAX_PASSPHRASE
            )
        with self._issuers.exclusively():
            root, key_id = self._root_with_key()
            exported = self._keystore.export(key_id, passphrase)
            self._issuers.save_issuers([root], self._event(Event.ROOT_KEY_EXPORTED, actor, root))
        return exported

    def verify(self, copy: bytes, passphrase: bytes) -> IssuerRecord:
        """Check that this copy is readable, is the root key, and signs. Raises Refused otherwise.

        It reveals nothing that the holder of the copy does not know, so it needs no actor.
        """
        root = self._root()
        key = encodings.load_private_key(copy, passphrase)
        if key.public_key() != certificate_of(root).public_key():
            raise Refused.because(ROOT_KEY_MISMATCH)
        algorithm = ec.ECDSA(keys.signature_hash(key.public_key()))
        key.public_key().verify(key.sign(b"proof", algorithm), b"proof", algorithm)
        return root

    def remove(self, actor: Actor, copy: bytes, passphrase: bytes) -> None:
        """Delete the root key here, after this copy has been verified."""
        require(actor, Action.AUTHORITY)
        with self._issuers.exclusively():
            root, key_id = self._root_with_key()
            self.verify(copy, passphrase)
            self._refuse_if_needed()
            self._keystore.remove(key_id)  # idempotent, and first: after a crash here, running it again finishes
            without = replace(root, key_id=None)
            self._issuers.save_issuers([without], self._event(Event.ROOT_KEY_REMOVED, actor, root))

    def _refuse_if_needed(self) -> None:
        if not any(record.is_issuing for record in self._issuers.list_issuers()):
            raise Conflict.because(ROOT_KEY_NEEDED)

    def _root(self) -> IssuerRecord:
        root = next((found for found in self._issuers.list_issuers() if found.role == "root"), None)
        if root is None:
            raise NotFound.because(AUTHORITY_MISSING)
        return root

    def _root_with_key(self) -> tuple[IssuerRecord, str]:
        root = self._root()
        if root.key_id is None:
            raise NotFound.because(ROOT_KEY_OFFLINE)
        return root, root.key_id

    def _event(self, event: Event, actor: Actor, root: IssuerRecord) -> AuditEvent:
        return AuditEvent.by(actor, self._clock(), event, root.id)
