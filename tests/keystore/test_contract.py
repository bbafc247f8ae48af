"""The contract of key stores, for the fake and encrypted files."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ca_service.authority.key_custody import KeyStore
from ca_service.errors import Conflict, KeystoreError
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.pki import keys
from tests.support.certificates import common_name
from tests.support.fakes import InMemoryKeyStore

PASSPHRASE = b"a long enough passphrase"


@pytest.fixture(params=["fake", "real"])
def keystore(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    """A key store without keys."""
    if request.param == "fake":
        return InMemoryKeyStore()
    folder = tmp_path / "keys"
    return EncryptedFileKeyStore(folder, folder / "passphrase", may_create_passphrase=True)


@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_a_generated_key_is_on_its_curve_and_kept(keystore: KeyStore, curve: str) -> None:
    key = keystore.generate("root-g1", curve)
    assert keys.curve_name(key) == curve
    assert keystore.has("root-g1")
    assert keystore.signer("root-g1").public_key() == key.public_key()


def test_a_key_from_elsewhere_is_kept(keystore: KeyStore) -> None:
    key = keys.generate_key("P-256")
    keystore.store("root-g1", key)
    assert keystore.signer("root-g1").public_key() == key.public_key()


def test_no_key_is_ever_replaced(keystore: KeyStore) -> None:
    first = keystore.generate("root-g1", "P-256").public_key()
    with pytest.raises(Conflict):
        keystore.generate("root-g1", "P-256")
    with pytest.raises(Conflict):
        keystore.store("root-g1", keys.generate_key("P-256"))
    assert keystore.signer("root-g1").public_key() == first


def test_a_key_that_is_not_here_cannot_be_had(keystore: KeyStore) -> None:
    assert not keystore.has("root-g1")
    with pytest.raises(KeystoreError) as caught:
        keystore.signer("root-g1")
    assert caught.value.rule == "key.missing"
    with pytest.raises(KeystoreError):
        keystore.export("root-g1", PASSPHRASE)


def test_what_a_key_signs_its_public_half_verifies(keystore: KeyStore) -> None:
    key, algorithm = keystore.generate("root-g1", "P-384"), ec.ECDSA(hashes.SHA384())
    key.public_key().verify(key.sign(b"data", algorithm), b"data", algorithm)


def test_a_key_signs_what_cryptography_builds(keystore: KeyStore) -> None:
    key = keystore.generate("root-g1", "P-256")
    csr = x509.CertificateSigningRequestBuilder().subject_name(common_name("x")).sign(key, hashes.SHA256())
    assert csr.is_signature_valid


def test_an_exported_key_is_the_same_key_under_its_own_passphrase(keystore: KeyStore) -> None:
    key = keystore.generate("root-g1", "P-256")
    exported = keystore.export("root-g1", PASSPHRASE)
    assert load_pem_private_key(exported, PASSPHRASE).public_key() == key.public_key()
    with pytest.raises(ValueError, match=r"password|decrypt"):
        load_pem_private_key(exported, b"another passphrase")


def test_a_removed_key_is_gone_and_its_name_is_free(keystore: KeyStore) -> None:
    first = keystore.generate("root-g1", "P-256").public_key()
    keystore.remove("root-g1")
    assert not keystore.has("root-g1")
    with pytest.raises(KeystoreError):
        keystore.signer("root-g1")
    assert keystore.generate("root-g1", "P-256").public_key() != first


def test_removing_what_is_gone_is_no_error(keystore: KeyStore) -> None:
    keystore.generate("root-g1", "P-256")
    keystore.remove("root-g1")
    keystore.remove("root-g1")
