"""Prepared, linted, signed once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from ca_service.errors import SigningError
from ca_service.pki import der, issuing, keys, profiles
from ca_service.pki.contents import Contents, Issuer
from tests.support import certificates, requests

AUTHORITY = certificates.intermediate("P-256")


def wanted() -> Contents:
    return certificates.requested(requests.UCCX_PUBLISHER.data)


def test_what_is_signed_is_what_was_linted() -> None:
    prepared = issuing.prepare(wanted(), AUTHORITY.issuer)

    certificate = issuing.sign(prepared, AUTHORITY.key)

    assert certificate.tbs_certificate_bytes == prepared.tbs
    certificate.verify_directly_issued_by(AUTHORITY.certificate)


def test_the_right_to_sign_works_once() -> None:
    prepared = issuing.prepare(wanted(), AUTHORITY.issuer)
    issuing.sign(prepared, AUTHORITY.key)

    with pytest.raises(SigningError) as refusal:
        issuing.sign(prepared, AUTHORITY.key)
    assert refusal.value.rule == "signing.spent"


def test_another_key_than_the_issuers_does_not_sign() -> None:
    prepared = issuing.prepare(wanted(), AUTHORITY.issuer)

    with pytest.raises(SigningError) as refusal:
        issuing.sign(prepared, keys.generate_key("P-256"))
    assert refusal.value.rule == "signing.key"


def test_a_refused_signing_uses_the_right_up() -> None:
    prepared = issuing.prepare(wanted(), AUTHORITY.issuer)
    with pytest.raises(SigningError):
        issuing.sign(prepared, keys.generate_key("P-256"))

    with pytest.raises(SigningError) as refusal:
        issuing.sign(prepared, AUTHORITY.key)
    assert refusal.value.rule == "signing.spent"


def test_a_certificate_is_not_handed_out_when_other_bytes_were_signed() -> None:
    good = issuing.prepare(wanted(), AUTHORITY.issuer)
    nothing_linted = issuing.Prepared(tbs=b"", algorithm=good.tbs + good.algorithm, issuer=good.issuer)

    with pytest.raises(SigningError) as refusal:
        issuing.sign(nothing_linted, AUTHORITY.key)
    assert refusal.value.rule == "signing.tbs"


def test_a_certificate_that_breaks_a_rule_is_not_prepared() -> None:
    with pytest.raises(SigningError) as refusal:
        issuing.prepare(replace(wanted(), key_usage=("digitalSignature", "keyCertSign")), AUTHORITY.issuer)
    assert refusal.value.rule == "lint.key-usage-is-within-the-profile"


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "sha256"), ("P-384", "sha384")])
def test_the_hash_follows_the_issuers_curve(curve: str, algorithm: str) -> None:
    found = certificates.leaf(curve).signature_hash_algorithm

    assert found is not None
    assert found.name == algorithm


def test_the_algorithm_stands_the_same_inside_and_outside() -> None:
    certificate = der.read(certificates.leaf().public_bytes(Encoding.DER))[0]
    tbs, algorithm, _ = certificate.children

    assert tbs.children[2].der == algorithm.der


def test_a_root_signs_itself() -> None:
    key = keys.generate_key("P-384")
    contents = certificates.contents(profiles.ROOT, certificates.common_name("Example G2"), key.public_key())

    root = issuing.sign(issuing.prepare(contents, Issuer.itself(contents)), key)

    root.verify_directly_issued_by(root)
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)


def test_a_leaf_says_where_to_find_answers_list_and_issuer() -> None:
    issuer = replace(AUTHORITY.issuer, ocsp_url="http://ca.example.com/ocsp", crl_url="http://ca.example.com/ca.crl")

    extensions = issuing.sign(issuing.prepare(wanted(), issuer), AUTHORITY.key).extensions

    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [(each.access_method, each.access_location.value) for each in access] == [
        (AuthorityInformationAccessOID.OCSP, "http://ca.example.com/ocsp"),
        (AuthorityInformationAccessOID.CA_ISSUERS, certificates.CERTIFICATE_URL),
    ]
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints)
    [place] = points.value
    assert (points.critical, place.full_name) == (
        False,
        [x509.UniformResourceIdentifier("http://ca.example.com/ca.crl")],
    )


def test_an_issuer_without_addresses_writes_none() -> None:
    issuer = Issuer.of(AUTHORITY.certificate)

    extensions = issuing.sign(issuing.prepare(wanted(), issuer), AUTHORITY.key).extensions

    assert {x509.AuthorityInformationAccess, x509.CRLDistributionPoints}.isdisjoint(
        {type(extension.value) for extension in extensions}
    )
