"""A request is read from the text that programs make of it, or refused with the character that is in the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.errors import Finding, Refused
from ca_service.pki import armour, files, traces
from tests.support import asn1, pkcs10
from tests.support.deformed import DEFORMATIONS

Deform = Callable[[str], str]
LABELS = st.sampled_from(armour.REQUEST_LABELS)


def request_of(content: bytes) -> bytes:
    """DER that has the outermost structure of a request, around any bytes."""
    info = asn1.sequence(asn1.integer(0), asn1.octet_string(content))
    return asn1.sequence(info, asn1.sequence(), asn1.bit_string(content[::-1]))


def refusal(data: str | bytes) -> Finding:
    """What is said of this text, which is refused."""
    with pytest.raises(Refused) as caught:
        armour.unwrap(data.encode() if isinstance(data, str) else data)
    return caught.value.findings[0]


@pytest.mark.parametrize("deform", DEFORMATIONS.values(), ids=DEFORMATIONS)
@given(content=st.binary(min_size=80, max_size=400), label=LABELS)
@settings(max_examples=25)  # for each of fifty programs
def test_what_one_program_does_to_a_request_is_undone(deform: Deform, content: bytes, label: str) -> None:
    der = request_of(content)

    assert armour.unwrap(deform(pkcs10.pem(der, label).decode()).encode()) == der


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("deform", DEFORMATIONS.values(), ids=DEFORMATIONS)
def test_it_is_undone_in_every_encoding(deform: Deform, encoding: str) -> None:
    der = request_of(bytes(range(256)))
    text = "Request:\n" + deform(pkcs10.pem(der).decode())

    assert armour.unwrap(text.encode(encoding)) == der


@given(
    content=st.binary(min_size=80, max_size=400),
    deform=st.lists(st.sampled_from(list(DEFORMATIONS.values())), min_size=2, max_size=3),
)
def test_what_several_programs_do_is_undone_or_refused(content: bytes, deform: list[Deform]) -> None:
    der = request_of(content)
    text = pkcs10.pem(der).decode()
    for each in deform:
        text = each(text)
    with suppress(Refused):
        assert armour.unwrap(text.encode()) == der


@pytest.mark.parametrize("name", ["no-break spaces", "full width"])
def test_a_text_in_latin_1_is_read_where_it_is_no_utf_8(name: str) -> None:
    der = request_of(bytes(range(256)))
    text = DEFORMATIONS[name](pkcs10.pem(der).decode()) if name == "no-break spaces" else pkcs10.pem(der).decode()

    assert armour.unwrap(("Größe\n" + text).encode("latin-1")) == der


@pytest.mark.parametrize(
    ("character", "code", "writer"),
    [
        ("\u2026", "U+2026", "in place of text"),
        ("\ufffd", "U+FFFD", "could not read"),
        ("\u00c2", "U+00C2", "UTF-8 as Latin-1"),
        ("$", "U+0024", "cat -A"),
        ("|", "U+007C", "tables"),
        ("&", "U+0026", "Web pages"),
        ("%", "U+0025", "URL encoding"),
        ("{", "U+007B", "JSON"),
        ("<", "U+003C", "XML"),
        ("!", "U+0021", ""),
        ("\u0416", "U+0416", ""),
    ],
)
def test_the_refusal_names_the_character_its_line_and_the_program(character: str, code: str, writer: str) -> None:
    lines = pkcs10.pem(request_of(bytes(range(200)))).decode().splitlines()
    lines[4] = lines[4][:10] + character + lines[4][10:]
    found = refusal("\n".join(("From: me", "", *lines)))

    assert found.rule == "csr.encoding"
    assert "Line 7 " in found.detail
    assert code in found.detail
    assert writer in found.detail


def test_an_equals_sign_in_the_middle_is_named() -> None:
    lines = pkcs10.pem(request_of(bytes(range(200)))).decode().splitlines()
    lines[2] = lines[2][:-4] + "AA=="

    found = refusal("\n".join(lines))

    assert "Line 3 " in found.detail
    assert "two texts were joined" in found.detail


def test_an_incomplete_request_says_how_much_of_it_is_there() -> None:
    der = request_of(bytes(200))
    lines = pkcs10.pem(der).decode().splitlines()

    found = refusal("\n".join((*lines[:3], *lines[4:])))

    assert found.rule == "csr.truncated"
    assert f"{len(der) - 48} of its {len(der)} bytes" in found.detail


@pytest.mark.parametrize("size", range(80, 83))
def test_a_request_without_one_of_its_characters_is_incomplete(size: int) -> None:
    text = pkcs10.pem(request_of(bytes(size))).decode()

    assert refusal(text[:60] + text[61:]).rule == "csr.truncated"


def test_a_request_with_more_bytes_than_it_states_says_how_many() -> None:
    found = refusal(pkcs10.pem(request_of(bytes(200)) + b"\x00\x00").decode().replace("\n", "\u00a0\n"))

    assert found.rule == "csr.trailing-data"
    assert "2 bytes" in found.detail


@pytest.mark.parametrize("deform", DEFORMATIONS.values(), ids=DEFORMATIONS)
def test_a_private_key_is_seen_whatever_was_done_to_its_text(deform: Deform) -> None:
    assert refusal(deform(pkcs10.pem(b"a secret that stays one" * 9, "EC PRIVATE KEY").decode())).rule in {
        "csr.private-key",
        "csr.unreadable",
    }


@pytest.mark.parametrize("deform", DEFORMATIONS.values(), ids=DEFORMATIONS)
def test_two_requests_are_two_whatever_was_done_to_their_text(deform: Deform) -> None:
    text = deform(pkcs10.pem(request_of(bytes(200))).decode())
    if "-" in text and deform is not DEFORMATIONS["END line lost"]:
        assert refusal(text + "\n" + text).rule == "csr.several"


HOSTILE = {
    "blanks": "a" + " " * 60_000 + "!",
    "hyphens": "-" * 60_000,
    "begins": "-----BEGIN " * 6_000,
    "requests": "-----BEGIN CERTIFICATE REQUEST-----\n" * 1_700,
    "backslashes": "\\" * 60_000,
    "escapes": "\x1b[" * 30_000,
    "titles": "\x1b]0;" * 15_000,
    "backspaces": "a\b" * 30_000,
    "pagers": "Press enter" * 5_000,
    "more": "-- more" * 8_000,
    "quotes": '" ' * 30_000,
    "quoted blanks": '"' + " " * 60_000 + "!",
    "tags": "<a" * 30_000,
    "soft breaks": "= " * 30_000,
    "blanks after an equals sign": "=" + " " * 60_000 + "!",
    "entities": "&#1" * 20_000,
    "percent": "%0A" * 20_000,
    "encoded begins": "LS0tLS1CRUdJTiB " * 4_000,
    "numbers": "1" * 60_000,
    "line numbers": "1: -----BEGIN \n" * 4_000,
    "long in NFKC": "\ufdfa" * 20_000,
    "marks": "\u200f" * 20_000,
    "line breaks": "\n" * 60_000 + "!",
    "equals signs": "=" * 60_000,
}


@pytest.mark.parametrize("begin", ["", "-----BEGIN CERTIFICATE REQUEST-----\n"], ids=["bare", "block"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_keeps_it_busy(text: str, begin: str) -> None:
    data = (begin + text).encode()[: armour.MAX_REQUEST_BYTES]  # in the square of this length it would take minutes

    assert refusal(data).rule in {"csr.encoding", "csr.unreadable", "csr.several", "csr.truncated"}


@given(st.text(max_size=300))
def test_no_text_makes_the_removal_fail(text: str) -> None:
    assert isinstance(traces.removed(text), str)


def test_what_is_typed_over_is_gone() -> None:
    assert traces.removed("abc\b\bX\b\b\b\b_") == "_Xc"


def test_a_text_without_any_block_has_none() -> None:
    assert files.loose_blocks("no block") == ()
