"""What goes into a certificate before it is one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_service.pki import contents, der, keys, profiles
from ca_service.pki.contents import Issuer, Validity
from tests.support import asn1, certificates
from tests.support.certificates import NOW
from tests.support.refused_requests import rsa_key

SPKI = PublicFormat.SubjectPublicKeyInfo


def test_a_day_has_24_hours_of_which_the_last_second_is_included() -> None:
    validity = Validity.of_days(NOW, 1)

    assert validity.not_after == NOW + timedelta(hours=23, minutes=59, seconds=59)
    assert validity.seconds == 86_400


def test_an_issuer_is_read_from_its_certificate() -> None:
    authority = certificates.intermediate()

    issuer = Issuer.of(authority.certificate)

    assert issuer.subject == authority.certificate.subject
    assert issuer.subject_der == authority.certificate.subject.public_bytes()
    assert issuer.public_key == authority.key.public_key()
    assert issuer.path_length == 0
    assert issuer.validity.seconds == profiles.INTERMEDIATE.default_days * 86_400
    assert (issuer.is_self, issuer.certificate_url) == (False, "")


def test_a_root_is_its_own_issuer() -> None:
    key = keys.generate_key("P-256").public_key()
    contents = certificates.contents(profiles.ROOT, certificates.common_name("Example G1"), key)

    issuer = Issuer.itself(contents)

    assert (issuer.is_self, issuer.public_key, issuer.subject_der) == (True, key, contents.subject_der)


def test_an_issuer_without_an_ec_key_is_none() -> None:
    name = certificates.common_name("RSA")
    builder = x509.CertificateBuilder(name, name, rsa_key().public_key(), 1, NOW, NOW)

    with pytest.raises(TypeError, match="RSAPublicKey"):
        Issuer.of(builder.sign(rsa_key(), hashes.SHA256()))


def test_each_field_is_the_bytes_of_the_certificate() -> None:
    certificate = certificates.leaf()

    fields = contents.fields(der.read(certificate.tbs_certificate_bytes)[0])

    assert fields.serial_number == asn1.integer(certificate.serial_number)
    assert fields.issuer == certificate.issuer.public_bytes()
    assert fields.subject == certificate.subject.public_bytes()
    assert fields.subject_public_key_info == certificate.public_key().public_bytes(Encoding.DER, SPKI)


def test_a_certificate_of_version_1_has_the_same_fields() -> None:
    certificate = der.read(certificates.leaf().tbs_certificate_bytes)[0]
    without_version = asn1.sequence(*(part.der for part in certificate.children[1:]))

    assert contents.fields(der.read(without_version)[0]) == contents.fields(certificate)
