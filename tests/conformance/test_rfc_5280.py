"""RFC 5280 and its companions: one function, one clause, on the bytes of a root, an intermediate and a leaf."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.pki import der, issuing, keys, profiles
from ca_service.pki.contents import Issuer, serial_text
from ca_service.pki.der import Element
from tests.support import asn1, certificates

INTERMEDIATE, ROOT = certificates.intermediate().chain
EVERY = pytest.mark.parametrize(
    "certificate", [ROOT, INTERMEDIATE, certificates.leaf()], ids=["root", "intermediate", "leaf"]
)
AUTHORITIES = pytest.mark.parametrize("certificate", [ROOT, INTERMEDIATE], ids=["root", "intermediate"])
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


def parts(certificate: x509.Certificate) -> tuple[Element, ...]:
    """TBSCertificate, AlgorithmIdentifier and signature."""
    return der.read(certificate.public_bytes(Encoding.DER))[0].children


def fields(certificate: x509.Certificate) -> tuple[Element, ...]:
    """version, serial number, signature, issuer, validity, subject, key, extensions."""
    return parts(certificate)[0].children


def extension(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> Element:
    """The Extension as it is encoded."""
    found = fields(certificate)[7].children[0].children
    return next(element for element in found if element.children[0].der == asn1.oid(kind.oid.dotted_string))


def value(element: Element) -> bytes:
    """What is inside the OCTET STRING of an Extension."""
    return element.children[-1].content


def is_critical(element: Element) -> bool:
    return element.children[1].der == asn1.boolean(True)


@EVERY
def test_4_1_1_2_the_algorithm_is_the_one_inside(certificate: x509.Certificate) -> None:
    """This field MUST contain the same algorithm identifier as the signature field in the tbsCertificate."""
    assert parts(certificate)[1].der == fields(certificate)[2].der


@EVERY
def test_4_1_2_1_the_version_is_3(certificate: x509.Certificate) -> None:
    """When extensions are used, version MUST be 3 (value is 2)."""
    assert fields(certificate)[0].der == asn1.context(0, asn1.integer(2))


@EVERY
def test_4_1_2_2_the_serial_number_has_at_most_20_octets(certificate: x509.Certificate) -> None:
    """The serial number MUST be a positive integer; CAs MUST NOT use values longer than 20 octets."""
    content = fields(certificate)[1].content

    assert int.from_bytes(content, "big", signed=True) > 0
    assert len(content) <= 20
    assert len(serial_text(certificate.serial_number)) == 40


@EVERY
def test_4_1_2_4_the_issuer_is_not_empty(certificate: x509.Certificate) -> None:
    """The issuer field MUST contain a non-empty distinguished name."""
    assert fields(certificate)[3].children


@EVERY
def test_4_1_2_5_1_times_until_2049_are_utc_time_with_seconds(certificate: x509.Certificate) -> None:
    """UTCTime values MUST be expressed in Greenwich Mean Time (Zulu) and MUST include seconds."""
    for time in fields(certificate)[4].children:
        assert time.tag == UTC_TIME
        assert len(time.content) == len(b"YYMMDDHHMMSSZ")
        assert time.content.endswith(b"Z")


def test_4_1_2_5_2_times_from_2050_are_generalized_time() -> None:
    """GeneralizedTime values MUST include seconds and MUST NOT include fractional seconds."""
    late = datetime(2045, 1, 1, tzinfo=UTC)
    key = keys.generate_key("P-256")
    wanted = certificates.contents(
        profiles.ROOT, certificates.common_name("Late Root G9"), key.public_key(), days=3650, start=late
    )
    root = issuing.sign(issuing.prepare(wanted, Issuer.itself(wanted)), key)
    before, after = fields(root)[4].children

    assert (before.tag, before.content) == (UTC_TIME, b"450101000000Z")
    assert (after.tag, after.content) == (GENERALIZED_TIME, b"20541229235959Z")


@EVERY
def test_4_1_2_8_there_are_no_unique_identifiers(certificate: x509.Certificate) -> None:
    """CAs conforming to this profile MUST NOT generate certificates with unique identifiers."""
    assert [element.tag for element in fields(certificate)[7:]] == [0xA3]


@EVERY
def test_4_2_no_extension_stands_twice(certificate: x509.Certificate) -> None:
    """A certificate MUST NOT include more than one instance of a particular extension."""
    found = [element.children[0].der for element in fields(certificate)[7].children[0].children]

    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("certificate", "issuer"), [(certificates.leaf(), INTERMEDIATE), (INTERMEDIATE, ROOT)], ids=["leaf", "intermediate"]
)
def test_4_2_1_1_the_authority_key_identifier_is_the_issuers_key_identifier(
    certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    """The keyIdentifier MUST be included; where an issuer has a subject key identifier, it is that value."""
    mine = extension(certificate, x509.AuthorityKeyIdentifier)
    identifier = der.read(value(extension(issuer, x509.SubjectKeyIdentifier)))[0].content

    assert value(mine) == asn1.sequence(asn1.context(0, identifier, constructed=False))
    assert not is_critical(mine)


@EVERY
def test_4_2_1_2_the_subject_key_identifier_is_not_critical(certificate: x509.Certificate) -> None:
    """Conforming CAs MUST mark this extension as non-critical; it MUST appear in all CA certificates."""
    assert not is_critical(extension(certificate, x509.SubjectKeyIdentifier))


@EVERY
def test_4_2_1_3_the_key_usage_is_critical(certificate: x509.Certificate) -> None:
    """When present, conforming CAs SHOULD mark this extension as critical."""
    assert is_critical(extension(certificate, x509.KeyUsage))


@AUTHORITIES
def test_4_2_1_3_authorities_may_sign_certificates_and_lists(certificate: x509.Certificate) -> None:
    """If the subject is a CA issuing CRLs, the cRLSign bit MUST be set; keyCertSign when it issues certificates."""
    assert value(extension(certificate, x509.KeyUsage)) == asn1.bit_string(b"\x06", 1)


@pytest.mark.parametrize(("certificate", "length"), [(ROOT, 1), (INTERMEDIATE, 0)], ids=["root", "intermediate"])
def test_4_2_1_9_authorities_say_so_and_how_deep(certificate: x509.Certificate, length: int) -> None:
    """CAs MUST include this extension, MUST set cA, and MUST mark it as critical."""
    found = extension(certificate, x509.BasicConstraints)

    assert value(found) == asn1.sequence(asn1.boolean(True), asn1.integer(length))
    assert is_critical(found)


def test_4_2_1_9_a_leaf_writes_no_default() -> None:
    """cA is FALSE by DEFAULT, which DER does not write (X.690, 11.5); pathLenConstraint is for CAs alone."""
    assert value(extension(certificates.leaf(), x509.BasicConstraints)) == asn1.sequence()


def test_4_2_1_6_the_alternative_name_of_a_leaf_with_a_subject_is_not_critical() -> None:
    """If the subject is a non-empty sequence, the extension SHOULD be marked as non-critical."""
    assert not is_critical(extension(certificates.leaf(), x509.SubjectAlternativeName))


def test_4_2_2_1_the_issuers_certificate_is_at_a_url_and_not_critical() -> None:
    """Conforming CAs MUST mark this extension as non-critical; id-ad-caIssuers names a URI."""
    found = extension(certificates.leaf(), x509.AuthorityInformationAccess)
    location = asn1.tlv(0x86, certificates.CERTIFICATE_URL.encode())

    assert value(found) == asn1.sequence(asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.2"), location))
    assert not is_critical(found)


@pytest.mark.parametrize(
    ("curve", "algorithm"), [("P-256", "1.2.840.10045.4.3.2"), ("P-384", "1.2.840.10045.4.3.3")], ids=["P-256", "P-384"]
)
def test_rfc_5758_3_2_the_algorithm_has_no_parameters(curve: str, algorithm: str) -> None:
    """When the ecdsa-with-SHA256 ... algorithm identifier appears, the encoding MUST omit the parameters field."""
    assert parts(certificates.leaf(curve))[1].der == asn1.sequence(asn1.oid(algorithm))


@EVERY
def test_rfc_5480_2_1_1_the_curve_is_named(certificate: x509.Certificate) -> None:
    """implicitCurve and specifiedCurve MUST NOT be used in PKIX."""
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)

    algorithm = asn1.sequence(asn1.oid("1.2.840.10045.2.1"), asn1.oid("1.3.132.0.34"))
    assert fields(certificate)[6].children[0].der == algorithm
    assert key.curve.name == "secp384r1"


@EVERY
def test_rfc_5480_2_2_the_point_is_uncompressed(certificate: x509.Certificate) -> None:
    """The first octet of the OCTET STRING indicates whether the key is compressed; 0x04 is uncompressed."""
    assert fields(certificate)[6].children[1].content[:2] == b"\x00\x04"
