"""Keys, self-signed certificates and CSRs, as a node makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_SELF_SIGNED_DAYS: Final = 5 * 365
_PURPOSES: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    key_encipherment=True,
    data_encipherment=True,
    key_agreement=False,
    content_commitment=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A key with the certificate of a purpose."""

    key: Key
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Pending:
    """A key with the CSR that waits for its certificate."""

    key: Key
    csr: x509.CertificateSigningRequest


def self_signed(host: str, common_name: str, *, is_ec: bool, at: datetime) -> Identity:
    """Return a new key with a self-signed certificate, as the installation of a node makes one."""
    key = ec.generate_private_key(ec.SECP384R1()) if is_ec else rsa.generate_private_key(65537, 2048)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(common_name))
        .issuer_name(_subject(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=_SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
    )
    return Identity(key, builder.sign(key, hashes.SHA384() if is_ec else hashes.SHA256()))


def request(host: str, common_name: str, length: int) -> Pending:
    """Return a new key with a CSR of one server. Raises ValueError for a length that nodes do not offer."""
    if length not in (256, 384):
        raise ValueError("keyLength")
    key = ec.generate_private_key(ec.SECP256R1() if length == 256 else ec.SECP384R1())
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_subject(common_name))
        .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
        .add_extension(_USAGE, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    )
    return Pending(key, builder.sign(key, hashes.SHA256() if length == 256 else hashes.SHA384()))


def alternative_names(extensions: x509.Extensions) -> frozenset[str]:
    """Return the names that a node compares: all of the subject alternative name, as text."""
    try:
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(f"{type(name).__name__}:{str(name.value).lower()}" for name in found)


def public_key(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return the SubjectPublicKeyInfo, DER."""
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: Key) -> bytes:
    """Return the key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def text(holder: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Return the certificate or CSR as PEM."""
    return holder.public_bytes(Encoding.PEM).decode()


def common_name_of(certificate: x509.Certificate) -> str:
    """Return the common name by which a trust store keeps a certificate."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _subject(common_name: str) -> x509.Name:
    parts = ((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Lab"), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
