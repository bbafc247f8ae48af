"""The DER walker: what it takes apart, and what it refuses to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.pki import der
from tests.support import asn1


def test_an_element_is_told_from_what_follows_it() -> None:
    element, rest = der.read(asn1.octet_string(b"abc") + b"rest")

    assert (element.tag, element.content, element.der, rest) == (4, b"abc", b"\x04\x03abc", b"rest")


def test_children_come_in_their_order() -> None:
    element, _ = der.read(asn1.sequence(asn1.integer(1), asn1.octet_string(b"x" * 200)))

    assert [child.tag for child in element.children] == [der.INTEGER, der.OCTET_STRING]
    assert b"".join(child.der for child in element.children) == element.content


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"\x30", "truncated", id="no-length"),
        pytest.param(b"\x04\x05abc", "truncated", id="value-too-short"),
        pytest.param(b"\x04\x82\x01", "truncated", id="length-too-short"),
        pytest.param(b"\x1f\x81\x01\x00", "high tag number", id="high-tag-number"),
        pytest.param(b"\x30\x80\x00\x00", "length form", id="indefinite"),
        pytest.param(b"\x04\x85\x00\x00\x00\x00\x01a", "length form", id="five-length-octets"),
        pytest.param(b"\x04\x81\x01a", "length is not minimal", id="long-form-for-a-short-length"),
        pytest.param(b"\x04\x82\x00\x80" + b"a" * 128, "length is not minimal", id="leading-zero"),
    ],
)
def test_what_is_not_der_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(der.DERError, match=reason):
        der.read(data)


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_what_is_written_is_read_back(parts: list[bytes]) -> None:
    element, rest = der.read(der.sequence(*(der.bit_string(part) for part in parts)))

    assert [child.content for child in element.children] == [b"\x00" + part for part in parts]
    assert rest == b""


@given(st.binary(max_size=64))
def test_no_bytes_make_the_walker_fail_in_another_way(data: bytes) -> None:
    try:
        element, rest = der.read(data)
    except der.DERError:
        return
    assert element.der + rest == data


# What is written


@given(st.integers(0, 2**200))
def test_an_integer_is_written_as_others_write_it(number: int) -> None:
    assert der.integer(number) == asn1.integer(number)


@pytest.mark.parametrize("dotted", ["1.2.840.10045.4.3.3", "2.5.29.20", "1.3.6.1.5.5.7.48.1.2"])
def test_an_object_identifier_is_written_as_others_write_it(dotted: str) -> None:
    assert der.object_identifier(dotted) == asn1.oid(dotted)


@given(st.binary(max_size=300))
def test_what_is_written_is_read_again(data: bytes) -> None:
    element, rest = der.read(der.explicit(1, der.octet_string(data)) + b"rest")

    assert (element.tag, element.children[0].content, rest) == (0xA1, data, b"rest")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))), b"\x17\x0d260101000000Z"),
    ],
)
def test_times_are_utc_and_change_their_form_in_2050(moment: datetime, expected: bytes) -> None:
    assert der.time(moment) == expected


def test_an_enumerated_is_one_octet() -> None:
    assert der.enumerated(10) == b"\x0a\x01\x0a"
