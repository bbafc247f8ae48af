"""What is only unusual is read with a warning; what cannot be copied is refused by attribute and character."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import Finding, Refused, Severity
from ca_service.pki import csr, strict
from tests.support import asn1, pkcs10, requests
from tests.support.asn1 import IA5_STRING, PRINTABLE_STRING, T61_STRING, UTF8_STRING
from tests.support.fakes import NOON
from tests.support.pkcs10 import Recipe

BMP_STRING = 0x1E
SUBJECT = requests.subject("uccx1-EC.example.com")
HOSTS = pkcs10.hosts("example.com", "uccx1.example.com")
FALSE, TRUE, BER_TRUE = asn1.boolean(False), asn1.boolean(True), b"\x01\x01\x01"


def extension(kind: str, value: bytes, flag: bytes = b"") -> bytes:
    """An extension with this flag, also one that DER leaves out."""
    return asn1.sequence(asn1.oid(kind), flag, asn1.octet_string(value))


def signed(*fields: bytes) -> bytes:
    """A signed request with these fields behind its key."""
    key = requests.key("unusual")
    info = asn1.sequence(asn1.integer(0), SUBJECT, pkcs10.spki(key), *fields)
    algorithm = asn1.sequence(asn1.oid("1.2.840.10045.4.3.2"))
    return asn1.sequence(info, algorithm, asn1.bit_string(key.sign(info, ec.ECDSA(hashes.SHA256()))))


def asking(*extensions: bytes) -> bytes:
    """A request for these extensions."""
    return Recipe(requests.key("unusual"), SUBJECT, extensions).der()


def oddities(data: bytes) -> list[Finding]:
    """The warnings about a request that is read."""
    return [found for found in csr.read_request(data).findings if found.rule == "csr.not-der"]


UNSORTED = asn1.tlv(
    0xA0,
    pkcs10.extension_request(HOSTS),
    pkcs10.attribute("1.2.840.113549.1.9.2", asn1.tlv(UTF8_STRING, b"unstructured")),
)
UNUSUAL = {
    "attributes missing": (signed(), "attributes is missing"),
    "attributes unsorted": (signed(UNSORTED), "not sorted"),
    "cA FALSE": (asking(HOSTS, extension("2.5.29.19", asn1.sequence(FALSE))), "FALSE"),
    "cA TRUE in BER": (asking(HOSTS, extension("2.5.29.19", asn1.sequence(BER_TRUE))), "TRUE"),
    "critical FALSE": (asking(HOSTS, extension("2.5.29.14", asn1.octet_string(bytes(20)), FALSE)), "FALSE"),
    "critical TRUE in BER": (asking(HOSTS, extension("2.5.29.14", asn1.octet_string(bytes(20)), BER_TRUE)), "TRUE"),
}


@pytest.mark.parametrize(("data", "what"), UNUSUAL.values(), ids=UNUSUAL)
def test_it_is_read_with_a_warning(data: bytes, what: str) -> None:
    [found] = oddities(data)

    assert found.severity is Severity.WARNING
    assert what in found.detail


@pytest.mark.parametrize("data", [data for data, _ in UNUSUAL.values()], ids=UNUSUAL)
def test_it_is_kept_as_it_came(data: bytes) -> None:
    request = csr.read_request(data)

    assert request.der == data
    assert request.subject_der == SUBJECT


def test_its_extensions_count() -> None:
    request = csr.read_request(UNUSUAL["critical FALSE"][0])

    assert request.names == ("DNS:example.com", "DNS:uccx1.example.com")
    assert request.other_extensions == ("2.5.29.14",)


def test_a_written_out_true_still_asks_for_an_authority() -> None:
    constraints = csr.read_request(UNUSUAL["cA TRUE in BER"][0]).basic_constraints

    assert constraints is not None
    assert constraints.ca


def test_its_signature_is_verified_over_what_came() -> None:
    data = UNUSUAL["cA FALSE"][0]
    tampered = data.replace(b"uccx1.example.com", b"uccx2.example.com")

    with pytest.raises(Refused) as caught:
        csr.read_request(tampered)
    assert caught.value.rule == "csr.signature"


def test_an_ordinary_request_is_not_rewritten() -> None:
    data = asking(HOSTS)

    assert strict.rewritten_request(data) == (data, ())
    assert oddities(data) == []


@given(st.binary(max_size=300))
def test_what_cannot_be_taken_apart_stays_as_it_is(data: bytes) -> None:
    assert strict.rewritten_request(asn1.sequence(data)) == (asn1.sequence(data), ())
    assert strict.unreadable_strings(asn1.sequence(data)) == ()


@pytest.mark.parametrize(
    ("tag", "value", "kind", "character"),
    [
        (PRINTABLE_STRING, b"Voice & Video", "PrintableString", "\u201c&\u201d"),
        (PRINTABLE_STRING, b"a_b", "PrintableString", "\u201c_\u201d"),
        (PRINTABLE_STRING, b"a\xe4", "PrintableString", "the byte E4"),
        (PRINTABLE_STRING, b"a\nb", "PrintableString", "\u201c\\u000a\u201d"),
        (T61_STRING, b"B\xe4r", "T61String", "the byte E4"),
        (IA5_STRING, b"B\xe4r", "IA5String", "the byte E4"),
        (UTF8_STRING, b"B\xe4r", "UTF8String", "the byte E4"),
        (BMP_STRING, b"\0a\0", "BMPString", "the byte 00"),
    ],
)
def test_a_value_that_its_string_type_does_not_allow_is_named(
    tag: int, value: bytes, kind: str, character: str
) -> None:
    attribute = asn1.sequence(asn1.oid("2.5.4.10"), asn1.tlv(tag, value))
    subject = asn1.sequence(
        asn1.set_of(asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(UTF8_STRING, b"a"))), asn1.set_of(attribute)
    )

    with pytest.raises(Refused) as caught:
        csr.read_request(Recipe(requests.key("strings"), subject, (HOSTS,)).der())

    [found] = caught.value.findings
    assert (found.rule, found.pointer) == ("subject.string", "/subject/1")
    assert found.detail.startswith(f"O is encoded as {kind}, which cannot contain {character}")


@pytest.mark.parametrize(
    ("oid", "name"), [("2.5.4.45", "2.5.4.45"), ("1.2.840.113549.1.9.2", "unstructuredName"), ("2.999.1", "2.999.1")]
)
def test_the_attribute_is_named_by_its_number_where_it_has_no_short_name(oid: str, name: str) -> None:
    subject = asn1.sequence(asn1.set_of(asn1.sequence(asn1.oid(oid), asn1.tlv(PRINTABLE_STRING, b"&"))))

    with pytest.raises(Refused) as caught:
        csr.read_request(Recipe(requests.key("strings"), subject, (HOSTS,)).der())
    assert caught.value.findings[0].values["name"] in {name, oid}


@pytest.mark.parametrize("value", [b"B\xc3\xa4r", b"Bar"])
def test_a_t61_string_that_can_be_copied_is_copied(value: bytes) -> None:
    subject = asn1.sequence(asn1.set_of(asn1.sequence(asn1.oid("2.5.4.3"), asn1.tlv(T61_STRING, value))))

    assert csr.read_request(Recipe(requests.key("t61"), subject, (HOSTS,)).der()).subject_der == subject


def test_a_name_that_occurs_twice_is_a_warning_with_the_name() -> None:
    found = csr.read_request(asking(pkcs10.hosts("a.example.com", "b.example.com", "a.example.com"))).findings

    assert [(each.rule, each.severity) for each in found] == [("san.duplicate", Severity.WARNING)]
    assert "DNS:a.example.com" in found[0].detail


def test_the_extensions_of_a_certificate_with_a_default_value_are_read() -> None:
    key = requests.key("leaf")
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([]),
        subject_name=x509.Name([]),
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=NOON,
        not_valid_after=NOON,
        extensions=[
            x509.Extension(
                x509.BasicConstraints.oid,
                False,
                x509.UnrecognizedExtension(x509.BasicConstraints.oid, asn1.sequence(FALSE)),
            )
        ],
    )
    certificate = builder.sign(key, hashes.SHA256())

    [found] = strict.extensions_of(certificate)

    assert found.value == x509.BasicConstraints(ca=False, path_length=None)
