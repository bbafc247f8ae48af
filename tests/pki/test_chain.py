"""Certification paths: built, and checked link by link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.errors import Refused
from ca_service.pki import chain, der, keys
from ca_service.pki.contents import to_key_usage
from tests.support import asn1, certificates, paths
from tests.support.certificates import NOW, common_name
from tests.support.fakes import NOON
from tests.support.refused_requests import explicit_parameters, rsa_key

INTERMEDIATE, ROOT = certificates.intermediate().chain
TO_NOON = (NOON - NOW).days
AnyKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def refused(authorities: Sequence[x509.Certificate], days: int = 1) -> set[str]:
    with pytest.raises(Refused) as refusal:
        chain.check_authorities(authorities, NOW + timedelta(days=days))
    assert all(finding.is_error for finding in refusal.value.findings)
    return {finding.rule for finding in refusal.value.findings}


def foreign(
    key: AnyKey,
    signer: AnyKey | None = None,
    *,
    name: str = "Foreign CA",
    issuer: str = "Foreign CA",
    **extensions: Any,
) -> x509.Certificate:
    """The certificate of an authority that another program made; None leaves an extension out."""
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    wanted: dict[str, x509.ExtensionType | None] = {
        "basic_constraints": x509.BasicConstraints(ca=True, path_length=None),
        "key_usage": usage,
        "subject_key_identifier": x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
    }
    builder = x509.CertificateBuilder(
        common_name(issuer), common_name(name), key.public_key(), 1, NOW, NOW + timedelta(days=100)
    )
    for value in (wanted | extensions).values():
        is_critical = not isinstance(value, x509.SubjectKeyIdentifier)
        builder = builder.add_extension(value, critical=is_critical) if value else builder
    signer = signer or key
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def test_a_path_is_built_from_the_leaf_to_the_root() -> None:
    assert chain.build(certificates.leaf(), [ROOT, INTERMEDIATE]) == (certificates.leaf(), INTERMEDIATE, ROOT)


def test_a_root_is_a_path_of_its_own() -> None:
    assert chain.build(ROOT, []) == (ROOT,)


def test_certificates_that_do_not_belong_are_left_out() -> None:
    stranger = certificates.root(name="Another Root G1").certificate

    assert chain.build(certificates.leaf(), [stranger, ROOT, INTERMEDIATE])[-1] == ROOT


@pytest.mark.parametrize("others", [(), (ROOT,), (INTERMEDIATE,)], ids=["nothing", "root-alone", "no-root"])
def test_a_path_with_a_gap_is_refused(others: tuple[x509.Certificate, ...]) -> None:
    with pytest.raises(Refused, match="missing") as refusal:
        chain.build(certificates.leaf(), others)
    assert refusal.value.rule == "chain.incomplete"


def test_an_issuer_of_the_right_name_with_another_key_is_none() -> None:
    impostor = foreign(keys.generate_key("P-384"), name="Example Lab EC Issuing CA G1", issuer="Foreign CA")

    with pytest.raises(Refused) as refusal:
        chain.build(certificates.leaf(), [impostor, ROOT])
    assert refusal.value.rule == "chain.incomplete"


def test_a_path_that_never_ends_is_refused() -> None:
    signers = [keys.generate_key("P-256") for _ in range(chain.MAX_LENGTH + 1)]
    pool = [
        foreign(signers[number], signers[number + 1], name=f"CA {number}", issuer=f"CA {number + 1}")
        for number in range(chain.MAX_LENGTH)
    ]
    with pytest.raises(Refused) as refusal:
        chain.build(pool[0], [*pool[1:], foreign(signers[-1], name=f"CA {chain.MAX_LENGTH}", issuer="CA 6")])
    assert refusal.value.rule == "chain.incomplete"


def test_two_authorities_that_sign_each_other_make_no_path() -> None:
    one, two = keys.generate_key("P-256"), keys.generate_key("P-256")
    first, second = foreign(one, two, name="One", issuer="Two"), foreign(two, one, name="Two", issuer="One")

    with pytest.raises(Refused) as refusal:
        chain.build(first, [first, second])
    assert refusal.value.rule == "chain.incomplete"


def test_only_a_certificate_signed_with_its_own_key_is_self_signed() -> None:
    assert chain.is_self_signed(ROOT)
    assert not chain.is_self_signed(INTERMEDIATE)


def test_its_own_name_alone_does_not_make_it_self_signed() -> None:
    assert not chain.is_self_signed(foreign(keys.generate_key("P-256"), keys.generate_key("P-256")))


@pytest.mark.parametrize("curve", keys.AUTHORITY_CURVES)
def test_our_own_authorities_are_good(curve: str) -> None:
    chain.check_authorities(certificates.intermediate(curve).chain, NOW)


def test_a_root_alone_is_good() -> None:
    chain.check_authorities([ROOT], NOW)


def test_an_authority_of_another_program_is_good() -> None:
    chain.check_authorities([foreign(keys.generate_key("P-256"), key_usage=None)], NOW)


@pytest.mark.parametrize(
    "authority",
    [
        foreign(rsa_key()),
        foreign(keys.generate_key("P-256"), rsa_key()),
        foreign(rsa_key(), keys.generate_key("P-256")),
        foreign(ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=["rsa", "ec-key-below-an-rsa-signature", "rsa-key-below-an-ec-signature", "ed25519"],
)
def test_a_link_that_is_not_ec_is_refused(authority: x509.Certificate) -> None:
    assert refused([authority]) == {"chain.rsa-link"}


def test_the_refusal_of_an_rsa_link_tells_what_would_happen() -> None:
    with pytest.raises(Refused, match="CSCvb58580"):
        chain.check_authorities([foreign(rsa_key())], NOW)


def test_a_key_that_cannot_be_read_is_no_ec_key() -> None:
    damaged = bytearray(foreign(keys.generate_key("P-256")).public_bytes(Encoding.DER))
    place = damaged.index(bytes.fromhex("034200 04"))
    damaged[place + 10] ^= 0xFF

    assert "chain.rsa-link" in refused([x509.load_der_x509_certificate(bytes(damaged))])


def test_an_authority_on_another_curve_is_refused() -> None:
    assert refused([foreign(keys.generate_key("P-521"))]) == {"chain.curve"}


def test_an_authority_that_spells_its_curve_out_is_refused() -> None:
    certificate = der.read(foreign(keys.generate_key("P-256")).public_bytes(Encoding.DER))[0]
    tbs, *rest = certificate.children
    named = tbs.children[6].der
    explicit = asn1.sequence(*(explicit_parameters() if part.der == named else part.der for part in tbs.children))
    spelled_out = asn1.sequence(explicit, *(part.der for part in rest))

    assert refused([x509.load_der_x509_certificate(spelled_out)]) == {"chain.curve"}


@pytest.mark.parametrize(
    "constraints", [None, x509.BasicConstraints(ca=False, path_length=None)], ids=["none", "false"]
)
def test_what_is_no_authority_is_refused(constraints: x509.BasicConstraints | None) -> None:
    assert refused([foreign(keys.generate_key("P-256"), basic_constraints=constraints)]) == {"chain.not-authority"}


def test_a_path_length_that_is_too_short_is_refused() -> None:
    root = replace(paths.ROOT, constraints=x509.BasicConstraints(True, 0))

    assert refused(paths.path(paths.ISSUING, root), TO_NOON) == {"chain.path-length"}


def test_a_path_length_counts_the_authorities_below() -> None:
    root = replace(paths.ROOT, constraints=x509.BasicConstraints(True, 1))

    chain.check_authorities(paths.path(paths.ISSUING, root), NOON)


def test_an_authority_that_may_not_sign_is_refused() -> None:
    usage = to_key_usage(["digitalSignature"])

    assert refused([foreign(keys.generate_key("P-256"), key_usage=usage)]) == {"chain.key-usage"}


def test_an_authority_without_a_key_identifier_is_refused() -> None:
    assert refused([foreign(keys.generate_key("P-256"), subject_key_identifier=None)]) == {"chain.no-key-identifier"}


def test_extensions_that_cannot_be_read_make_no_authority() -> None:
    broken = x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\x30\x7f")

    assert refused([foreign(keys.generate_key("P-256"), basic_constraints=broken)]) == {"chain.extensions"}


@pytest.mark.parametrize("days", [-1, 101])
def test_an_authority_that_is_not_valid_now_is_refused(days: int) -> None:
    assert refused([foreign(keys.generate_key("P-256"))], days) == {"chain.expired"}


def test_two_authorities_of_one_name_are_refused() -> None:
    namesake = replace(paths.ISSUING, name=paths.ROOT.name, key="another key")

    assert refused(paths.path(namesake, paths.ROOT), TO_NOON) == {"chain.same-name"}


def test_every_fault_is_told_at_once() -> None:
    worst = foreign(rsa_key(), basic_constraints=None, subject_key_identifier=None)

    assert refused([worst], 200) == {
        "chain.rsa-link", "chain.not-authority", "chain.no-key-identifier", "chain.expired"
    }  # fmt: skip
