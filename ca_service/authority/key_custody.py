"""Custody of authority keys: stored before use, found again after a crash."""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import Conflict, InvalidInput, NotReady, Rule
from ca_service.pki import keys

AUTHORITY_KEY_CURVE: Final = Rule(
    "authority.key-curve",
    "An earlier run has stored the key {key_id} on {found}, but {curve} is requested now.",
    "Run it again with the curve {found}, or move that key file away.",
)
AUTHORITY_CURVE: Final = Rule(
    "authority.curve",
    "The curve {curve} is not allowed for the key of an authority.",
    "Use one of: {known}.",
)
AUTHORITY_KEY_FOREIGN: Final = Rule(
    "authority.key-foreign",
    "The private key {key_id} does not belong to its certificate. Nothing was signed.",
    "Restore the folder keys/ from the same backup as the database.",
)


class KeyStore(Protocol):
    """Custody of private keys. Callers get signing keys whose bytes cannot be read."""

    def has(self, key_id: str) -> bool:
        """Return whether a key of this name is stored here."""

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """Create a key and store it before it is used. Raises Conflict if the name is taken."""

    def store(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Store a key from elsewhere. Raises Conflict if the name is taken."""

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """Return the key, to sign with. Raises KeystoreError if it is not available."""

    def export(self, key_id: str, passphrase: bytes) -> bytes:
        """Return the key as PKCS#8, PEM, encrypted under another passphrase; not every store can."""

    def remove(self, key_id: str) -> None:
        """Delete the key permanently."""

    def list_keys(self) -> tuple[str, ...]:
        """Return the names of all keys that are stored here, sorted."""

    def installation_id(self) -> str:
        """Return the id of the installation to which the keys belong; empty if none is kept yet."""

    def begun_id(self) -> str:
        """Return the id of the installation that has begun to make keys here; empty for none, or if it is whole."""

    def begin(self, installation_id: str) -> None:
        """Note that this installation begins to make keys here. Idempotent; replaces an earlier note."""

    def keep_installation_id(self, installation_id: str) -> None:
        """Keep the id beside the keys, permanently, and delete the note of `begin`. Idempotent."""


def check_curve(curve: str) -> None:
    """Raise InvalidInput for a curve that is not allowed for authorities."""
    if curve not in keys.AUTHORITY_CURVES:
        raise InvalidInput(AUTHORITY_CURVE.at("/curve", curve=curve, known=", ".join(keys.AUTHORITY_CURVES)))


def own_key(keystore: KeyStore, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
    """Return a new key, or the one that an earlier run has left. Raises Conflict if that is on another curve."""
    if not keystore.has(key_id):
        return keystore.generate(key_id, curve)
    key = keystore.signer(key_id)
    if keys.curve_name(key) != curve:
        raise Conflict.because(AUTHORITY_KEY_CURVE, key_id=key_id, found=keys.curve_name(key), curve=curve)
    return key


def signer_of(keystore: KeyStore, key_id: str | None, public_key: object) -> ec.EllipticCurvePrivateKey:
    """Return the key that belongs to a certificate with this public key. Every signature of the service starts here.

    The key store has read the key once; to compare it takes microseconds. Raises KeystoreError if it is not available,
    NotReady if it is the key of another certificate: relying parties would refuse what it signs.
    """
    key = keystore.signer(key_id or "")
    if key.public_key() != public_key:
        raise NotReady.because(AUTHORITY_KEY_FOREIGN, key_id=key_id)
    return key


def keep_imported(keystore: KeyStore, role: str, key: ec.EllipticCurvePrivateKey) -> str:
    """Store an imported key; return its name here.

    The name is derived from the key, so repeating an interrupted import finishes it, and its remains are never
    mistaken for a key of our own.
    """
    key_id = f"{role}-{keys.key_fingerprint(keys.public_key_der(key.public_key()))[:16]}"
    if not keystore.has(key_id):
        keystore.store(key_id, key)
    return key_id
