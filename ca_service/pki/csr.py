"""Knows PKCS#10 requests (RFC 2986): parses and verifies one, once; grants nothing.

Loading a request checks neither its signature nor its parts: those can raise much later, or never.
Whoever holds a `CertificationRequest` holds one that was verified: form, proof of possession, key,
algorithm, and every part that will be used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from ca_service.errors import Finding, Refused, blockers, blocking
from ca_service.pki import der, keys
from ca_service.pki.armour import unwrap
from ca_service.pki.subjects import judge_alternative_name, judge_subject

GOOD_HASHES: Final = ("sha256", "sha384", "sha512")
_SIGNATURES: Final = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: ec.ECDSA(hashes.SHA256()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: ec.ECDSA(hashes.SHA384()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: ec.ECDSA(hashes.SHA512()),
}

Extension = TypeVar("Extension", bound=x509.ExtensionType)
_EXTENSION_REQUESTS: Final = (
    bytes.fromhex("2a864886f70d01090e"),  # 1.2.840.113549.1.9.14, PKCS#9
    bytes.fromhex("2b06010401823702010e"),  # 1.3.6.1.4.1.311.2.1.14, Microsoft's
)
_EC_PUBLIC_KEY: Final = bytes.fromhex("2a8648ce3d0201")  # 1.2.840.10045.2.1
_UNCOMPRESSED: Final = 0x04  # SEC 1, 2.3.3


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A verified request. `der` is the whole of it, `subject_der` its subject
    and `subject_public_key_info` its key, all DER, as they were sent."""

    der: bytes
    subject: x509.Name
    subject_der: bytes
    public_key: ec.EllipticCurvePublicKey
    subject_public_key_info: bytes
    subject_alternative_name: x509.SubjectAlternativeName | None
    key_usage: x509.KeyUsage | None
    extended_key_usage: x509.ExtendedKeyUsage | None
    basic_constraints: x509.BasicConstraints | None
    other_extensions: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the request, lower-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()


def read_request(data: bytes) -> CertificationRequest:
    """Take one request out of its wrapping, parse it and verify it.

    Raises Refused with every blocking finding that was reached, or TooLarge.
    """
    return verify(unwrap(data))


def verify(request_der: bytes) -> CertificationRequest:
    """Parse and verify the DER of one request; see `read_request`."""
    csr, subject = _parse(request_der)
    info = der.read(request_der)[0].children[0]
    _, name, spki, *attributes = info.children
    key = _public_key(csr, spki)
    findings = [*_attributes(attributes), *_signature(csr, key, info.der)]
    _stop_at(findings)
    extensions = _extensions(csr)
    alternative_name = find_value(extensions, x509.SubjectAlternativeName)
    findings += [*judge_subject(subject, name.der), *judge_alternative_name(alternative_name)]
    _stop_at(findings)
    return CertificationRequest(
        der=request_der,
        subject=subject,
        subject_der=name.der,
        public_key=key,
        subject_public_key_info=spki.der,
        subject_alternative_name=alternative_name,
        key_usage=find_value(extensions, x509.KeyUsage),
        extended_key_usage=find_value(extensions, x509.ExtendedKeyUsage),
        basic_constraints=find_value(extensions, x509.BasicConstraints),
        other_extensions=tuple(found.oid.dotted_string for found in extensions if type(found.value) not in _USED),
        findings=tuple(findings),
    )


_USED: Final = (x509.SubjectAlternativeName, x509.KeyUsage, x509.ExtendedKeyUsage, x509.BasicConstraints)


def load(request_der: bytes) -> x509.CertificateSigningRequest:
    """The request, neither verified nor fully parsed; raises Refused when it is no PKCS#10 at all."""
    return _parse(request_der)[0]


def _parse(request_der: bytes) -> tuple[x509.CertificateSigningRequest, x509.Name]:
    """The request and its subject, which is parsed anew at each access."""
    try:
        csr = x509.load_der_x509_csr(request_der)
        return csr, csr.subject
    except x509.InvalidVersion as error:
        raise Refused(
            blocking(
                "csr.version",
                "/version",
                "The request says that it is of version {version}; only version 1, written as 0, exists.",
                "Make a new request on the node.",
                version=error.parsed_version,
            )
        ) from error
    except (ValueError, TypeError) as error:
        raise Refused.because(
            "csr.malformed",
            "The request is damaged: its structure does not follow PKCS#10.",
            "Make a new request on the node and upload it unchanged.",
        ) from error


def _stop_at(findings: list[Finding]) -> None:
    if blockers(findings):
        raise Refused(*findings)


def find_value(extensions: x509.Extensions, kind: type[Extension]) -> Extension | None:
    """The extension of this kind, or None."""
    for found in extensions:
        if type(found.value) is kind:  # isinstance() on these abstract classes costs twenty times as much
            return found.value
    return None


def _attributes(fields: list[der.Element]) -> Iterator[Finding]:
    """RFC 2986, 4.1: attributes are a set, in which each type stands once."""
    types = [attribute.children[0].content for field in fields for attribute in field.children]
    if len(set(types)) < len(types) or all(oid in types for oid in _EXTENSION_REQUESTS):
        yield blocking(
            "csr.duplicate-attribute",
            "/attributes",
            "An attribute stands in the request twice, so that it is unclear which one counts.",
            "Make a new request on the node.",
        )


def _public_key(csr: x509.CertificateSigningRequest, spki: der.Element) -> ec.EllipticCurvePublicKey:
    """The EC key on a named curve, its point uncompressed; raises Refused for every other kind."""
    algorithm, bits = spki.children
    if algorithm.children[0].content == _EC_PUBLIC_KEY and not keys.has_named_curve(spki.der):
        raise _bad_key(
            "csr.key.explicit-parameters",
            "The EC key spells out its curve instead of naming it (RFC 5480, 2.1.1 forbids that).",
        )
    try:
        key = csr.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _bad_key(
            "csr.key.invalid",
            "The public key cannot be used: it is damaged, not a point of its curve, or of an unknown kind.",
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _not_ec(key)
    if keys.curve_name(key) not in keys.CURVES:
        raise _bad_key("csr.key.curve", "The key is on the curve {curve}.", curve=keys.curve_name(key))
    if bits.content[1] != _UNCOMPRESSED:
        raise _bad_key(
            "csr.key.point", "The point of the public key is compressed; it could not be copied byte for byte."
        )
    return key


def _bad_key(rule: str, problem: str, **values: object) -> Refused:
    mend = "Make a new request with an EC key on the named curve P-256 or P-384, its point uncompressed."
    return Refused(blocking(rule, "/public_key", problem, mend, **values))


def _not_ec(key: object) -> Refused:
    if isinstance(key, rsa.RSAPublicKey):
        return Refused(
            blocking(
                "csr.key.rsa",
                "/public_key",
                "This request has an RSA key ({size} bit); this authority is EC from root to leaf.",
                "From a Cisco node, this is the tomcat request: download tomcat-ECDSA instead. "
                "Let your RSA authority sign the tomcat request.",
                size=key.key_size,
            )
        )
    return _bad_key("csr.key.type", "This request has a key of the kind {kind}.", kind=keys.kind_name(key))


def _signature(csr: x509.CertificateSigningRequest, key: ec.EllipticCurvePublicKey, signed: bytes) -> Iterator[Finding]:
    """RFC 2986, 4.2: the signature is made with the key of the request, over the DER in `signed`."""
    name = signature_hash_name(csr)
    if name not in GOOD_HASHES:
        yield blocking(
            "csr.signature-hash",
            "/signature",
            "The request is signed with {hash}; SHA-256 or better is needed.",
            "Make a new request and choose SHA-256, SHA-384 or SHA-512 as its hash.",
            hash=name.upper(),
        )
    elif not _signature_is_valid(csr, key, signed):
        yield blocking(
            "csr.signature",
            "/signature",
            "The signature of the request does not match its content, so nobody has shown to own the key.",
            "Download the request again and upload it unchanged. If that does not help, make a new one.",
        )


def _signature_is_valid(csr: x509.CertificateSigningRequest, key: ec.EllipticCurvePublicKey, signed: bytes) -> bool:
    """As `csr.is_signature_valid`, which parses the key and encodes the signed part once more."""
    algorithm = _SIGNATURES.get(csr.signature_algorithm_oid)
    if algorithm is None:
        return False
    try:
        key.verify(csr.signature, signed, algorithm)
    except InvalidSignature:
        return False
    return True


def signature_hash_name(csr: x509.CertificateSigningRequest) -> str:
    """The hash of the request's own signature in lower case: `sha384`; `unknown` if there is none."""
    try:
        algorithm = csr.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    return algorithm.name if algorithm else "unknown"


def _extensions(csr: x509.CertificateSigningRequest) -> x509.Extensions:
    try:
        return csr.extensions
    except x509.DuplicateExtension as error:
        raise Refused(
            blocking(
                "csr.duplicate-extension",
                "/extensions",
                "The extension {oid} is requested twice.",
                "Make a new request on the node.",
                oid=error.oid.dotted_string,
            )
        ) from error
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm) as error:
        raise Refused(
            blocking(
                "csr.extension",
                "/extensions",
                "A requested extension cannot be read.",
                "Make a new request on the node; check the names that were typed for it.",
            )
        ) from error
