"""EC keys: their curves, names, hashes and identifiers, and which keys a CSR may have."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_service.errors import Refused, Rule
from ca_service.pki import der

SIGNING_KEY: Final = Rule(
    "signing.key",
    "The private key does not belong to the issuer.",
    "Check the keys with `ca-service ca show`.",
)

_EC_KEY: Final = "Create a new CSR with an EC key on the named curve P-256 or P-384, with an uncompressed point."
CSR_KEY_EXPLICIT_PARAMETERS: Final = Rule(
    "csr.key.explicit-parameters",
    "The EC key spells out its curve instead of naming it, which RFC 5480, 2.1.1 forbids.",
    _EC_KEY,
)
CSR_KEY_INVALID: Final = Rule(
    "csr.key.invalid",
    "The public key cannot be used: it is damaged, not a point of its curve, or of an unknown kind.",
    _EC_KEY,
)
CSR_KEY_RSA: Final = Rule(
    "csr.key.rsa",
    "This CSR has an RSA key ({size} bit). This authority is EC from root to leaf.",
    "If it is from a Cisco node, download the CSR whose purpose ends in -ECDSA instead, such as tomcat-ECDSA. "
    "Have your RSA authority sign this one.",
)
CSR_KEY_TYPE: Final = Rule("csr.key.type", "This CSR has a key of the kind {kind}.", _EC_KEY)
CSR_KEY_CURVE: Final = Rule("csr.key.curve", "The key is on the curve {curve}.", _EC_KEY)
CSR_KEY_POINT: Final = Rule(
    "csr.key.point",
    "The point of the public key is compressed, so it cannot be copied unchanged.",
    _EC_KEY,
)
CSR_KEY_KNOWN: Final = Rule(
    "csr.key.known",
    "The private key of the CSR is public: it is tiny, or a standard prints it as an example.",
    "Create a new CSR with a new key from a good random generator.",
)

CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
AUTHORITY_CURVES: Final = ("P-256", "P-384")
_NAMES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
SignatureHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_HASHES: Final[dict[str, SignatureHash]] = {
    "P-256": hashes.SHA256(),
    "P-384": hashes.SHA384(),
    "P-521": hashes.SHA512(),
}
_EC_PUBLIC_KEY: Final = bytes.fromhex("2a8648ce3d0201")  # 1.2.840.10045.2.1
_UNCOMPRESSED: Final = 0x04  # SEC 1, 2.3.3
_SIGNATURE_ALGORITHMS: Final = {curve: ec.ECDSA(hash_) for curve, hash_ in _HASHES.items()}

_TINY: Final = 256  # private keys from 1 to this one, and their negatives
#: Private keys, hexadecimal, that standards print as examples: each in the RFC named above it.
PRINTED_KEYS: Final[dict[str, tuple[str, ...]]] = {
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


def curve_name(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the NIST name of the key's curve ("P-384"), or OpenSSL's for one that has none here."""
    return _NAMES.get(key.curve.name, key.curve.name)


def signature_hash(key: ec.EllipticCurvePublicKey) -> SignatureHash:
    """Return the hash that a signer on this curve uses: as strong as the curve (RFC 5480, 4)."""
    return _HASHES[curve_name(key)]


def signature_algorithm(key: ec.EllipticCurvePublicKey) -> ec.ECDSA:
    """Return ECDSA with the hash that a signer on this curve uses."""
    return _SIGNATURE_ALGORITHMS[curve_name(key)]


def has_named_curve(spki: bytes) -> bool:
    """Return whether an EC SubjectPublicKeyInfo, DER, names its curve instead of spelling it out (RFC 5480, 2.1.1)."""
    algorithm = der.read(spki)[0].children[0]
    return len(algorithm.children) > 1 and algorithm.children[1].tag == der.OBJECT_IDENTIFIER


def kind_name(key: object) -> str:
    """Return the kind of a public key, for a reader: "EC P-384", "RSA 2048", "Ed25519"."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {curve_name(key)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")


def generate_key(curve: str) -> ec.EllipticCurvePrivateKey:
    """Generate a private key on the curve of this NIST name."""
    return ec.generate_private_key(CURVES[curve]())


@lru_cache(maxsize=32)  # the builder and the lint ask for the same ones
def subject_key_identifier(spki: bytes) -> bytes:
    """Return the SHA-1 of the key's bits in a SubjectPublicKeyInfo, DER (RFC 5280, 4.2.1.2, method 1)."""
    bits = der.read(spki)[0].children[1].content[1:]
    return hashlib.sha1(bits, usedforsecurity=False).digest()


def public_key_der(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo, DER, with the curve by name and the point uncompressed."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_fingerprint(spki: bytes) -> str:
    """Return the SHA-256 of a SubjectPublicKeyInfo, DER, as lower-case hexadecimal."""
    return hashlib.sha256(spki).hexdigest()


def key_of_csr(key: PublicKeyTypes | None, spki: der.Element) -> ec.EllipticCurvePublicKey:
    """Return the key of a CSR: EC, on a named curve, its point uncompressed, its private key secret.

    Raises Refused for every other kind, and for None, which is one that cannot be read.
    """
    algorithm, bits = spki.children
    if algorithm.children[0].content == _EC_PUBLIC_KEY and not has_named_curve(spki.der):
        raise _refused(CSR_KEY_EXPLICIT_PARAMETERS)
    if key is None:
        raise _refused(CSR_KEY_INVALID)
    if isinstance(key, rsa.RSAPublicKey):
        raise _refused(CSR_KEY_RSA, size=key.key_size)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _refused(CSR_KEY_TYPE, kind=kind_name(key))
    if curve_name(key) not in CURVES:
        raise _refused(CSR_KEY_CURVE, curve=curve_name(key))
    if bits.content[1] != _UNCOMPRESSED:
        raise _refused(CSR_KEY_POINT)
    if has_known_private_key(key):
        raise _refused(CSR_KEY_KNOWN)
    return key


def has_known_private_key(key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the private key to this key on P-256, P-384 or P-521 is public.

    A key that was copied from an example belongs to every reader of it, and a broken generator returns a tiny one. A
    key and its negative have the same x, so both are found.
    """
    name = curve_name(key)
    return name in CURVES and key.public_numbers().x in _known(name)


@cache
def _known(curve: str) -> frozenset[int]:
    """Return the x of all these keys; computed once for each curve, when it is needed."""
    printed = (int(number, 16) for number in PRINTED_KEYS[curve])
    return frozenset(
        ec.derive_private_key(number, CURVES[curve]()).public_key().public_numbers().x
        for number in (*range(1, _TINY + 1), *printed)
    )


def _refused(rule: Rule, **values: object) -> Refused:
    return Refused(rule.at("/public_key", **values))
