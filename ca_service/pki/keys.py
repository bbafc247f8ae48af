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
from ca_service.pki.known_keys import END, PRINTED_KEYS, TINY, ends_of

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
    name, x = curve_name(key), key.public_numbers().x
    return name in CURVES and x & END in ends_of(name) and x in _known(name)


@cache
def _known(curve: str) -> frozenset[int]:
    """Return the x of all these keys; computed once for each curve, which takes a tenth of a second."""
    printed = (int(number, 16) for number in PRINTED_KEYS[curve])
    return frozenset(
        ec.derive_private_key(number, CURVES[curve]()).public_key().public_numbers().x
        for number in (*range(1, TINY + 1), *printed)
    )


def _refused(rule: Rule, **values: object) -> Refused:
    return Refused(rule.at("/public_key", **values))
