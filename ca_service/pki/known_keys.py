"""EC keys whose private key is public: the smallest ones, and those that standards print as examples.

A key that was copied from an example or a test suite belongs to every reader of it, and a broken generator
returns a tiny one. A key and its negative have the same x, so both are found.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

_TINY: Final = 256  # private keys from 1 to this one, and their negatives
#: Private keys, hexadecimal, in the RFC named above them.
PRINTED: Final[dict[str, tuple[str, ...]]] = {
    "P-256": (
        # RFC 4754, 8.1
        "dc51d3866a15bacde33d96f992fca99da7e6ef0934e7097559c27f1614c88a7f",
        # RFC 5903, 8.1
        "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
        "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
        # RFC 6979, A.2.5
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        # RFC 7515, A.3
        "8e9b109e719098bf980487df1f5d77e9cb29606ebed2263b5f57c213df84f4b2",
        # RFC 7517, A.2
        "f3bd0c07a81fb932781ed52752f60cc89a6be5e51934fe01938ddb55d8f77801",
        # RFC 9421, B.1.3
        "529b85f3597e90ec5b8dfed3e26352bf4af9b4debb1a29bbae77fa105a5c603b",
        # RFC 9500, 2.3
        "e6cb5bdd80aa45ae9c95e8c15476679ffec953c16851e711e743939589c64fc1",
    ),
    "P-384": (
        # RFC 4754, 8.2
        "0beb646634ba87735d77ae4809a0ebea865535de4c1e1dcb692e84708e81a5af62e528c38b2a81b35309668d73524d9f",
        # RFC 5903, 8.2
        "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
        "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
        # RFC 6979, A.2.6
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
        # RFC 9500, 2.3
        "e2563328dfabf68188606b91324281c1d58a4456431b09d510b35fecc9f307ca1822846fa2671371a9a81bac0e35749d",
    ),
    "P-521": (
        # RFC 6979, A.2.7
        "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc"
        "1466f6d8fbec67db89ec0c08b0e996b83538",
        # RFC 7515, A.4
        "018e696fb034505881dd110b483eb87d32ce495fe36b3745edf2d8cae4f0f2539f4615a0e98eab52b3c0c5eac4ce0751"
        "85a8e7bb47deac1d1de77bccf66135e63d82",
        # RFC 7520, 3.2
        "00085138ddabf5ca975f5860f91a08e91d6d5f9a76ad4018766a476680b55cd339e8ab6c72b5facdb2a2a50ac25bd086"
        "647dd3e2e6e99e84ca2c3609fdf177feb26d",
        # RFC 9500, 2.3
        "01d924dcca0a887f8d99767a37d874e637a12ccb477d6e08665356694d68b7655e5069638fde7b45c854013dc77a35b1"
        "8655b84c966a60220d40f91ed9f5145802ea",
    ),
}
_CURVES: Final = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


def has_known_private_key(key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the private key to this key on P-256, P-384 or P-521 is public."""
    curve = next((name for name, curve in _CURVES.items() if curve.name == key.curve.name), None)
    return curve is not None and key.public_numbers().x in _known(curve)


@cache
def _known(curve: str) -> frozenset[int]:
    """Return the x of all these keys; computed once for each curve, when it is needed."""
    printed = (int(number, 16) for number in PRINTED[curve])
    return frozenset(
        ec.derive_private_key(number, _CURVES[curve]).public_key().public_numbers().x
        for number in (*range(1, _TINY + 1), *printed)
    )
