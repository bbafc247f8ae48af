"""The fields of a certificate, as bytes."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_service.pki import der, tbs
from tests.support import asn1, certificates

SPKI = PublicFormat.SubjectPublicKeyInfo


def test_each_field_is_the_bytes_of_the_certificate() -> None:
    certificate = certificates.leaf()

    fields = tbs.fields(der.read(certificate.tbs_certificate_bytes)[0])

    assert fields.serial_number == asn1.integer(certificate.serial_number)
    assert fields.issuer == certificate.issuer.public_bytes()
    assert fields.subject == certificate.subject.public_bytes()
    assert fields.subject_public_key_info == certificate.public_key().public_bytes(Encoding.DER, SPKI)


def test_a_certificate_of_version_1_has_the_same_fields() -> None:
    certificate = der.read(certificates.leaf().tbs_certificate_bytes)[0]
    without_version = asn1.sequence(*(part.der for part in certificate.children[1:]))

    assert tbs.fields(der.read(without_version)[0]) == tbs.fields(certificate)
