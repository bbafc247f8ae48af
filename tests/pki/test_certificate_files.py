"""Certificates are taken out of the same texts as CSRs, and out of PKCS#7 under any label."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ca_service.errors import Finding, InvalidInput
from ca_service.pki import der, encodings, files
from tests.support import asn1, certificates, pkcs10
from tests.support.deformed import DEFORMATIONS
from tests.support.requests import UCCX_PUBLISHER

CHAIN = (certificates.leaf(), *certificates.intermediate().chain)
BAG = pkcs7.serialize_certificates(list(CHAIN), Encoding.DER)


def refusal(data: bytes) -> Finding:
    """What is said of this file, which is refused."""
    with pytest.raises(InvalidInput) as caught:
        encodings.load_certificates(data)
    return caught.value.findings[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("deform", DEFORMATIONS.values(), ids=DEFORMATIONS)
def test_what_a_program_does_to_a_certificate_is_undone(deform: Callable[[str], str], encoding: str) -> None:
    text = deform(encodings.pem(CHAIN[0]).decode())

    assert encodings.load_certificates(text.encode(encoding)) == (CHAIN[0],)


def test_a_chain_in_utf_16_keeps_its_order() -> None:
    assert encodings.load_certificates(encodings.pem_chain(CHAIN).decode().encode("utf-16")) == CHAIN


@pytest.mark.parametrize("label", ["PKCS7", "PKCS #7 SIGNED DATA", "CMS", "CERTIFICATE", "ANYTHING ELSE"])
def test_pkcs7_is_read_under_any_label(label: str) -> None:
    assert set(encodings.load_certificates(pkcs10.pem(BAG, label))) == set(CHAIN)


def test_pkcs7_without_a_label_is_read() -> None:
    assert set(encodings.load_certificates(base64.encodebytes(BAG))) == set(CHAIN)


@pytest.mark.parametrize("label", files.CERTIFICATE_LABELS)
def test_a_certificate_is_read_under_each_of_its_labels(label: str) -> None:
    assert encodings.load_certificates(pkcs10.pem(encodings.der(CHAIN[0]), label)) == (CHAIN[0],)


def test_what_openssl_adds_to_a_trusted_certificate_is_left_out() -> None:
    trusted = encodings.der(CHAIN[0]) + asn1.sequence(asn1.sequence(asn1.oid("1.3.6.1.5.5.7.3.1")))

    assert encodings.load_certificates(pkcs10.pem(trusted, "TRUSTED CERTIFICATE")) == (CHAIN[0],)


def test_other_blocks_beside_a_certificate_do_no_harm() -> None:
    text = b"\xef\xbb\xbf" + UCCX_PUBLISHER.data + encodings.pem(CHAIN[0]).replace(b"\n", b" ")

    assert encodings.load_certificates(text) == (CHAIN[0],)


@pytest.mark.parametrize("data", [UCCX_PUBLISHER.data, UCCX_PUBLISHER.data.replace(b" REQUEST", b"")])
def test_a_request_in_place_of_a_certificate_is_named(data: bytes) -> None:
    assert refusal(data).rule == "certificate.is-request"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_private_key_is_named_and_not_repeated(encoding: str) -> None:
    secret = pkcs10.pem(b"a secret that stays one" * 4, "PRIVATE KEY")
    text = secret.decode() + encodings.pem(CHAIN[0]).decode().replace("\n", "\u00a0\n")

    found = refusal(text.encode(encoding))

    assert found.rule == "certificate.private-key"
    assert secret.splitlines()[1].decode() not in found.detail


def test_a_private_key_in_der_is_named() -> None:
    key = asn1.sequence(asn1.integer(0), asn1.sequence(), asn1.octet_string(b"secret"))

    assert refusal(key).rule == "certificate.private-key"


def test_a_character_that_is_not_base64_is_named_with_its_line() -> None:
    lines = encodings.pem(CHAIN[0]).decode().splitlines()
    lines[3] = lines[3][:5] + "\u2026" + lines[3][5:]

    found = refusal("\n".join(lines).encode())

    assert found.rule == "certificate.encoding"
    assert "Line 4 " in found.detail
    assert "U+2026" in found.detail


def test_another_kind_of_file_is_named() -> None:
    assert "Java key store" in refusal(b"\xfe\xed\xfe\xed" + bytes(40)).detail


def test_an_incomplete_certificate_is_unreadable() -> None:
    lines = encodings.pem(CHAIN[0]).splitlines()

    assert refusal(b"\n".join((*lines[:3], *lines[4:]))).rule == "certificate.unreadable"


def test_a_certificate_that_the_library_refuses_for_a_default_value_is_named() -> None:
    good = encodings.der(CHAIN[0])
    identifier = asn1.oid("2.5.29.14")
    odd = _with_longer_extension(good, identifier, asn1.boolean(False))

    found = refusal(odd)

    assert found.rule == "certificate.not-der"
    assert "FALSE" in found.detail


def _with_longer_extension(certificate_der: bytes, kind: bytes, flag: bytes) -> bytes:
    """The certificate with a flag in one of its extensions; its signature is no longer good."""
    tbs, *signature = _children(certificate_der)
    fields = _children(tbs)
    extensions = _children(_children(fields[-1])[0])
    changed = [asn1.sequence(kind, flag, _children(each)[-1]) if kind in each else each for each in extensions]
    made = asn1.sequence(*fields[:-1], asn1.context(3, asn1.sequence(*changed)))
    return asn1.sequence(made, *signature)


def _children(data: bytes) -> list[bytes]:
    return [each.der for each in der.read(data)[0].children]


def test_the_text_of_a_thousand_blocks_is_read_up_to_a_limit() -> None:
    many = b"-BEGIN X-\n" * 20_000

    assert refusal(many).rule == "certificate.unreadable"
