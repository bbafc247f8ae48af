"""Contents of certificates: those to be made, the parts of one that is judged, and serial number and usages as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.pki import der, keys
from ca_service.pki.profiles import Profile

_VERSION: Final = 0xA0  # [0] EXPLICIT Version, which a certificate of version 1 leaves out
Extension = TypeVar("Extension", bound=x509.ExtensionType)

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

EXTENDED_KEY_USAGES: Final = {
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
_EXTENDED_NAMES: Final = {oid: name for name, oid in EXTENDED_KEY_USAGES.items()}


@dataclass(frozen=True, slots=True)
class Validity:
    """The time from `not_before` to `not_after`, both included; aware UTC, whole seconds."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def of_days(cls, start: datetime, days: int) -> Validity:
        """Return `days` times 24 hours, of which the last second is `not_after` (RFC 5280, 4.1.2.5)."""
        return cls(start, start + timedelta(days=days) - timedelta(seconds=1))

    @property
    def seconds(self) -> int:
        """The length in seconds, both ends counted."""
        return int((self.not_after - self.not_before).total_seconds()) + 1


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a certificate that is not made yet.

    `subject_der` is the encoding that `subject` must have, `subject_public_key_info` the DER of `public_key`.
    """

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

    @classmethod
    def by_default(
        cls,
        profile: Profile,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        serial_number: int,
        validity: Validity,
        subject_alternative_name: x509.SubjectAlternativeName | None = None,
    ) -> Contents:
        """Return contents that no CSR asks for, with the usages that are the defaults of the profile."""
        return cls(
            profile=profile,
            subject=subject,
            subject_der=subject.public_bytes(),
            public_key=key,
            subject_public_key_info=keys.public_key_der(key),
            serial_number=serial_number,
            validity=validity,
            key_usage=profile.default_key_usage,
            extended_key_usage=profile.default_extended_key_usage,
            subject_alternative_name=subject_alternative_name,
        )


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that signs. `subject_der`, `path_length` and `validity` are those of its own certificate.

    The addresses go into each certificate that it signs: `certificate_url` and `ocsp_url` into AIA, `crl_url` into
    CDP. An empty one is left out.
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
        """Return the issuer that this certificate describes. Raises TypeError if its key is not EC."""
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError(f"an issuer has an EC key, not {type(key).__name__}")
        extensions = certificate.extensions
        return cls(
            subject=certificate.subject,
            subject_der=fields(der.read(certificate.tbs_certificate_bytes)[0]).subject,
            public_key=key,
            subject_key_identifier=extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest,
            validity=Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc),
            path_length=extensions.get_extension_for_class(x509.BasicConstraints).value.path_length,
            certificate_url=certificate_url,
        )

    @classmethod
    def itself(cls, contents: Contents) -> Issuer:
        """Return the issuer of a self-signed root with these contents."""
        return cls(
            subject=contents.subject,
            subject_der=contents.subject_der,
            public_key=contents.public_key,
            subject_key_identifier=keys.subject_key_identifier(contents.subject_public_key_info),
            validity=contents.validity,
            path_length=None,
            is_self=True,
        )


class Fields(NamedTuple):
    """The fields of a TBSCertificate (RFC 5280, 4.1), in their order; each DER, with its tag and length."""

    serial_number: bytes
    signature: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    subject_public_key_info: bytes


def fields(tbs: der.Element) -> Fields:
    """Return the fields of a TBSCertificate that was parsed already."""
    found = [element.der for element in tbs.children if element.tag != _VERSION]
    return Fields(*found[:6])


def find_value(extensions: Iterable[x509.Extension[x509.ExtensionType]], kind: type[Extension]) -> Extension | None:
    """Return the extension of this kind, or None."""
    for found in extensions:
        if type(found.value) is kind:  # isinstance() on these abstract classes costs twenty times as much
            return found.value
    return None


def serial_text(serial_number: int) -> str:
    """Return a serial number as text: 40 lower-case hexadecimal digits."""
    return f"{serial_number:040x}"


def to_key_usage(names: Collection[str]) -> x509.KeyUsage:
    """Return the extension with exactly these bits set (RFC 5280, 4.2.1.3)."""
    bits = {attribute: name in names for name, attribute in _ALL_BITS.items()}
    return x509.KeyUsage(**bits)


def key_usage_names(extension: x509.KeyUsage | None) -> tuple[str, ...]:
    """Return the names of the set bits, in the order of the standard; empty if there is no extension."""
    if extension is None:
        return ()
    bits = _ALL_BITS if extension.key_agreement else _BITS
    return tuple(name for name, attribute in bits.items() if getattr(extension, attribute))


def to_extended_key_usage(names: Collection[str]) -> x509.ExtendedKeyUsage:
    """Return the extension with these purposes, in this order (RFC 5280, 4.2.1.12)."""
    return x509.ExtendedKeyUsage([EXTENDED_KEY_USAGES[name] for name in names])


def extended_key_usage_names(extension: x509.ExtendedKeyUsage | None) -> tuple[str, ...]:
    """Return the names of the purposes, in their order; the dotted number of an unknown one."""
    return tuple([_EXTENDED_NAMES.get(oid) or oid.dotted_string for oid in extension or ()])


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate to be judged, taken apart once as a stranger would, beside the contents that were meant.

    `tbs` are the bytes that its signature covers, `algorithm` is its AlgorithmIdentifier; both DER.
    """

    certificate: x509.Certificate
    tbs: bytes
    algorithm: bytes
    fields: Fields
    validity: Validity
    extensions: Mapping[type[x509.ExtensionType], x509.ExtensionType]
    critical: Set[type[x509.ExtensionType]]
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    alternative_name: x509.SubjectAlternativeName | None
    contents: Contents
    issuer: Issuer

    @classmethod
    def of(cls, certificate_der: bytes, contents: Contents, issuer: Issuer) -> Candidate:
        """Take the DER of a certificate apart. Raises ValueError or DuplicateExtension if it cannot be read."""
        certificate = x509.load_der_x509_certificate(certificate_der)
        extensions = certificate.extensions
        key_usage, extended = find_value(extensions, x509.KeyUsage), find_value(extensions, x509.ExtendedKeyUsage)
        alternative_name = find_value(extensions, x509.SubjectAlternativeName)
        tbs, algorithm, _ = der.read(certificate_der)[0].children
        return cls(
            certificate=certificate,
            tbs=tbs.der,
            algorithm=algorithm.der,
            fields=fields(tbs),
            validity=Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc),
            extensions={type(found.value): found.value for found in extensions},
            critical={type(found.value) for found in extensions if found.critical},
            key_usage=key_usage_names(key_usage),
            extended_key_usage=extended_key_usage_names(extended),
            alternative_name=alternative_name,
            contents=contents,
            issuer=issuer,
        )
