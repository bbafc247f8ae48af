"""Knows how to write a PKCS#10 request (RFC 2986) field by field, also a wrong one, and to sign it."""

from __future__ import annotations

import base64
import textwrap
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support import asn1

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Hash = hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
Attribute = tuple[str, int, str]  # type, tag of the string, value

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"
BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, ALTERNATIVE_NAME = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"
NAME_TYPES = {"C": "2.5.4.6", "ST": "2.5.4.8", "L": "2.5.4.7", "O": "2.5.4.10", "OU": "2.5.4.11", "CN": "2.5.4.3",
              "serialNumber": "2.5.4.5", "UID": "0.9.2342.19200300.100.1.1",
              "emailAddress": "1.2.840.113549.1.9.1"}  # fmt: skip
KEY_USAGE_BITS = ("digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement",
                  "keyCertSign", "cRLSign")  # fmt: skip
PURPOSES = {"serverAuth": "1", "clientAuth": "2", "codeSigning": "3", "ipsecEndSystem": "5"}
DNS, EMAIL, URI, IP = 2, 1, 6, 7

_SIGNATURES = {
    ("ec", "sha1"): "1.2.840.10045.4.1",
    ("ec", "sha256"): "1.2.840.10045.4.3.2",
    ("ec", "sha384"): "1.2.840.10045.4.3.3",
    ("ec", "sha512"): "1.2.840.10045.4.3.4",
    ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("ed25519", "sha512"): "1.3.101.112",
}


def name(*attributes: Attribute) -> bytes:
    """A Name with one attribute in each RDN, DER, with the string types as given."""
    return asn1.sequence(*(_rdn(*attribute) for attribute in attributes))


def _rdn(kind: str, tag: int, value: str) -> bytes:
    return asn1.set_of(asn1.sequence(asn1.oid(NAME_TYPES[kind]), asn1.tlv(tag, value.encode())))


def extension(kind: str, value: bytes, *, critical: bool | None = None) -> bytes:
    """An Extension; `value` is the DER inside its OCTET STRING. A False is written out, which DER forbids."""
    flag = b"" if critical is None else asn1.boolean(critical)
    return asn1.sequence(asn1.oid(kind), flag, asn1.octet_string(value))


def alternative_name(*entries: tuple[int, str | bytes]) -> bytes:
    """The extension with (tag, value) entries, as they are."""
    names = (
        asn1.context(tag, value.encode() if isinstance(value, str) else value, constructed=False)
        for tag, value in entries
    )
    return extension(ALTERNATIVE_NAME, asn1.sequence(*names))


def hosts(*dns_names: str) -> bytes:
    """The extension with these DNS names."""
    return alternative_name(*((DNS, host) for host in dns_names))


def key_usage(*bits: str) -> bytes:
    """The extension with these bits, shortest form (X.690, 11.2.2)."""
    numbers = [KEY_USAGE_BITS.index(bit) for bit in bits]
    value = sum(0x80 >> number for number in numbers)
    return extension(KEY_USAGE, asn1.bit_string(bytes((value,)), 7 - max(numbers)), critical=True)


def extended_key_usage(*purposes: str) -> bytes:
    """The extension with these purposes, in this order."""
    oids = (asn1.oid(f"1.3.6.1.5.5.7.3.{PURPOSES[purpose]}") for purpose in purposes)
    return extension(EXTENDED_KEY_USAGE, asn1.sequence(*oids))


def extension_request(*extensions: bytes) -> bytes:
    """The attribute that asks for extensions (RFC 2985, 5.4.2)."""
    return attribute(EXTENSION_REQUEST, asn1.sequence(*extensions))


def attribute(kind: str, *values: bytes) -> bytes:
    """An attribute with these values, DER."""
    return asn1.sequence(asn1.oid(kind), asn1.set_of(*values))


def spki(key: Key, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    """The SubjectPublicKeyInfo of a key, DER."""
    return key.public_key().public_bytes(Encoding.DER, form)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A request before it is written; what is left out is what a good one has."""

    key: Key
    subject: bytes
    extensions: tuple[bytes, ...] = ()
    attributes: tuple[bytes, ...] = ()  # beside the extension request
    hash: Hash = field(default_factory=hashes.SHA256)
    version: int = 0
    public_key: bytes | None = None

    def der(self) -> bytes:
        """The signed request."""
        info = self._info()
        algorithm, signature = _sign(self.key, self.hash, info)
        return asn1.sequence(info, algorithm, asn1.bit_string(signature))

    def _info(self) -> bytes:
        asked = (extension_request(*self.extensions),) if self.extensions else ()
        attributes = asn1.context(0, *sorted((*asked, *self.attributes)))
        return asn1.sequence(asn1.integer(self.version), self.subject, self.public_key or spki(self.key), attributes)


def _sign(key: Key, hash_: Hash, data: bytes) -> tuple[bytes, bytes]:
    """The AlgorithmIdentifier and the signature."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return asn1.sequence(asn1.oid(_SIGNATURES["ec", hash_.name])), key.sign(data, ec.ECDSA(hash_))
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm = asn1.sequence(asn1.oid(_SIGNATURES["rsa", hash_.name]), asn1.tlv(asn1.NULL))
        return algorithm, key.sign(data, padding.PKCS1v15(), hash_)
    return asn1.sequence(asn1.oid(_SIGNATURES["ed25519", "sha512"])), key.sign(data)


def pem(der: bytes, label: str = "CERTIFICATE REQUEST") -> bytes:
    """The bytes as PEM (RFC 7468)."""
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()
