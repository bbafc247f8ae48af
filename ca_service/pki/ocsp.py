"""OCSP (RFC 6960, 5019, 9654): parsing requests, building responses; the status itself comes from the caller.

`cryptography` reads requests about one certificate and builds answers about one; both are taken apart
and put together here, so that a question about several certificates gets one answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki import der, encodings, keys
from ca_service.pki.contents import Issuer
from ca_service.pki.crl import SIGNATURE_ALGORITHMS
from ca_service.pki.reasons import Reason

MAX_REQUEST_BYTES: Final = 16 * 1024
MAX_QUESTIONS: Final = 32
MAX_NONCE: Final = 128  # RFC 9654, 2.1
_HASHES: Final = {
    der.object_identifier("1.3.14.3.2.26"): "sha1",
    der.object_identifier("2.16.840.1.101.3.4.2.1"): "sha256",
    der.object_identifier("2.16.840.1.101.3.4.2.2"): "sha384",
    der.object_identifier("2.16.840.1.101.3.4.2.3"): "sha512",
}
_NONCE: Final = der.object_identifier("1.3.6.1.5.5.7.48.1.2")
_BASIC: Final = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
_TRUE: Final = der.encode(der.BOOLEAN, b"\xff")
_GOOD: Final = der.encode(0x80)
_REVOKED: Final = 0xA1
_UNKNOWN: Final = der.encode(0x82)
_EXPLICIT: Final = tuple(0xA0 | number for number in range(4))


class Failure(IntEnum):
    """The reason of an error response (RFC 6960, 4.2.1), which contains only this number."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


class MalformedRequest(ValueError):
    """The bytes are no OCSP request that could be answered."""


@dataclass(frozen=True, slots=True)
class CertID:
    """About which certificate is asked; `der` is how the client wrote it, which the answer repeats.

    `hash_name` is None for a hash that is not known here.
    """

    der: bytes
    hash_name: str | None
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


@dataclass(frozen=True, slots=True)
class Request:
    """An OCSP request: certificates in their order, and a nonce if the client sent one."""

    questions: tuple[CertID, ...]
    nonce: bytes | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    """Since when a certificate is not valid, and why."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a certificate: `is_known` is False for one that was never issued."""

    is_known: bool = True
    revoked: Revoked | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """The signer of responses: an issuer's responder, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def read(data: bytes) -> Request:
    """Return the request in these bytes, DER; raises MalformedRequest (RFC 6960, 4.1.1).

    A signature on it is not looked at: everybody may ask. A critical extension that is not known makes
    it malformed (4.4).
    """
    try:
        return _read(data)
    except (der.DERError, IndexError, ValueError) as error:
        raise MalformedRequest(str(error)) from error


def _read(data: bytes) -> Request:
    if len(data) > MAX_REQUEST_BYTES:
        raise MalformedRequest("too large")
    outer, rest = der.read(data)
    tbs = outer.children[0]
    if rest or outer.tag != der.SEQUENCE or tbs.tag != der.SEQUENCE:
        raise MalformedRequest("not a request")
    parts = {element.tag: element for element in tbs.children}
    if len(parts) != len(tbs.children) or not parts.keys() <= {der.SEQUENCE, *_EXPLICIT[:3]}:
        raise MalformedRequest("unknown fields")
    if _EXPLICIT[0] in parts and parts[_EXPLICIT[0]].content != der.integer(0):
        raise MalformedRequest("version")
    questions = tuple(_question(each) for each in parts[der.SEQUENCE].children) if der.SEQUENCE in parts else ()
    if not 1 <= len(questions) <= MAX_QUESTIONS:
        raise MalformedRequest("number of questions")
    return Request(questions, _nonce(parts[_EXPLICIT[2]].children[0]) if _EXPLICIT[2] in parts else None)


def _question(request: der.Element) -> CertID:
    cert_id, *more = request.children
    for extensions in more:
        _nonce(extensions.children[0])  # none of them is known here, so none may be critical
    algorithm, name_hash, key_hash, serial_number = cert_id.children
    wanted = (der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER)
    if tuple(each.tag for each in cert_id.children) != wanted or not serial_number.content:
        raise MalformedRequest("CertID")
    return CertID(
        der=cert_id.der,
        hash_name=_HASHES.get(algorithm.children[0].der),
        issuer_name_hash=name_hash.content,
        issuer_key_hash=key_hash.content,
        serial_number=int.from_bytes(serial_number.content, "big", signed=True),
    )


def _nonce(extensions: der.Element) -> bytes | None:
    """Return the nonce among the extensions of a request, of 1 to 128 octets (RFC 9654, 2.1)."""
    found = None
    for each in extensions.children:
        identifier, *critical, value = each.children
        if value.tag != der.OCTET_STRING:
            raise MalformedRequest("extension")
        if identifier.der == _NONCE:
            inner, rest = der.read(value.content)
            if rest or inner.tag != der.OCTET_STRING or not 1 <= len(inner.content) <= MAX_NONCE or found is not None:
                raise MalformedRequest("nonce")
            found = inner.content
        elif critical and critical[0].der == _TRUE:
            raise MalformedRequest("critical extension")
    return found


@dataclass(frozen=True, slots=True)
class IssuerHashes:
    """By which hashes of its name and key clients know an issuer (RFC 6960, 4.1.1)."""

    by_hash: dict[str, tuple[bytes, bytes]]

    @classmethod
    def of(cls, issuer: Issuer) -> IssuerHashes:
        """Return the identifiers of this issuer, under every supported hash."""
        key = der.read(keys.public_key_der(issuer.public_key))[0].children[1].content[1:]
        return cls(
            {
                name: (hashlib.new(name, issuer.subject_der).digest(), hashlib.new(name, key).digest())
                for name in _HASHES.values()
            }
        )

    def are_meant_by(self, question: CertID) -> bool:
        """Return whether a client asks about a certificate of this issuer."""
        asked = (question.issuer_name_hash, question.issuer_key_hash)
        return question.hash_name is not None and self.by_hash[question.hash_name] == asked


def failure(why: Failure) -> bytes:
    """Return an error response, DER, unsigned."""
    return der.sequence(der.enumerated(why))


def answer(
    statuses: Sequence[tuple[CertID, Status]],
    signer: Signer,
    *,
    this_update: datetime,
    next_update: datetime,
    nonce: bytes | None = None,
) -> bytes:
    """Return the signed answer, DER, with one status for each question, in their order (RFC 6960, 4.2.1).

    It names its signer by key, as RFC 5019, 2.2.2 asks, and carries the signer's certificate.
    """
    certificate = encodings.der(signer.certificate)
    key = signer.key.public_key()
    times = der.generalized_time(this_update), der.explicit(0, der.generalized_time(next_update))
    data = der.sequence(
        der.explicit(2, der.octet_string(keys.subject_key_identifier(keys.public_key_der(key)))),
        der.generalized_time(this_update),
        der.sequence(*(der.sequence(question.der, _status(status), *times) for question, status in statuses)),
        der.explicit(1, der.sequence(_nonce_extension(nonce))) if nonce is not None else b"",
    )
    signature = signer.key.sign(data, keys.signature_algorithm(key))
    algorithm = SIGNATURE_ALGORITHMS[keys.curve_name(key)]
    basic = der.sequence(data, algorithm, der.bit_string(signature), der.explicit(0, der.sequence(certificate)))
    return der.sequence(der.enumerated(0), der.explicit(0, der.sequence(_BASIC, der.octet_string(basic))))


def _status(status: Status) -> bytes:
    if status.revoked is not None:
        reason = status.revoked.reason
        told = b"" if reason is Reason.UNSPECIFIED else der.explicit(0, der.enumerated(reason.code))
        return der.encode(_REVOKED, der.generalized_time(status.revoked.at), told)
    return _GOOD if status.is_known else _UNKNOWN


def _nonce_extension(nonce: bytes) -> bytes:
    return der.sequence(_NONCE, der.octet_string(der.octet_string(nonce)))
