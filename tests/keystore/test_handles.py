"""Handles of keys: they sign, and never reveal the key."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca_service.errors import KeystoreError
from ca_service.keystore.encrypted import SigningHandle

KEY = ec.generate_private_key(ec.SECP256R1())
HANDLE = SigningHandle(KEY)
Attempt = Callable[[SigningHandle], object]


@pytest.mark.parametrize(
    "attempt",
    [
        lambda handle: handle.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        lambda handle: handle.private_bytes(encoding=Encoding.DER, format=PrivateFormat.PKCS8),
        lambda handle: handle.private_numbers(),
        lambda handle: handle.exchange(ec.ECDH(), KEY.public_key()),
        pickle.dumps,
        lambda handle: pickle.dumps({"nested": [handle]}, protocol=0),
        lambda handle: handle.__reduce_ex__(4),
    ],
    ids=["bytes", "bytes by name", "numbers", "exchange", "pickle", "pickle nested", "reduce"],
)
def test_the_key_is_not_handed_out(attempt: Attempt) -> None:
    with pytest.raises(KeystoreError) as caught:
        attempt(HANDLE)
    assert caught.value.rule == "key.not-exportable"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda handle: copy.deepcopy([handle])[0]])
def test_a_copy_is_the_same_handle(duplicate: Attempt) -> None:
    assert duplicate(HANDLE) is HANDLE


def test_it_shows_its_curve_and_nothing_else() -> None:
    assert repr(HANDLE) == str(HANDLE) == "<SigningHandle secp256r1>"
    assert (HANDLE.curve.name, HANDLE.key_size) == ("secp256r1", 256)


def test_it_signs_as_the_key_does() -> None:
    algorithm = ec.ECDSA(hashes.SHA256())
    KEY.public_key().verify(HANDLE.sign(b"data", algorithm), b"data", algorithm)
    assert HANDLE.public_key() == KEY.public_key()
