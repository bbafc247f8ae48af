"""Knows how the key of an authority is kept before it is used, and found again after a crash."""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import Conflict, InvalidInput, Rule
from ca_service.pki import keys

AUTHORITY_KEY_CURVE: Final = Rule(
    "authority.key-curve",
    "An earlier run has left the key {key_id} on {found}, but {curve} is wanted now.",
    "Run it again with the curve {found}, or move that key file away.",
)
AUTHORITY_CURVE: Final = Rule(
    "authority.curve",
    "An authority cannot have a key on {curve}.",
    "Use one of: {known}.",
)


class KeyStore(Protocol):
    """Custody of private keys. What it hands out signs, and cannot be turned into bytes."""

    def has(self, key_id: str) -> bool:
        """Whether a key of this name is kept here."""

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """Make a key and keep it before it is used; raises Conflict if there is one of that name."""

    def store(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Keep a key that comes from elsewhere; raises Conflict if there is one of that name."""

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """The key, to sign with; raises KeystoreError if it cannot be had."""

    def export(self, key_id: str, passphrase: bytes) -> bytes:
        """The key as PKCS#8, PEM, encrypted under another passphrase; not every store can."""

    def remove(self, key_id: str) -> None:
        """Forget the key for good."""


def check_curve(curve: str) -> None:
    """Raise InvalidInput for a curve that is not for authorities."""
    if curve not in keys.AUTHORITY_CURVES:
        raise InvalidInput(AUTHORITY_CURVE.at("/curve", curve=curve, known=", ".join(keys.AUTHORITY_CURVES)))


def own_key(keystore: KeyStore, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
    """A new key, or the one that a run before this has left; raises Conflict if that is on another curve."""
    if not keystore.has(key_id):
        return keystore.generate(key_id, curve)
    key = keystore.signer(key_id)
    if keys.curve_name(key) != curve:
        raise Conflict.because(AUTHORITY_KEY_CURVE, key_id=key_id, found=keys.curve_name(key), curve=curve)
    return key


def keep_imported(keystore: KeyStore, role: str, key: ec.EllipticCurvePrivateKey) -> str:
    """Keep a key that was made elsewhere; return its name here.

    The name tells the key, so that an interrupted import is finished by the same one, and what it
    left is never taken for a key of our own.
    """
    key_id = f"{role}-{keys.key_fingerprint(keys.public_key_der(key.public_key()))[:16]}"
    if not keystore.has(key_id):
        keystore.store(key_id, key)
    return key_id
