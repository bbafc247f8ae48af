"""Requests: parsed and verified once, or refused with a rule."""

from __future__ import annotations

import hashlib
import random
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import CAServiceError, Refused, Severity, TooLarge
from ca_service.pki import csr
from ca_service.pki.armour import unwrap
from ca_service.pki.contents import extended_key_usage_names, find_value, key_usage_names
from tests.support import asn1, pkcs10, requests
from tests.support.pkcs10 import Recipe
from tests.support.refused_requests import BY_INTAKE, BY_POLICY, SAME_KEY_TWICE
from tests.support.requests import Request

PUBLISHER = requests.node("uccx1-EC.example.com", "example.com", "uccx1.example.com")


@pytest.mark.parametrize("request_", requests.GOOD, ids=lambda request: request.name)
def test_a_good_request_is_read(request_: Request) -> None:
    assert csr.read_request(request_.data).subject_alternative_name is not None


@pytest.mark.parametrize("request_", BY_INTAKE, ids=lambda request: request.name)
def test_a_bad_request_is_refused_by_its_rule_which_says_how_to_fix_it(request_: Request) -> None:
    with pytest.raises((Refused, TooLarge)) as refusal:
        csr.read_request(request_.data)
    assert refusal.value.rule == request_.rule
    assert all(finding.detail and finding.remedy for finding in refusal.value.findings)


def test_the_names_are_judged_only_where_the_signature_is_good() -> None:
    weak = Recipe(
        requests.key("a"),
        requests.subject("a"),
        (pkcs10.alternative_name(),),
        hash=hashes.SHA1(),  # noqa: S303 - that is the fault
    )
    with pytest.raises(Refused) as refusal:
        csr.read_request(pkcs10.pem(weak.der()))
    assert [finding.rule for finding in refusal.value.findings] == ["csr.signature-hash"]


@pytest.mark.parametrize("request_", [*BY_POLICY, *SAME_KEY_TWICE], ids=lambda request: request.name)
def test_what_only_a_policy_refuses_is_read(request_: Request) -> None:
    assert csr.read_request(request_.data).der


def test_the_subject_is_kept_byte_for_byte() -> None:
    request = csr.read_request(requests.UCCX_PUBLISHER.data)

    assert request.subject_der == requests.subject("uccx1-EC.example.com")
    assert [attribute.rfc4514_attribute_name for attribute in request.subject] == ["C", "ST", "L", "O", "OU", "CN"]


def test_the_key_is_kept_byte_for_byte() -> None:
    request = csr.read_request(PUBLISHER.der())

    assert request.subject_public_key_info == pkcs10.spki(PUBLISHER.key)
    assert isinstance(PUBLISHER.key, ec.EllipticCurvePrivateKey)
    assert request.public_key == PUBLISHER.key.public_key()


def test_the_names_are_kept_in_their_order() -> None:
    found = csr.read_request(requests.ALTERNATE_ADDRESS.data).subject_alternative_name

    assert found is not None
    assert [str(entry.value) for entry in found] == ["example.com", "cer1.example.com", "192.0.2.10", "2001:db8::10"]


def test_the_usages_are_those_that_were_asked() -> None:
    request = csr.read_request(requests.UCCX_PUBLISHER.data)

    assert key_usage_names(request.key_usage) == requests.OLD_USAGE
    assert extended_key_usage_names(request.extended_key_usage) == requests.OLD_PURPOSES
    assert request.basic_constraints is None


def test_a_request_without_extensions_asks_for_nothing() -> None:
    request = csr.read_request(Recipe(requests.key("plain"), requests.subject("plain.example.com")).der())

    assert (request.subject_alternative_name, request.key_usage, request.extended_key_usage) == (None, None, None)


def test_other_extensions_are_named_but_not_kept() -> None:
    policies = pkcs10.extension("2.5.29.32", asn1.sequence(asn1.sequence(asn1.oid("2.5.29.32.0"))))
    recipe = Recipe(
        requests.key("policy"), requests.subject("a.example.com"), (pkcs10.hosts("a.example.com"), policies)
    )

    assert csr.read_request(recipe.der()).other_extensions == ("2.5.29.32",)


def test_other_attributes_do_no_harm() -> None:
    password = pkcs10.attribute(pkcs10.CHALLENGE_PASSWORD, asn1.tlv(asn1.UTF8_STRING, b"secret"))
    recipe = Recipe(requests.key("p"), requests.subject("a.example.com"), (pkcs10.hosts("a.example.com"),), (password,))

    assert csr.read_request(recipe.der()).other_extensions == ()


def test_a_challenge_password_is_told_of_and_never_repeated() -> None:
    password = pkcs10.attribute(pkcs10.CHALLENGE_PASSWORD, asn1.tlv(asn1.UTF8_STRING, b"correct horse"))
    recipe = Recipe(requests.key("p"), requests.subject("a.example.com"), (pkcs10.hosts("a.example.com"),), (password,))

    [found] = csr.read_request(recipe.der()).findings

    assert (found.rule, found.severity) == ("csr.challenge-password", Severity.WARNING)
    assert "horse" not in found.detail + found.remedy


def test_a_challenge_password_and_the_signature_over_it_are_removed() -> None:
    """Decision 41: the signature would tell which guess is right."""
    password = pkcs10.attribute(pkcs10.CHALLENGE_PASSWORD, asn1.tlv(asn1.UTF8_STRING, b"correct horse"))
    recipe = Recipe(requests.key("p"), requests.subject("a.example.com"), (pkcs10.hosts("a.example.com"),), (password,))
    sent = recipe.der()

    request = csr.read_request(sent)

    assert request == csr.read_request(sent)
    assert (b"horse" in request.der, sent[-32:] in request.der) == (False, False)
    assert request.fingerprint == hashlib.sha256(request.der).hexdigest()
    assert csr.verify_stored(request.der) == csr.read_stored(request.der).request == request


def test_a_stored_csr_with_a_signature_is_verified_and_stays_as_it_is() -> None:
    password = pkcs10.attribute(pkcs10.CHALLENGE_PASSWORD, asn1.tlv(asn1.UTF8_STRING, b"of an earlier version"))
    old = replace(PUBLISHER, attributes=(password,)).der()
    assert csr.verify_stored(old).der == old
    with pytest.raises(Refused, match="signature"):
        csr.verify_stored(old[:-1] + bytes((old[-1] ^ 1,)))
    with pytest.raises(Refused, match="signature"):
        csr.verify_stored(unwrap(next(each.data for each in BY_INTAKE if each.name == "no-signature")))


def test_the_extension_request_of_microsoft_counts_when_it_is_alone() -> None:
    asked = pkcs10.attribute("1.3.6.1.4.1.311.2.1.14", asn1.sequence(pkcs10.hosts("a.example.com")))
    recipe = Recipe(requests.key("ms"), requests.subject("a.example.com"), attributes=(asked,))

    assert csr.read_request(recipe.der()).subject_alternative_name is not None


def test_the_fingerprint_is_the_sha256_of_the_request() -> None:
    request = csr.read_request(PUBLISHER.der())

    assert request.fingerprint == hashlib.sha256(request.der).hexdigest()


def test_junk_of_real_nodes_passes_with_a_warning() -> None:
    found = csr.read_request(requests.JUNK_COUNTRY.data).findings

    assert [(finding.rule, finding.severity) for finding in found] == [("subject.country", Severity.WARNING)]
    assert requests.JUNK in found[0].detail


@pytest.mark.parametrize("hash_", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda hash_: hash_.name)
def test_each_good_hash_is_accepted_whatever_the_curve(hash_: pkcs10.Hash) -> None:
    recipe = Recipe(
        requests.key("hashes"), requests.subject("a.example.com"), (pkcs10.hosts("a.example.com"),), (), hash_
    )

    assert csr.read_request(recipe.der()).der


def test_several_faults_are_told_at_once() -> None:
    recipe = Recipe(
        requests.key("two"),
        pkcs10.name(("CN", asn1.UTF8_STRING, "a\0b")),
        (pkcs10.hosts("_a.example.com", "-b.example.com"),),
    )
    with pytest.raises(Refused) as refusal:
        csr.read_request(recipe.der())
    assert [(finding.rule, finding.pointer) for finding in refusal.value.findings] == [
        ("subject.characters", "/subject/0"),
        ("san.dns-name", "/subject_alternative_name/0"),
        ("san.dns-name", "/subject_alternative_name/1"),
    ]


def test_loading_alone_verifies_nothing() -> None:
    tampered = next(request for request in BY_INTAKE if request.name == "tampered")

    assert csr.load(unwrap(tampered.data)).is_signature_valid is False


def test_the_hash_of_an_unknown_signature_is_unknown() -> None:
    unknown = next(request for request in BY_INTAKE if request.name == "unknown-algorithm")

    assert csr.signature_hash_name(csr.load(unwrap(unknown.data))) == "unknown"


def test_the_hash_of_a_signature_without_one_is_unknown() -> None:
    ed25519 = next(request for request in BY_INTAKE if request.name == "ed25519")

    assert csr.signature_hash_name(csr.load(unwrap(ed25519.data))) == "unknown"


def test_an_extension_that_is_not_there_is_none() -> None:
    assert find_value(x509.Extensions([]), x509.KeyUsage) is None


@given(st.integers(0, 2**32))
def test_no_damage_makes_it_fail_in_another_way(seed: int) -> None:
    damage, damaged = random.Random(seed), bytearray(PUBLISHER.der())  # noqa: S311 - not for secrets
    for _ in range(damage.randint(1, 3)):
        damaged[damage.randrange(len(damaged))] = damage.randrange(256)
    with suppress(CAServiceError):
        assert csr.read_request(bytes(damaged)).der == bytes(damaged)
