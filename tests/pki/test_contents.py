"""What goes into a certificate before it is one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ca_service.pki import keys, profiles
from ca_service.pki.contents import Issuer, Validity
from tests.support import certificates
from tests.support.certificates import NOW
from tests.support.refused_requests import rsa_key


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
