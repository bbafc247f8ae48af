"""OCSP requests and answers, against those that cryptography makes and reads."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ca_service.pki import der, issuing, keys, ocsp, profiles
from ca_service.pki.contents import Issuer
from ca_service.pki.ocsp import MalformedRequest, Revoked, Signer, Status
from ca_service.pki.reasons import Reason
from tests.support import asn1, certificates, requests
from tests.support.certificates import NOW

LEAF, AUTHORITY = certificates.leaf(), certificates.intermediate()
HOUR = timedelta(hours=1)
ALGORITHMS: tuple[hashes.HashAlgorithm, ...] = (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())  # noqa: S303


def request(
    algorithm: hashes.HashAlgorithm | None = None, nonce: bytes | None = None, leaf: x509.Certificate = LEAF
) -> bytes:
    """A request of cryptography's."""
    builder = theirs.OCSPRequestBuilder().add_certificate(leaf, AUTHORITY.certificate, algorithm or hashes.SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def parts(data: bytes) -> tuple[der.Element, ...]:
    """The fields of a TBSRequest."""
    return der.read(data)[0].children[0].children


def rebuilt(*fields: bytes) -> bytes:
    """A request of these fields."""
    return asn1.sequence(asn1.sequence(*fields))


QUESTION = parts(request())[0].children[0].der


def signer() -> Signer:
    """A responder below the authority."""
    key = keys.generate_key("P-256")
    wanted = certificates.contents(profiles.OCSP, certificates.common_name("Responder"), key.public_key())
    issuer = Issuer.of(AUTHORITY.certificate)
    return Signer(issuing.sign(issuing.prepare(wanted, issuer), AUTHORITY.key), key)


SIGNER = signer()


def answered(*statuses: Status, nonce: bytes | None = None, data: bytes = b"") -> bytes:
    """The answer with these statuses to questions of `data`."""
    asked = ocsp.read(data or rebuilt(asn1.sequence(*[QUESTION] * len(statuses))))
    pairs = list(zip(asked.questions, statuses, strict=True))
    return ocsp.answer(pairs, SIGNER, this_update=NOW, next_update=NOW + HOUR, nonce=nonce)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.name)
def test_a_request_names_certificate_and_issuer_by_hash(algorithm: hashes.HashAlgorithm) -> None:
    [question] = ocsp.read(request(algorithm)).questions
    assert (question.hash_name, question.serial_number) == (algorithm.name, LEAF.serial_number)
    known = ocsp.IssuerHashes.of(AUTHORITY.issuer)
    assert known.are_meant_by(question)
    assert not ocsp.IssuerHashes.of(Issuer.of(AUTHORITY.chain[-1])).are_meant_by(question)


@pytest.mark.parametrize("nonce", [None, b"x", b"n" * 32, b"n" * 128])
def test_a_nonce_is_read(nonce: bytes | None) -> None:
    assert ocsp.read(request(nonce=nonce)).nonce == nonce


@pytest.mark.parametrize("nonce", [b"", b"n" * 129])
def test_a_nonce_of_another_length_is_malformed(nonce: bytes) -> None:
    with pytest.raises(MalformedRequest, match="nonce"):
        ocsp.read(request(nonce=nonce))


def test_several_questions_are_read_in_their_order() -> None:
    other = certificates.intermediate().issue(certificates.requested(requests.SOCIALMINER.data))
    both = [parts(request(leaf=leaf))[0].children[0].der for leaf in (LEAF, other)]
    asked = ocsp.read(rebuilt(asn1.sequence(*both)))
    assert [each.serial_number for each in asked.questions] == [LEAF.serial_number, other.serial_number]


def test_a_hash_that_is_not_known_means_no_issuer() -> None:
    data = request().replace(asn1.oid("2.16.840.1.101.3.4.2.1"), asn1.oid("2.16.840.1.101.3.4.2.9"))
    [question] = ocsp.read(data).questions
    assert question.hash_name is None
    assert not ocsp.IssuerHashes.of(AUTHORITY.issuer).are_meant_by(question)


def test_who_asks_and_a_signature_do_not_matter() -> None:
    name = asn1.context(1, asn1.context(4, certificates.common_name("somebody").public_bytes()))
    tbs = asn1.sequence(asn1.context(0, asn1.integer(0)), name, asn1.sequence(QUESTION))
    assert len(ocsp.read(asn1.sequence(tbs, asn1.context(0, asn1.sequence()))).questions) == 1


EXTENSION = asn1.sequence(asn1.oid("1.2.3.4"), asn1.octet_string(b""))
CRITICAL = asn1.sequence(asn1.oid("1.2.3.4"), asn1.boolean(True), asn1.octet_string(b""))
NONCE = asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.1.2"), asn1.octet_string(asn1.octet_string(b"x")))


def test_extensions_that_are_not_known_are_ignored() -> None:
    asked = rebuilt(
        asn1.sequence(
            asn1.sequence(
                *(part.der for part in der.read(QUESTION)[0].children), asn1.context(0, asn1.sequence(EXTENSION))
            )
        ),
        asn1.context(2, asn1.sequence(EXTENSION)),
    )
    assert ocsp.read(asked).nonce is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"\x30\x00",
        request() + b"\x00",
        request()[:-1],
        rebuilt(),
        rebuilt(asn1.sequence()),
        rebuilt(asn1.sequence(*[QUESTION] * 33)),
        rebuilt(asn1.sequence(QUESTION), asn1.sequence(QUESTION)),
        rebuilt(asn1.context(0, asn1.integer(1)), asn1.sequence(QUESTION)),
        rebuilt(asn1.sequence(QUESTION), asn1.context(5, b"")),
        rebuilt(asn1.sequence(asn1.sequence(asn1.sequence()))),
        rebuilt(asn1.sequence(asn1.integer(1))),
        rebuilt(asn1.sequence(QUESTION), asn1.context(2, asn1.sequence(CRITICAL))),
        rebuilt(asn1.sequence(QUESTION), asn1.context(2, asn1.sequence(NONCE, NONCE))),
        rebuilt(asn1.sequence(QUESTION), asn1.context(2)),
        rebuilt(
            asn1.sequence(QUESTION), asn1.context(2, asn1.sequence(asn1.sequence(asn1.integer(1), asn1.integer(1))))
        ),
        b"\x30\x84\x00\x01\x00\x00" + b"\x00" * 65536,
        request().replace(
            asn1.integer(LEAF.serial_number), asn1.octet_string(b"x" * len(asn1.integer(LEAF.serial_number)[2:]))
        ),
    ],
    ids=lambda _: "bytes",  # those of a key that was just made would differ between the test processes
)
def test_what_is_no_request_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        ocsp.read(data)


@given(st.binary(max_size=400) | st.binary(max_size=80).map(lambda data: request()[:40] + data))
def test_whatever_is_sent_is_read_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedRequest):
        ocsp.read(data)


# Answers


def test_an_answer_says_good() -> None:
    found = theirs.load_der_ocsp_response(answered(Status()))
    assert found.certificate_status is theirs.OCSPCertStatus.GOOD
    assert (found.this_update_utc, found.next_update_utc, found.produced_at_utc) == (NOW, NOW + HOUR, NOW)
    assert found.serial_number == LEAF.serial_number


def test_an_answer_says_unknown() -> None:
    found = theirs.load_der_ocsp_response(answered(Status(is_known=False)))
    assert found.certificate_status is theirs.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize("reason", Reason)
def test_an_answer_says_revoked_since_when_and_why(reason: Reason) -> None:
    found = theirs.load_der_ocsp_response(answered(Status(revoked=Revoked(NOW - HOUR, reason))))
    assert found.certificate_status is theirs.OCSPCertStatus.REVOKED
    assert found.revocation_time_utc == NOW - HOUR
    told = found.revocation_reason.value if found.revocation_reason else Reason.UNSPECIFIED.value
    assert told == reason.value


def test_an_answer_is_signed_by_the_responder_whose_certificate_it_carries() -> None:
    found = theirs.load_der_ocsp_response(answered(Status()))
    key = SIGNER.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert found.certificates == [SIGNER.certificate]
    assert found.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(key).digest
    algorithm = found.signature_hash_algorithm
    assert algorithm is not None
    key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(algorithm))


def test_the_responder_is_what_rfc_6960_asks_for() -> None:
    extensions = SIGNER.certificate.extensions
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert not extensions.get_extension_for_class(x509.OCSPNoCheck).critical


@pytest.mark.parametrize("nonce", [None, b"n" * 32])
def test_an_answer_repeats_the_nonce(nonce: bytes | None) -> None:
    found = theirs.load_der_ocsp_response(answered(Status(), nonce=nonce))
    told = [each.value.nonce for each in found.extensions if isinstance(each.value, x509.OCSPNonce)]
    assert told == ([] if nonce is None else [nonce])


def test_several_questions_get_one_answer_in_their_order() -> None:
    found = theirs.load_der_ocsp_response(answered(Status(), Status(is_known=False)))
    assert [each.certificate_status for each in found.responses] == [
        theirs.OCSPCertStatus.GOOD,
        theirs.OCSPCertStatus.UNKNOWN,
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS[:2], ids=lambda each: each.name)
def test_an_answer_repeats_the_question_byte_for_byte(algorithm: hashes.HashAlgorithm) -> None:
    data = request(algorithm)
    assert ocsp.read(data).questions[0].der in answered(Status(), data=data)


@pytest.mark.parametrize("why", ocsp.Failure)
def test_a_failure_is_nothing_but_its_number(why: ocsp.Failure) -> None:
    found = theirs.load_der_ocsp_response(ocsp.failure(why))
    assert found.response_status.value == why
    assert found.response_status.name == why.name


def test_the_key_of_a_signer_is_not_shown() -> None:
    assert "key=" not in repr(SIGNER)
