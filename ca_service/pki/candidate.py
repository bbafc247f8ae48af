"""Knows a certificate that is to be judged before it is signed: taken apart as a stranger would, once for all rules."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from cryptography import x509

from ca_service.pki import der, tbs, usages
from ca_service.pki.contents import Contents, Issuer, Validity
from ca_service.pki.csr import find_value


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate to be judged, taken apart once, beside what it was meant to be."""

    certificate: x509.Certificate
    fields: tbs.Fields
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
        """Take the DER of a certificate apart; raises ValueError or DuplicateExtension."""
        certificate = x509.load_der_x509_certificate(certificate_der)
        extensions = certificate.extensions
        return cls(
            certificate=certificate,
            fields=tbs.fields(der.read(certificate_der)[0].children[0]),
            validity=Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc),
            extensions={type(found.value): found.value for found in extensions},
            critical={type(found.value) for found in extensions if found.critical},
            key_usage=usages.key_usage_names(find_value(extensions, x509.KeyUsage)),
            extended_key_usage=usages.extended_key_usage_names(find_value(extensions, x509.ExtendedKeyUsage)),
            alternative_name=find_value(extensions, x509.SubjectAlternativeName),
            contents=contents,
            issuer=issuer,
        )
