"""Knows how to tell a reader what a request says, whether or not it will be accepted."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from ca_service.pki import keys, names, usages
from ca_service.pki.csr import find_value, signature_hash_name


@dataclass(frozen=True, slots=True)
class Description:
    """What a request says, for a reader; of a refused request too, as far as it can be read."""

    subject: tuple[tuple[str, str], ...]
    subject_alternative_name: tuple[tuple[str, str], ...]
    key: str
    signature: str
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]


def describe(csr: x509.CertificateSigningRequest) -> Description:
    """What a loaded request says, as far as it can be read; never raises."""
    try:
        extensions = csr.extensions
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm):
        extensions = x509.Extensions([])
    return Description(
        subject=tuple((key, names.visible(value)) for key, value in names.name_parts(csr.subject)),
        subject_alternative_name=tuple(
            names.general_name(entry) for entry in find_value(extensions, x509.SubjectAlternativeName) or ()
        ),
        key=_key_text(csr),
        signature=signature_hash_name(csr).upper().replace("SHA", "SHA-"),
        key_usage=usages.key_usage_names(find_value(extensions, x509.KeyUsage)),
        extended_key_usage=usages.extended_key_usage_names(find_value(extensions, x509.ExtendedKeyUsage)),
    )


def _key_text(csr: x509.CertificateSigningRequest) -> str:
    try:
        return keys.kind_name(csr.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "unreadable"
