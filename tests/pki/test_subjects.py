"""What may stand in subjects and subject alternative names."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import Finding, Severity
from ca_service.pki import csr
from ca_service.pki import names as pki_names
from tests.support import pkcs10
from tests.support.asn1 import UTF8_STRING
from tests.support.certificates import common_name
from tests.support.pkcs10 import Recipe
from tests.support.requests import key


def judge(subject: x509.Name) -> list[Finding]:
    return list(pki_names.judge_subject(subject, subject.public_bytes()))


def judge_names(*names: x509.GeneralName) -> list[str]:
    return [found.rule for found in pki_names.judge_alternative_name(x509.SubjectAlternativeName(names))]


def test_an_ordinary_subject_is_good() -> None:
    assert judge(common_name("uccx1-EC.example.com")) == []


def test_a_subject_that_would_be_encoded_otherwise_is_refused() -> None:
    found = pki_names.judge_subject(common_name("a"), common_name("b").public_bytes())

    assert [finding.rule for finding in found] == ["subject.encoding"]


@pytest.mark.parametrize(("length", "rules"), [(64, []), (65, ["subject.common-name-length"])])
def test_a_common_name_of_more_than_64_characters_is_reported(length: int, rules: list[str]) -> None:
    subject = csr.load(Recipe(key("long"), pkcs10.name(("CN", UTF8_STRING, "x" * length))).der()).subject

    assert [finding.rule for finding in judge(subject)] == rules


@pytest.mark.parametrize(("country", "rules"), [("DE", []), ("D1", ["subject.country"]), ("Ä", ["subject.country"])])
def test_a_country_that_is_no_code_is_reported(country: str, rules: list[str]) -> None:
    name = x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country)

    assert [finding.rule for finding in judge(x509.Name([name]))] == rules


def test_what_is_reported_does_not_stop_the_signing() -> None:
    name = x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "D1")

    assert [finding.severity for finding in judge(x509.Name([name]))] == [Severity.WARNING]


@pytest.mark.parametrize(("size", "rules"), [(4096, []), (4097, ["subject.too-large"])])
def test_a_subject_may_have_4096_bytes(size: int, rules: list[str]) -> None:
    street = x509.NameOID.STREET_ADDRESS  # the library knows no limit for it
    padding = size - len(x509.Name([x509.NameAttribute(street, "x" * 1000)]).public_bytes())
    name = x509.Name([x509.NameAttribute(street, "x" * (1000 + padding))])

    assert len(name.public_bytes()) == size
    assert [finding.rule for finding in judge(name)] == rules


def test_hosts_addresses_and_wildcards_are_good_names() -> None:
    names = (x509.DNSName("example.com"), x509.DNSName("*.example.com"), x509.IPAddress(ip_address("192.0.2.1")))

    assert judge_names(*names) == []


def test_no_extension_is_no_fault() -> None:
    assert list(pki_names.judge_alternative_name(None)) == []


def test_100_names_are_allowed() -> None:
    assert judge_names(*(x509.DNSName(f"n{number}.example.com") for number in range(100))) == []


def test_of_101_names_only_their_number_is_told() -> None:
    assert judge_names(*[x509.DNSName("_")] * 101) == ["san.too-many"]


def test_a_bare_wildcard_is_no_name() -> None:
    assert judge_names(x509.DNSName("*")) == ["san.dns-name"]


@given(st.text(max_size=40))
def test_no_name_is_good_that_has_another_character_than_hosts_have(name: str) -> None:
    usable = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")
    entry = x509.DNSName._init_without_validation(name)

    if not set(name.removeprefix("*.")) <= usable:
        assert judge_names(entry) == ["san.dns-name"]


@pytest.mark.parametrize(("name", "rules"), [("*.com", ["san.dns-name"]), ("*.example.com", [])])
def test_a_wildcard_stands_below_a_domain_of_two_labels_at_least(name: str, rules: list[str]) -> None:
    assert judge_names(x509.DNSName(name)) == rules


def test_a_huge_subject_is_not_judged_part_by_part_without_an_end() -> None:
    part = x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "a\u2028b")
    assert len(judge(x509.Name([part] * 1000))) == pki_names.MAX_ATTRIBUTES + 1
