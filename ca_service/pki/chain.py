"""Certification paths (RFC 5280, 6): building them, and checking every link of an EC authority."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import Finding, Refused, Rule, only_errors
from ca_service.pki import contents, der, keys, names
from ca_service.pki.contents import find_value

CHAIN_INCOMPLETE: Final = Rule(
    "chain.incomplete",
    "The certificate of \u201c{issuer}\u201d is missing, which issued \u201c{subject}\u201d.",
    "Add every certificate up to and including the self-signed root.",
)
CHAIN_SAME_NAME: Final = Rule(
    "chain.same-name",
    "Two authorities of the chain have the same name.",
    "A VOS trust store keeps one certificate per name: give each authority a name of its own.",
)
CHAIN_NOT_AUTHORITY: Final = Rule(
    "chain.not-authority",
    "\u201c{name}\u201d is not the certificate of an authority (CA:TRUE is missing).",
    "Have it issued with basic constraints CA:TRUE, critical.",
)
CHAIN_RSA_LINK: Final = Rule(
    "chain.rsa-link",
    "\u201c{name}\u201d is not EC: its key or its signature is RSA or another kind. A node does not present "
    "a tomcat-ECDSA certificate below it, and on SocialMiner chat and e-mail stop (CSCvb58580).",
    "Use authorities that are EC up to the root; an RSA root cannot stand above them.",
)
CHAIN_KEY_USAGE: Final = Rule(
    "chain.key-usage",
    "\u201c{name}\u201d may not sign certificates (keyCertSign is missing), or has no subject key identifier.",
    "Have it issued with key usage keyCertSign and cRLSign, and a subject key identifier.",
)
CHAIN_EXPIRED: Final = Rule(
    "chain.expired",
    "\u201c{name}\u201d is valid from {start} to {end} only, which is not now.",
    "Use a certificate that is valid now, and check the clock of this machine.",
)
CHAIN_PATH_LENGTH: Final = Rule(
    "chain.path-length",
    "\u201c{name}\u201d allows {allowed} authorities below it; there are {depth}.",
    "Have it issued with a path length of {depth} or more.",
)
CHAIN_CURVE: Final = Rule(
    "chain.curve",
    "\u201c{name}\u201d has a key on {curve}, or one that spells its curve out.",
    "Authorities need a key on the named curve P-256 or P-384: browsers and nodes know no others for certain.",
)

Chain = tuple[x509.Certificate, ...]
MAX_LENGTH: Final = 6


def build(certificate: x509.Certificate, others: Iterable[x509.Certificate]) -> Chain:
    """Return the path from `certificate` to a self-signed root, leaf first, root last.

    Raises Refused (`chain.incomplete`) when an issuer is missing. Signatures decide, not names alone.
    """
    pool, path = tuple(others), [certificate]
    while not is_self_signed(path[-1]):
        issuer = next((other for other in pool if other not in path and _issued(path[-1], other)), None)
        if issuer is None or len(path) >= MAX_LENGTH:
            raise Refused.because(
                CHAIN_INCOMPLETE, issuer=names.name_text(path[-1].issuer), subject=names.name_text(path[-1].subject)
            )
        path.append(issuer)
    return tuple(path)


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Return whether the certificate is signed with the key that it certifies."""
    return certificate.issuer == certificate.subject and _issued(certificate, certificate)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the names chain and the signature holds (RFC 5280, 6.1.3 a 1 and a 4)."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_authorities(chain: Sequence[x509.Certificate], at: datetime) -> None:
    """Check a chain of authorities, issuing one first and root last, for use under VOS leaves.

    Raises Refused with every fault: a link that is not EC, one that is no authority, one that may
    not sign, a path length that is too short, one that is not valid at `at`, names that clash.
    """
    findings = [*_names(chain)]
    for depth, certificate in enumerate(chain):
        findings += _authority(certificate, depth, at)
    if only_errors(findings):
        raise Refused(*findings)


def _names(chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    subjects = [certificate.subject for certificate in chain]
    if len(set(subjects)) != len(subjects):
        yield CHAIN_SAME_NAME.at()


def _authority(certificate: x509.Certificate, depth: int, at: datetime) -> Iterator[Finding]:
    name = names.name_text(certificate.subject)
    yield from _is_ec(certificate, name)
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        extensions = x509.Extensions([])
    constraints = find_value(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        yield CHAIN_NOT_AUTHORITY.at(name=name)
    elif constraints.path_length is not None and constraints.path_length < depth:
        yield CHAIN_PATH_LENGTH.at(name=name, allowed=constraints.path_length, depth=depth)
    yield from _may_sign(extensions, name)
    yield from _is_valid(certificate, at, name)


def _is_ec(certificate: x509.Certificate, name: str) -> Iterator[Finding]:
    """Cisco 210528: an EC leaf below an RSA signature is not presented, and breaks SocialMiner (CSCvb58580)."""
    try:
        key: object = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    signed_with_ec = certificate.signature_algorithm_oid.dotted_string.startswith("1.2.840.10045.4.")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not signed_with_ec:
        yield CHAIN_RSA_LINK.at(name=name)
    elif keys.curve_name(key) not in keys.AUTHORITY_CURVES or not keys.has_named_curve(_spki(certificate)):
        yield CHAIN_CURVE.at(name=name, curve=keys.curve_name(key))


def _spki(certificate: x509.Certificate) -> bytes:
    """Return the key as it was signed; loaded and written again, it would name its curve in any case."""
    return contents.fields(der.read(certificate.tbs_certificate_bytes)[0]).subject_public_key_info


def _may_sign(extensions: x509.Extensions, name: str) -> Iterator[Finding]:
    usage = find_value(extensions, x509.KeyUsage)
    identifier = find_value(extensions, x509.SubjectKeyIdentifier)
    if (usage is not None and not usage.key_cert_sign) or identifier is None:
        yield CHAIN_KEY_USAGE.at(name=name)


def _is_valid(certificate: x509.Certificate, at: datetime, name: str) -> Iterator[Finding]:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        yield CHAIN_EXPIRED.at(
            name=name,
            start=certificate.not_valid_before_utc.date().isoformat(),
            end=certificate.not_valid_after_utc.date().isoformat(),
        )
