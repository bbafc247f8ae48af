"""Names: how they are shown and judged."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ca_service.pki import names
from ca_service.pki.visible_text import is_plain, visible
from tests.support.certificates import common_name


@pytest.mark.parametrize(
    "name", ["example.com", "a", "UCCX1-EC.example.com", "1.example.com", "x" * 63 + ".example", "a--b.example"]
)
def test_these_are_dns_names(name: str) -> None:
    assert names.is_dns_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "example.com.", ".example.com", "a..b", "-a.example", "a-.example", "a_b.example", "x" * 64,
     "*.example.com", "exämple.com", "a b", "a\0b", "a\n", ".".join(["x" * 63] * 4)],
)  # fmt: skip
def test_these_are_not_dns_names(name: str) -> None:
    assert not names.is_dns_name(name)


def test_a_name_of_253_characters_is_the_longest() -> None:
    longest = ".".join(["x" * 63, "x" * 63, "x" * 63, "x" * 61])

    assert names.is_dns_name(longest)
    assert not names.is_dns_name(longest + "x")


@pytest.mark.parametrize(("name", "wild"), [("*.example.com", True), ("a*.example.com", True), ("example.com", False)])
def test_a_star_makes_a_wildcard(name: str, wild: bool) -> None:
    assert names.is_wildcard(name) is wild


def test_the_last_common_name_counts() -> None:
    both = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value) for value in ("first", "last")])

    assert names.common_name(both) == "last"


def test_a_subject_without_a_common_name_has_none() -> None:
    assert names.common_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")])) is None


def test_a_name_is_shown_in_its_own_order() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.COMMON_NAME, "uccx1-EC.example.com"),
        ]
    )
    assert names.name_text(name) == "C=DE, CN=uccx1-EC.example.com"


def test_bytes_are_shown_as_hexadecimal() -> None:
    identifier = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\xab\x01", x509.name._ASN1Type.BitString)

    assert names.attribute_text(identifier) == "ab01"


def test_what_could_deceive_is_made_visible() -> None:
    assert visible("a\0b\u202ec\n") == "a\\u0000b\\u202ec\\u000a"


def test_blanks_of_other_kinds_are_left_as_they_are() -> None:
    assert visible("a\u00a0b") == "a\u00a0b"


@given(st.text())
def test_what_is_shown_is_always_plain(text: str) -> None:
    assert is_plain(visible(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (x509.DNSName("example.com"), "DNS:example.com"),
        (x509.IPAddress(ip_address("2001:db8::1")), "IP:2001:db8::1"),
        (x509.RFC822Name("a@example.com"), "email:a@example.com"),
        (x509.UniformResourceIdentifier("https://example.com/"), "URI:https://example.com/"),
        (x509.DirectoryName(common_name("x")), "directory name:CN=x"),
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), "registered ID:1.2.3"),
        (x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), "other name:1.2.3:0500"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_general_name_can_be_shown(name: x509.GeneralName, text: str) -> None:
    assert names.general_names_text([name]) == (text,)


@pytest.mark.parametrize("name", ["192.0.2.1", "example.1", "1"])
def test_what_ends_in_a_number_is_no_dns_name(name: str) -> None:
    assert not names.is_dns_name(name)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029"])
def test_what_some_programs_take_for_a_new_line_is_not_plain(separator: str) -> None:
    assert not is_plain(f"a{separator}b")
    assert visible(f"a{separator}b") == f"a\\u{ord(separator):04x}b"
