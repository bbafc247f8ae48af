"""The wrappings in which a request arrives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import CAServiceError, Refused, TooLarge
from ca_service.pki import armour, der, files
from tests.support import asn1, pkcs10, requests
from tests.support.requests import Request

PLAIN = next(request.data for request in requests.WRAPPINGS if request.name == "der")


@pytest.mark.parametrize("wrapped", requests.WRAPPINGS, ids=lambda request: request.name)
def test_every_wrapping_gives_the_same_request(wrapped: Request) -> None:
    assert armour.unwrap(wrapped.data) == PLAIN


@pytest.mark.parametrize("label", armour.REQUEST_LABELS)
def test_each_label_is_known(label: str) -> None:
    assert armour.unwrap(pkcs10.pem(PLAIN, label)) == PLAIN


def test_a_file_of_exactly_the_limit_is_read() -> None:
    padded = pkcs10.pem(PLAIN).ljust(armour.MAX_REQUEST_BYTES, b"\n")

    assert armour.unwrap(padded) == PLAIN


def test_a_byte_more_than_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge, match=str(armour.MAX_REQUEST_BYTES)):
        armour.unwrap(pkcs10.pem(PLAIN).ljust(armour.MAX_REQUEST_BYTES + 1, b"\n"))


def test_a_request_that_is_whole_needs_no_end_line_of_its_own() -> None:
    whole = pkcs10.pem(PLAIN)

    assert armour.unwrap(whole.replace(b"END CERTIFICATE REQUEST", b"END NEW CERTIFICATE REQUEST")) == PLAIN
    assert armour.unwrap(whole.partition(b"-----END")[0]) == PLAIN


def test_a_text_that_begins_with_the_digit_0_is_not_taken_for_der() -> None:
    with pytest.raises(Refused) as refusal:
        armour.unwrap(b"0" * 50)  # as DER it would be a sequence of 48 bytes, of no known kind
    assert refusal.value.rule == "csr.unreadable"


def test_a_refusal_never_repeats_a_private_key() -> None:
    secret = pkcs10.pem(b"a secret that stays one", "PRIVATE KEY")
    with pytest.raises(Refused) as refusal:
        armour.unwrap(secret)
    assert secret.splitlines()[1].decode() not in str(refusal.value)


def test_many_blanks_do_not_slow_it_down() -> None:
    started = time.perf_counter()
    with pytest.raises(Refused):
        armour.unwrap(b"a" + b" " * (armour.MAX_REQUEST_BYTES - 2) + b"!")
    assert time.perf_counter() - started < 1


def test_a_damaged_inside_is_of_no_known_kind() -> None:
    element, _ = der.read(asn1.sequence(b"\x30\x7f"))

    assert files.kind_of(element) == "unknown"


def test_what_is_no_sequence_is_of_no_known_kind() -> None:
    element, _ = der.read(asn1.integer(5))

    assert files.kind_of(element) == "unknown"


@given(st.binary(max_size=2000) | st.text(max_size=2000).map(str.encode))
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    with suppress(CAServiceError):
        assert armour.unwrap(data)[0] == der.SEQUENCE


@given(st.binary(max_size=400))
def test_no_body_makes_it_fail_in_another_way(body: bytes) -> None:
    with suppress(CAServiceError):
        armour.unwrap(b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"\n-----END CERTIFICATE REQUEST-----\n")


def test_two_requests_are_never_taken_for_one() -> None:
    with pytest.raises(Refused) as caught:
        armour.unwrap(pkcs10.pem(PLAIN) + pkcs10.pem(PLAIN))
    assert caught.value.rule == "csr.several"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gzip.compress(pkcs10.pem(PLAIN)), "gzip"),
        (lzma.compress(pkcs10.pem(PLAIN)), ".xz"),
        (bz2.compress(pkcs10.pem(PLAIN)), "bzip2"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "7-Zip"),
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"PK\x03\x04" + bytes(40), "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Outlook"),
        (b"\xfe\xed\xfe\xed\x00", "Java key store"),
        (b"{\\rtf1 text", ".rtf"),
        (b"ecdsa-sha2-nistp256 AAAA", "SSH"),
    ],
)
def test_a_file_of_another_format_is_named(data: bytes, name: str) -> None:
    with pytest.raises(Refused) as refusal:
        armour.unwrap(data)
    assert refusal.value.rule == "csr.format"
    assert name in refusal.value.findings[0].detail


def test_a_tar_is_named_although_a_request_is_in_it_as_text() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        member = tarfile.TarInfo("uccx1.csr")
        member.size = len(pkcs10.pem(PLAIN))
        made.addfile(member, io.BytesIO(pkcs10.pem(PLAIN)))

    with pytest.raises(Refused, match="tar archive"):
        armour.unwrap(buffer.getvalue())


def _signed_data(kind: str, content: bytes = b"") -> bytes:
    """PKCS#7 around a content of this kind."""
    inner = asn1.sequence(asn1.oid(kind), *([asn1.context(0, asn1.octet_string(content))] if content else []))
    body = asn1.sequence(asn1.integer(1), asn1.set_of(), inner, asn1.set_of())
    return asn1.sequence(asn1.oid("1.2.840.113549.1.7.2"), asn1.context(0, body))


@pytest.mark.parametrize(
    ("data", "rule", "wrapping"),
    [
        (_signed_data("1.3.6.1.5.5.7.12.2", b"x"), "csr.wrapped", "CMC"),
        (_signed_data("1.2.840.113549.1.7.1", PLAIN), "csr.wrapped", "renewal"),
        (_signed_data("1.2.840.113549.1.7.1", asn1.sequence()), "csr.pkcs7", ""),
        (_signed_data("1.2.840.113549.1.7.1"), "csr.pkcs7", ""),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.7.2")), "csr.pkcs7", ""),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.7.1"), asn1.context(0, b"")), "csr.pkcs7", ""),
    ],
)
def test_a_request_inside_pkcs7_is_named(data: bytes, rule: str, wrapping: str) -> None:
    for each in (data, pkcs10.pem(data, "NEW CERTIFICATE REQUEST")):
        with pytest.raises(Refused) as refusal:
            armour.unwrap(each)
        assert refusal.value.rule == rule
        assert wrapping in refusal.value.findings[0].detail


@pytest.mark.parametrize("label", ["CMS", "PKCS7", "PKCS #7 SIGNED DATA"])
def test_pkcs7_is_named_by_its_label(label: str) -> None:
    with pytest.raises(Refused) as refusal:
        armour.unwrap(pkcs10.pem(b"anything", label))
    assert refusal.value.rule == "csr.pkcs7"
