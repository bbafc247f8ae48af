"""Knows how to ask pkilint (a linter by DigiCert) what it thinks of a certificate; pkilint is slow to import."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

#: What pkilint finds in certificates that are as they are meant to be, with the reason why they are.
ACCEPTED: Final = {
    "pkix.key_usage_value_prohibited_for_ec": "RFC 8813, 3 forbids keyEncipherment and dataEncipherment with EC keys. "
    "VOS nodes ask for them, and Cisco's guides say that they must not be changed or removed.",
    "pkix.subject_key_identifier_method_1_identified": "Not a fault: it says that RFC 5280's own method was used.",
}


def findings(certificate: x509.Certificate) -> set[str]:
    """The codes of what pkilint finds, without what is accepted."""
    return all_findings(certificate) - ACCEPTED.keys()


def all_findings(certificate: x509.Certificate) -> set[str]:
    """The codes of what pkilint finds, notes included."""
    from pkilint import loader

    document = loader.load_der_certificate(certificate.public_bytes(Encoding.DER), "certificate")
    return {
        description.finding.code
        for result in _linter().validate(document.root)
        for description in result.finding_descriptions
    }


@cache
def _linter() -> Any:
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
