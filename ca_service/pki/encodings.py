"""Encodings of certificates: PEM, DER, PKCS#7, PKCS#12; their times as text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_der_private_key,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)

from ca_service.errors import InvalidInput, Refused, Rule
from ca_service.pki import names
from ca_service.pki.certificate_files import CERTIFICATE_UNREADABLE, load_from_any_file
from ca_service.pki.parse_errors import PARSE_ERRORS

PRIVATE_KEY_UNREADABLE: Final = Rule(
    "private-key.unreadable",
    "The private key cannot be read: the file is damaged, or the passphrase is wrong or missing.",
    "Check the file with `{command}` and give its passphrase with --passphrase-file.",
)
PRIVATE_KEY_NOT_EC: Final = Rule(
    "private-key.not-ec",
    "The private key is not an EC key.",
    "This authority is EC from root to leaf: give an EC key on P-256 or P-384.",
)
CRL_UNREADABLE: Final = Rule(
    "crl.unreadable",
    "No revocation list can be read from it.",
    "Check it with `openssl crl -in FILE -noout -text`, and give it as PEM or DER.",
)

TRUST_STORE_PASSWORD: Final = "changeit"  # noqa: S105 - Java's own default; the content is public
MAX_PASSPHRASE: Final = 1023  # bytes; OpenSSL reads no longer ones
MAX_CERTIFICATES_BYTES: Final = 256 * 1024
_SHOW_KEY: Final = "openssl pkey -in FILE -noout"
_SHOW_PKCS12: Final = "openssl pkcs12 -info -noout -in FILE"


def pem(certificate: x509.Certificate) -> bytes:
    """Return one certificate as PEM, with LF and one final newline (RFC 7468, 5)."""
    return certificate.public_bytes(Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    """Return one certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def pem_chain(chain: Sequence[x509.Certificate]) -> bytes:
    """Return several certificates as PEM, in the given order (RFC 8446, 4.4.2: leaf first)."""
    return b"".join(pem(certificate) for certificate in chain)


def p7b(chain: Sequence[x509.Certificate]) -> bytes:
    """Return a PKCS#7 bag as PEM. It is a DER set, so the order of the certificates is lost."""
    return pkcs7.serialize_certificates(list(chain), Encoding.PEM)


def trust_store(root: x509.Certificate, password: str = TRUST_STORE_PASSWORD) -> bytes:
    """Return a PKCS#12 trust store that Java's keytool reads: the root alone, its alias is its name.

    Java trusts each entry of a trust store by itself, and looks for no revocation of it: so there is no intermediate.
    """
    alias = names.common_name(root.subject) or names.name_text(root.subject)
    entry = pkcs12.PKCS12Certificate(root, alias.encode())
    return pkcs12.serialize_java_truststore([entry], BestAvailableEncryption(password.encode()))


def csr_pem(der_: bytes) -> str:
    """Return a CSR as the text of a PEM file (RFC 7468, 7)."""
    return _armoured("CERTIFICATE REQUEST", der_).decode()


def crl_pem(der_: bytes) -> bytes:
    """Return a CRL as PEM (RFC 7468, 7)."""
    return _armoured("X509 CRL", der_)


def _armoured(label: str, der_: bytes) -> bytes:
    """PEM with LF and one final newline."""
    text = base64.b64encode(der_).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the DER, lower-case hexadecimal."""
    return hashlib.sha256(der(certificate)).hexdigest()


def fingerprint_text(certificate: x509.Certificate, algorithm: str = "sha256") -> str:
    """Return a fingerprint as browsers, trust stores and OpenSSL show it: AA:BB:CC. `algorithm` is sha256 or sha1."""
    digest = hashlib.new(algorithm, der(certificate), usedforsecurity=algorithm != "sha1")
    return digest.digest().hex(":").upper()


def time_text(time: datetime) -> str:
    """Return a time in UTC as RFC 3339 writes it, to the second."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def load_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates in PEM, DER or PKCS#7, in the order of the file; raises InvalidInput if none."""
    if len(data) > MAX_CERTIFICATES_BYTES:
        raise InvalidInput.because(CERTIFICATE_UNREADABLE)
    try:
        return _load_plain(data)
    except PARSE_ERRORS:
        return load_from_any_file(data)


def _load_plain(data: bytes) -> tuple[x509.Certificate, ...]:
    if b"-----BEGIN CERTIFICATE-----" in data:
        return tuple(x509.load_pem_x509_certificates(data))
    if b"-----BEGIN PKCS7-----" in data:
        return tuple(pkcs7.load_pem_pkcs7_certificates(data))
    try:
        return (x509.load_der_x509_certificate(data),)
    except ValueError:
        return tuple(pkcs7.load_der_pkcs7_certificates(data))


def load_crl(data: bytes) -> x509.CertificateRevocationList:
    """Return the revocation list in PEM or DER, whose parts can all be read; raises InvalidInput."""
    load = x509.load_pem_x509_crl if b"-----BEGIN" in data else x509.load_der_x509_crl
    try:
        found = load(data)
        for part in (found, *found):
            _ = part.extensions
    except PARSE_ERRORS as error:
        raise InvalidInput.because(CRL_UNREADABLE) from error
    return found


def load_private_key(data: bytes, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """Return an EC private key from PEM or DER (PKCS#8 or SEC 1), encrypted or not.

    Raises InvalidInput when it cannot be read or the passphrase is wrong, Refused when it is not EC.
    """
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, passphrase)
    except PARSE_ERRORS as error:
        raise _no_private_key(_SHOW_KEY) from error
    return _ec_only(key)


def load_pkcs12(
    data: bytes, passphrase: bytes | None
) -> tuple[ec.EllipticCurvePrivateKey, tuple[x509.Certificate, ...]]:
    """Return the EC private key of a PKCS#12 file and its certificates, the key's own first."""
    try:
        bag = pkcs12.load_pkcs12(data, passphrase)
    except PARSE_ERRORS as error:
        raise _no_private_key(_SHOW_PKCS12) from error
    if bag.key is None or bag.cert is None:
        raise _no_private_key(_SHOW_PKCS12)
    return _ec_only(bag.key), (bag.cert.certificate, *(extra.certificate for extra in bag.additional_certs))


def _no_private_key(command: str) -> InvalidInput:
    return InvalidInput.because(PRIVATE_KEY_UNREADABLE, command=command)


def _ec_only(key: object) -> ec.EllipticCurvePrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Refused.because(PRIVATE_KEY_NOT_EC)
    return key
