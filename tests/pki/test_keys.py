"""EC keys: curves, hashes, identifiers."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ca_service.pki import keys
from tests.support import refused_requests


@pytest.mark.parametrize(("curve", "hash_name"), [("P-256", "sha256"), ("P-384", "sha384"), ("P-521", "sha512")])
def test_the_hash_is_as_strong_as_the_curve(curve: str, hash_name: str) -> None:
    key = keys.generate_key(curve).public_key()

    assert keys.curve_name(key) == curve
    assert keys.signature_hash(key).name == hash_name
    assert keys.signature_algorithm(key).algorithm is keys.signature_hash(key)


def test_a_curve_without_a_nist_name_here_keeps_its_own() -> None:
    assert keys.curve_name(ec.generate_private_key(ec.SECP256K1())) == "secp256k1"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (keys.generate_key("P-384").public_key(), "EC P-384"),
        (refused_requests.rsa_key().public_key(), "RSA 2048"),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "Ed25519"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_key_has_a_name_for_readers(key: object, name: str) -> None:
    assert keys.kind_name(key) == name


def test_the_key_identifier_is_the_one_of_rfc_5280() -> None:
    key = keys.generate_key("P-256").public_key()

    identifier = keys.subject_key_identifier(keys.public_key_der(key))

    assert identifier == x509.SubjectKeyIdentifier.from_public_key(key).digest


def test_the_key_fingerprint_is_the_sha256_of_its_der() -> None:
    der = keys.public_key_der(keys.generate_key("P-256").public_key())

    assert keys.key_fingerprint(der) == hashlib.sha256(der).hexdigest()
