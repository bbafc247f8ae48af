"""What Cisco's nodes compare, need and refuse: one function, one sentence of Cisco's."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki import contents, csr, der
from tests.conformance import signing
from tests.support import certificates, requests
from tests.support.requests import Request

NODES = pytest.mark.parametrize(
    "request_",
    [
        *requests.THREE_NODES,
        requests.CUCM_MULTI,
        requests.CUCM_14SU2,
        requests.ALTERNATE_ADDRESS,
        requests.JUNK_COUNTRY,
    ],
    ids=lambda request: request.name,
)


def issued(request: Request) -> tuple[csr.CertificationRequest, x509.Certificate]:
    return csr.read_request(request.data), signing.signed(signing.lab(), request.data)


@NODES
def test_doc_217138_the_public_key_is_that_of_the_request(request_: Request) -> None:
    """CSR Public Key and Certificate Public Key Do Not Match."""
    asked, leaf = issued(request_)

    assert (
        contents.fields(der.read(leaf.tbs_certificate_bytes)[0]).subject_public_key_info
        == asked.subject_public_key_info
    )


@NODES
def test_doc_118855_the_names_are_those_of_the_request(request_: Request) -> None:
    """CSR SAN and Certificate SAN does not match."""
    asked, leaf = issued(request_)

    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == asked.subject_alternative_name


@NODES
def test_the_subject_is_copied_byte_for_byte(request_: Request) -> None:
    """Nobody at Cisco says what else is compared, so nothing is changed."""
    asked, leaf = issued(request_)

    assert contents.fields(der.read(leaf.tbs_certificate_bytes)[0]).subject == asked.subject_der


@NODES
def test_the_administration_guide_wants_the_usages_unchanged(request_: Request) -> None:
    """Ensure that 'Data Encipherment' bit is not changed or removed as part of the CA-signing certificate process."""
    asked, leaf = issued(request_)

    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value == asked.key_usage
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.data_encipherment
    assert leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == asked.extended_key_usage


@NODES
def test_doc_118855_only_two_extensions_are_critical(request_: Request) -> None:
    """Only KeyUsage and BasicConstraints may be marked critical; others break UCCX towards Unified CM."""
    _, leaf = issued(request_)

    assert {found.oid for found in leaf.extensions if found.critical} == {x509.KeyUsage.oid, x509.BasicConstraints.oid}


def test_doc_210528_the_whole_chain_is_ec() -> None:
    """If CA signs this ECDSA certificate with RSA, this certificate would not be presented to the client."""
    chain = (certificates.leaf(), *certificates.intermediate().chain)

    assert all(isinstance(certificate.public_key(), ec.EllipticCurvePublicKey) for certificate in chain)
    algorithms = {certificate.signature_algorithm_oid.dotted_string for certificate in chain}
    assert algorithms == {"1.2.840.10045.4.3.3"}


def test_the_security_guide_wants_a_name_of_its_own_for_each_certificate() -> None:
    """A trust store keeps one certificate per subject name."""
    chain = (certificates.leaf(), *certificates.intermediate().chain)

    assert len({certificate.subject for certificate in chain}) == len(chain)
