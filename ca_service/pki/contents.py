"""Knows what goes into a certificate before it is one: contents, validity, issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki import der, keys, tbs
from ca_service.pki.profiles import Profile


@dataclass(frozen=True, slots=True)
class Validity:
    """From `not_before` to `not_after`, both included; aware UTC, whole seconds."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def of_days(cls, start: datetime, days: int) -> Validity:
        """`days` times 24 hours, of which the last second is `not_after` (RFC 5280, 4.1.2.5)."""
        return cls(start, start + timedelta(days=days) - timedelta(seconds=1))

    @property
    def seconds(self) -> int:
        """How long it lasts, with both ends counted."""
        return int((self.not_after - self.not_before).total_seconds()) + 1


@dataclass(frozen=True, slots=True)
class Contents:
    """What a certificate is to say. `subject_der` is what `subject` has to be encoded as,
    `subject_public_key_info` the DER of `public_key`."""

    profile: Profile
    subject: x509.Name
    subject_der: bytes
    public_key: ec.EllipticCurvePublicKey
    subject_public_key_info: bytes
    serial_number: int
    validity: Validity
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    subject_alternative_name: x509.SubjectAlternativeName | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs. `subject_der` is how `subject` is encoded in the issuer's own certificate, `path_length`
    and `validity` are its own too.

    What it signs tells where to find its certificate (`certificate_url`) and its OCSP answers (`ocsp_url`), in
    AIA, and its revocation list (`crl_url`), in CDP; each is left out where it is empty.
    """

    subject: x509.Name
    subject_der: bytes
    public_key: ec.EllipticCurvePublicKey
    subject_key_identifier: bytes
    validity: Validity
    path_length: int | None
    is_self: bool = False
    certificate_url: str = ""
    ocsp_url: str = ""
    crl_url: str = ""

    @classmethod
    def of(cls, certificate: x509.Certificate, certificate_url: str = "") -> Issuer:
        """The issuer that this certificate describes; it must be an EC authority's."""
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError(f"an issuer has an EC key, not {type(key).__name__}")
        extensions = certificate.extensions
        return cls(
            subject=certificate.subject,
            subject_der=tbs.fields(der.read(certificate.tbs_certificate_bytes)[0]).subject,
            public_key=key,
            subject_key_identifier=extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest,
            validity=Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc),
            path_length=extensions.get_extension_for_class(x509.BasicConstraints).value.path_length,
            certificate_url=certificate_url,
        )

    @classmethod
    def itself(cls, contents: Contents) -> Issuer:
        """The issuer of a self-signed root with these contents."""
        return cls(
            subject=contents.subject,
            subject_der=contents.subject_der,
            public_key=contents.public_key,
            subject_key_identifier=keys.subject_key_identifier(contents.subject_public_key_info),
            validity=contents.validity,
            path_length=None,
            is_self=True,
        )
