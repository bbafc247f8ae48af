"""The forms in which certificates are handed out: which there are, and what each file holds."""

from __future__ import annotations

import io
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from ca_service.errors import InvalidInput
from ca_service.pki import encodings
from ca_service.vos.bundle import Delivery, bundle_of
from ca_service.vos.formats import FORMATS, as_file, require_format
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support import certificates
from tests.support.requests import THREE_NODES


@pytest.fixture(scope="module")
def deliveries() -> list[Delivery]:
    """The certificates of two nodes under one authority."""
    authority = certificates.intermediate("P-256", "P-256")
    return [
        Delivery(
            f"{request.name}.example.com",
            authority.issue(certificates.requested(request.data)),
            authority.chain,
            TOMCAT_ECDSA,
        )
        for request in THREE_NODES[:2]
    ]


@pytest.mark.parametrize(
    ("format", "count", "rule"),
    [("doc", 1, "format.unknown"), ("der", 2, "format.single"), ("der", 0, "format.single")],
)
def test_a_format_that_cannot_be_had_is_refused(format: str, count: int, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        require_format(format, count)
    assert caught.value.rule == rule


def test_what_is_refused_tells_which_formats_there_are() -> None:
    with pytest.raises(InvalidInput) as caught:
        require_format("x" * 1000, 1)
    assert all(known in str(caught.value) for known in FORMATS)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("format", FORMATS)
def test_one_certificate_can_be_had_in_every_format(deliveries: list[Delivery], format: str) -> None:
    file = as_file(deliveries[:1], format)
    assert file.path.endswith(f".{format}")
    assert file.data


def test_the_zip_is_the_bundle(deliveries: list[Delivery]) -> None:
    made = bundle_of(deliveries)
    assert as_file(deliveries, "zip", made).data == as_file(deliveries, "zip").data == made.to_zip()
    assert zipfile.ZipFile(io.BytesIO(made.to_zip())).testzip() is None


def test_the_der_file_is_the_leaf(deliveries: list[Delivery]) -> None:
    assert as_file(deliveries[:1], "der").data == encodings.der(deliveries[0].leaf)


def test_the_pem_file_has_the_leaves_and_then_each_authority_once(deliveries: list[Delivery]) -> None:
    found = x509.load_pem_x509_certificates(as_file(deliveries, "pem").data)
    assert found == [deliveries[0].leaf, deliveries[1].leaf, *deliveries[0].authorities]


def test_the_p7b_file_has_the_same_certificates(deliveries: list[Delivery]) -> None:
    found = pkcs7.load_pem_pkcs7_certificates(as_file(deliveries, "p7b").data)
    assert set(found) == {deliveries[0].leaf, deliveries[1].leaf, *deliveries[0].authorities}
