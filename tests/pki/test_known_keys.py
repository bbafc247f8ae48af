"""Keys whose private key is public are known as such."""

from __future__ import annotations

import contextlib
import itertools
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki import keys
from ca_service.pki.keys import has_known_private_key
from ca_service.pki.known_keys import END, PRINTED_KEYS, TINY, ends_of

ORDERS: Final = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": int("f" * 48 + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
    "P-521": int("1" + "f" * 65 + "a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", 16),
}
#: The first 20 bytes of x, as the RFC prints the public key.
PUBLIC: Final = (
    ("P-256", "RFC 6979, A.2.5", "60fed4ba255a9d31c961eb74c6356d68c049b892"),
    ("P-384", "RFC 6979, A.2.6", "ec3a4e415b4e19a4568618029f427fa5da9a8bc4"),
    ("P-521", "RFC 6979, A.2.7", "01894550d0785932e00eaa23b694f213f8c3121f"),
    ("P-256", "RFC 4754, 8.1", "2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60c"),
    ("P-384", "RFC 4754, 8.2", "96281bf8dd5e0525ca049c048d345d3082968d10"),
    ("P-256", "RFC 5903, 8.1", "dad0b65394221cf9b051e1feca5787d098dfe637"),
    ("P-256", "RFC 5903, 8.1", "d12dfb5289c8d4f81208b70270398c342296970a"),
    ("P-384", "RFC 5903, 8.2", "667842d7d180ac2cde6f74f37551f55755c7645c"),
    ("P-384", "RFC 5903, 8.2", "e558dbef53eecde3d3fccfc1aea08a89a987475d"),
    ("P-256", "RFC 7515, A.3", "7fcdce2770f6c45d4183cbee6fdb4b7b58073335"),
    ("P-521", "RFC 7515, A.4", "01e929050f124fc6bc55c7d5393365df9def4ab0"),
    ("P-256", "RFC 7517, A.2", "30a0424cd21c2944838a2d75c92b37e76ea20d9f"),
    ("P-521", "RFC 7520, 3.2", "0072992cb3ac08ecf3e5c63dedec0d51a8c1f79e"),
    ("P-256", "RFC 9500, 2.3", "422548f88fb782ffb5eca3744452c72a1e558fbd"),
    ("P-384", "RFC 9500, 2.3", "5b0901b88523296eb919d50ffa1a9cb374bc4d40"),
    ("P-521", "RFC 9500, 2.3", "01d0fd7257a84c747f562575c07385dbebf2f52b"),
    ("P-256", "RFC 9421, B.1.3", "a885586552c2acf6471878cfd7b0935b4ffe0fd2"),
)


@pytest.mark.parametrize("curve", keys.CURVES)
@pytest.mark.parametrize("number", [1, 2, 3, 255, 256])
def test_a_tiny_key_and_its_negative_are_known(curve: str, number: int) -> None:
    for private in (number, ORDERS[curve] - number):
        assert has_known_private_key(ec.derive_private_key(private, keys.CURVES[curve]()).public_key())


def test_the_keys_are_those_that_the_standards_print() -> None:
    found = {
        (curve, f"{_public(curve, number).public_numbers().x:0{len(number)}x}"[:40])
        for curve, numbers in PRINTED_KEYS.items()
        for number in numbers
    }
    assert found == {(curve, x) for curve, _, x in PUBLIC}


@pytest.mark.parametrize(
    ("curve", "number"), [(curve, number) for curve in PRINTED_KEYS for number in PRINTED_KEYS[curve]]
)
def test_a_key_of_a_standard_is_known(curve: str, number: str) -> None:
    assert has_known_private_key(_public(curve, number))


@pytest.mark.parametrize("curve", keys.CURVES)
def test_the_table_that_is_looked_at_first_has_all_known_keys_and_no_others(curve: str) -> None:
    numbers = [f"{number:x}" for number in range(1, TINY + 1)]
    known = [_public(curve, number).public_numbers().x for number in (*numbers, *PRINTED_KEYS[curve])]
    assert ends_of(curve) == {x & END for x in known}


@pytest.mark.parametrize("curve", keys.CURVES)
def test_a_key_with_the_end_of_a_known_one_is_not_known(curve: str) -> None:
    end = _public(curve, "1").public_numbers().x & END
    assert not has_known_private_key(_key_with_end(curve, end))


@pytest.mark.parametrize("curve", keys.CURVES)
def test_a_new_key_is_not_known(curve: str) -> None:
    assert not has_known_private_key(keys.generate_key(curve).public_key())


def test_a_key_on_another_curve_is_none_of_them() -> None:
    assert not has_known_private_key(ec.derive_private_key(1, ec.SECP256K1()).public_key())


def _public(curve: str, number: str) -> ec.EllipticCurvePublicKey:
    return ec.derive_private_key(int(number, 16), keys.CURVES[curve]()).public_key()


def _key_with_end(curve: str, end: int) -> ec.EllipticCurvePublicKey:
    """The first point of the curve, by its x, whose x ends so, with something before it."""
    size = (keys.CURVES[curve]().key_size + 7) // 8
    for start in itertools.count(1):
        with contextlib.suppress(ValueError):  # about half of all numbers are no x of a point
            encoded = b"\x02" + (start << 24 | end).to_bytes(size, "big")
            return ec.EllipticCurvePublicKey.from_encoded_point(keys.CURVES[curve](), encoded)
    raise AssertionError
