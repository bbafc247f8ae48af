"""Key usages and extended key usages by their names in RFC 5280."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

_BITS: Final = {
    "digitalSignature": "digital_signature",
    "contentCommitment": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
_AGREEMENT_BITS: Final = {"encipherOnly": "encipher_only", "decipherOnly": "decipher_only"}
_ALL_BITS: Final = _BITS | _AGREEMENT_BITS
KEY_USAGES: Final = tuple(_ALL_BITS)

PURPOSES: Final = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timeStamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "OCSPSigning": ExtendedKeyUsageOID.OCSP_SIGNING,
    "anyExtendedKeyUsage": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "ipsecEndSystem": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsecTunnel": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsecUser": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
}
_PURPOSE_NAMES: Final = {oid: name for name, oid in PURPOSES.items()}


def key_usage(names: Collection[str]) -> x509.KeyUsage:
    """Return the extension with exactly these bits set (RFC 5280, 4.2.1.3)."""
    bits = {attribute: name in names for name, attribute in _ALL_BITS.items()}
    return x509.KeyUsage(**bits)


def key_usage_names(extension: x509.KeyUsage | None) -> tuple[str, ...]:
    """Return the names of the set bits, in the order of the standard; empty if there is no extension."""
    if extension is None:
        return ()
    bits = _ALL_BITS if extension.key_agreement else _BITS
    return tuple(name for name, attribute in bits.items() if getattr(extension, attribute))


def extended_key_usage(names: Collection[str]) -> x509.ExtendedKeyUsage:
    """Return the extension with these purposes, in this order (RFC 5280, 4.2.1.12)."""
    return x509.ExtendedKeyUsage([PURPOSES[name] for name in names])


def extended_key_usage_names(extension: x509.ExtendedKeyUsage | None) -> tuple[str, ...]:
    """Return the names of the purposes, in their order; the dotted number of an unknown one."""
    return tuple([_PURPOSE_NAMES.get(oid) or oid.dotted_string for oid in extension or ()])
