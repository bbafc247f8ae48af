"""Bytes that the parser refuses with exceptions of every kind end as our own refusals, wherever they are parsed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ca_service.errors import CAServiceError
from ca_service.pki import csr, encodings
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.vos import trust_store
from ca_service.vos.fit import judge_files
from tests.support import certificates
from tests.support.certificates import common_name
from tests.support.fakes import NOON
from tests.support.requests import UCCX_PUBLISHER
from tests.support.spoiled import files, root

CERTIFICATE = certificates.leaf().public_bytes(Encoding.DER)
VERSION_4 = CERTIFICATE.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020103"), 1)


def pkcs7_of_version_4() -> bytes:
    """A PKCS#7 bag whose only certificate says that its version is 4."""
    bag = pkcs7.serialize_certificates([certificates.leaf()], Encoding.DER)
    return bag.replace(CERTIFICATE, VERSION_4)


def test_the_parser_raises_more_than_a_value_error() -> None:
    with pytest.raises(x509.InvalidVersion) as caught:
        x509.load_der_x509_certificate(VERSION_4)
    assert not isinstance(caught.value, ValueError)
    assert isinstance(caught.value, PARSE_ERRORS)


@pytest.mark.parametrize("data", [VERSION_4, pkcs7_of_version_4()], ids=["der", "pkcs7"])
def test_a_certificate_of_an_unknown_version_is_refused_and_not_a_crash(data: bytes) -> None:
    reads: tuple[Callable[[], object], ...] = (
        lambda: encodings.load_certificates(data),
        lambda: judge_files(replace(files(), certificate=data), NOON),
        lambda: judge_files(replace(files(), chain=(data,)), NOON),
    )
    for read in reads:
        with pytest.raises(CAServiceError):
            read()


def test_a_trust_store_passes_over_a_certificate_of_an_unknown_version() -> None:
    unknown = "\n".join(("-----BEGIN CERTIFICATE-----", b64encode(VERSION_4).decode(), "-----END CERTIFICATE-----"))
    rows = [{"filename": "x", "certificate": pem} for pem in (unknown, root().pem.decode())]
    snapshot = {"trusts": [{"service": "tomcat", "certificate_data": rows}]}

    assert [entry.certificate for entry in trust_store.read(json.dumps(snapshot))] == [root().certificate]


def test_each_byte_of_a_certificate_may_be_wrong() -> None:
    for place in range(0, len(CERTIFICATE), 3):
        damaged = bytearray(CERTIFICATE)
        damaged[place] ^= 0x5A
        with suppress(CAServiceError):  # any other exception fails the test
            judge_files(replace(files(), certificate=bytes(damaged)), NOON)


def test_each_byte_of_a_csr_may_be_wrong() -> None:
    data = x509.load_pem_x509_csr(UCCX_PUBLISHER.data).public_bytes(Encoding.DER)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x5A
        assert csr.read(bytes(damaged)).findings


def test_a_crl_of_an_unknown_version_is_refused_and_not_a_crash() -> None:
    builder = x509.CertificateRevocationListBuilder(issuer_name=common_name("CA"))
    good = builder.last_update(NOON).next_update(NOON).sign(certificates.root().key, hashes.SHA384())
    tbs = good.tbs_certlist_bytes
    version_6 = tbs.replace(bytes.fromhex("020101"), bytes.fromhex("020105"), 1)
    data = good.public_bytes(Encoding.DER).replace(tbs, version_6)

    with pytest.raises(CAServiceError) as caught:
        encodings.load_crl(data)
    assert caught.value.rule == "crl.unreadable"
