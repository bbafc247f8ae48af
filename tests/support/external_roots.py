"""An authority of another house, which certifies what it is given: rightly, or with a single fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.certificates import common_name
from tests.support.fakes import NOON

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with its key, which may issue others."""

    key: Key
    certificate: x509.Certificate


def self_signed(key: Key, name: str = "Corporate Root", also: x509.UnrecognizedExtension | None = None) -> Certified:
    """A root."""
    return Certified(key, _certificate(common_name(name), key.public_key(), common_name(name), key, also=also))


def certify(
    issuer: Certified,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    is_authority: bool = True,
    path_length: int | None = 0,
    not_after: datetime = NOON + timedelta(days=3650),
    can_sign: bool = True,
    also: x509.UnrecognizedExtension | None = None,
) -> x509.Certificate:
    """A certificate below `issuer`."""
    return _certificate(
        subject,
        key,
        issuer.certificate.subject,
        issuer.key,
        is_authority=is_authority,
        path_length=path_length,
        not_after=not_after,
        can_sign=can_sign,
        also=also,
    )


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    issuer: x509.Name,
    issuer_key: Key,
    *,
    is_authority: bool = True,
    path_length: int | None = None,
    not_after: datetime = NOON + timedelta(days=7300),
    can_sign: bool = True,
    also: x509.UnrecognizedExtension | None = None,
) -> x509.Certificate:
    usage = x509.KeyUsage(not can_sign, False, False, False, False, can_sign, can_sign, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=365))
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(is_authority, path_length if is_authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if also:
        builder = builder.add_extension(also, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@cache
def ec_root() -> Certified:
    """A root on P-256; the same within a process."""
    return self_signed(ec.generate_private_key(ec.SECP256R1()))


@cache
def rsa_root() -> Certified:
    """A root with an RSA key; the same within a process."""
    return self_signed(rsa.generate_private_key(65537, 2048), "Corporate RSA Root")
