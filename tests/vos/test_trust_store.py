"""What a node tells of its trust store: two forms of a listing, and a snapshot of its API."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import CAServiceError, InvalidInput, TooLarge
from ca_service.vos.trust_store import MAX_CHARACTERS, Entry, entries_of, read
from tests.support.spoiled import root

PEM = root().certificate.public_bytes(Encoding.PEM).decode()
LINES = (
    "admin:show cert list trust\r\n"
    "tomcat-trust/Example_Root_CA.pem: CA-signed certificate\r\n"
    "CallManager-trust/Cisco_Root_CA_M2.der\r\n"
    "tomcat/tomcat.pem: own\r\nadmin:"
)
BLOCKS = """
Unit: tomcat-trust
Type: trust-certs
Name: Example_Root_CA
Unit: tomcat
Name: own
Unit: ipsec-trust
Name:
Unit: CAPF-trust
Name: other
"""


def snapshot(*rows: Any, service: Any = "tomcat") -> str:
    return json.dumps({"trusts": [{"service": service, "certificate_data": list(rows)}]})


def test_a_line_for_each_certificate_is_read() -> None:
    assert read(LINES) == (
        Entry("tomcat-trust", "Example_Root_CA"),
        Entry("CallManager-trust", "Cisco_Root_CA_M2"),
    )


def test_the_older_blocks_are_read() -> None:
    assert read(BLOCKS) == (Entry("tomcat-trust", "Example_Root_CA"), Entry("CAPF-trust", "other"))


def test_a_snapshot_has_the_certificates_themselves() -> None:
    text = snapshot({"filename": "root.pem", "certificate": PEM}, service="tomcat-trust")

    assert read(text) == (Entry("tomcat-trust", "root", root().certificate),)


def test_what_cannot_be_read_in_a_snapshot_is_passed_over() -> None:
    rows = ({"filename": "x", "certificate": "nonsense"}, "no row", {"certificate": PEM})

    assert [each.name for each in read(snapshot(*rows))] == [""]


def test_nothing_is_no_list() -> None:
    assert read("  \n") == ()


@pytest.mark.parametrize(
    "text", ["hello", "{", "{}", '{"trusts": 1}', '{"trusts": [{}]}', "[" * 100_000 + "{", "{" + '"a":[' * 50_000]
)
def test_a_text_that_tells_of_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="show cert list trust") as caught:
        read(text)
    assert caught.value.rule == "trust.unreadable"


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(TooLarge) as caught:
        read("x" * (MAX_CHARACTERS + 1))
    assert caught.value.rule == "trust.too-large"


@pytest.mark.parametrize(
    ("file", "common_name", "expected"),
    [
        ("Example_Root_CA", "Example Root CA", True),
        ("Example_Root_CA_5f3a", "Example Root CA", True),
        ("Example_Root_CA_G2", "Example Root CA", False),
        ("Other", "Example Root CA", False),
        ("Example", "", False),
    ],
)
def test_a_file_name_may_stand_for_a_common_name(file: str, common_name: str, expected: bool) -> None:
    assert Entry("tomcat-trust", file).may_be(common_name) is expected


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except CAServiceError:
        return
    assert all(entry.store.endswith("-trust") for entry in found)


def test_no_more_entries_are_parsed_than_are_kept() -> None:
    rows: list[dict[str, str]] = [{"filename": "a.pem", "certificate": PEM}] * 2000
    snapshot = {"trusts": [{"service": "tomcat", "certificate_data": [*rows, Untouched()]}]}
    assert len(entries_of(snapshot)) == 2000


class Untouched(dict[str, str]):
    """A row beyond the last one that is read."""

    def get(self, *_: object) -> NoReturn:
        """Fail."""
        raise AssertionError
