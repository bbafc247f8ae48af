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


def crl_findings(crl_der: bytes, *, covers_authorities: bool) -> set[str]:
    """The codes of what pkilint's lint_crl finds in a revocation list."""
    from pkilint import loader

    document = loader.load_der_crl(crl_der, "list")
    return _codes(_crl_linter(covers_authorities), document.root)


def ocsp_findings(response_der: bytes) -> set[str]:
    """The codes of what pkilint's lint_ocsp_response finds in an answer."""
    from pkilint import loader

    document = loader.load_der_ocsp_response(response_der, "answer")
    return _codes(_ocsp_linter(), document.root)


def _codes(linter: Any, root: Any) -> set[str]:
    return {description.finding.code for result in linter.validate(root) for description in result.finding_descriptions}


@cache
def _crl_linter(covers_authorities: bool) -> Any:
    from pkilint import pkix
    from pkilint.cabf import cabf_crl
    from pkilint.pkix import crl, extension, name

    kind = crl.CertificateRevocationListType["ARL" if covers_authorities else "CRL"]
    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([cabf_crl.create_validity_period_validator(kind)]),
            crl.create_extensions_validator_container([]),
        ],
    )


@cache
def _ocsp_linter() -> Any:
    from pkilint import pkix
    from pkilint.pkix import extension, name, ocsp

    return ocsp.create_pkix_ocsp_response_validator_container(
        [
            ocsp.create_response_decoder(),
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )
