"""Asks by OCSP as clients do, with cryptography's own requests, and reads the answers with it."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.status.ocsp_responder import Answer


def question(
    lab: Installation,
    leaf: CertificateRecord | x509.Certificate,
    *,
    nonce: bytes | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
    issuer: x509.Certificate | None = None,
    extension: x509.ExtensionType | None = None,
) -> bytes:
    """A request about a leaf of the authority of this lab."""
    certificate = leaf if isinstance(leaf, x509.Certificate) else x509.load_der_x509_certificate(leaf.der)
    above = issuer or lab.hierarchy.active().chain[0]
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, above, algorithm or hashes.SHA256())
    for each in (x509.OCSPNonce(nonce) if nonce is not None else None, extension):
        builder = builder.add_extension(each, critical=False) if each is not None else builder
    return builder.build().public_bytes(Encoding.DER)


def about(lab: Installation, serial_number: int) -> bytes:
    """A request about any serial number of the authority of this lab."""
    issuer = lab.hierarchy.active().chain[0]
    point = issuer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    name, key = (hashlib.sha256(data).digest() for data in (issuer.subject.public_bytes(), point))
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial_number, hashes.SHA256())
    return builder.build().public_bytes(Encoding.DER)


def read(answer: Answer | bytes) -> ocsp.OCSPResponse:
    """The answer, whose signature holds."""
    found = ocsp.load_der_ocsp_response(answer.der if isinstance(answer, Answer) else answer)
    if found.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
        [signer] = found.certificates
        key, algorithm = signer.public_key(), found.signature_hash_algorithm
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert algorithm is not None
        key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(algorithm))
    return found


def told(answer: Answer | bytes) -> str:
    """`good`, `unknown`, the reason of a revocation; or the name of the failure."""
    found = read(answer)
    if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return found.response_status.name
    if found.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        return found.revocation_reason.value if found.revocation_reason else "unspecified"
    return found.certificate_status.name.lower()
