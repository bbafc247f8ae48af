"""The demands of RFC 5280, 4 that only strict clients check: `openssl verify -x509_strict`, Python from 3.13 on.

A path that breaks one of them is valid by 6.1, and most clients accept it; so these are warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import contents, der, keys
from ca_service.pki.link import Link
from ca_service.pki.parse_errors import PARSE_ERRORS

_WHO: Final = "Strict clients, such as Python from 3.13 on, refuse it"
STRICT_AUTHORITY_KEY_IDENTIFIER: Final = Rule(
    "strict.authority-key-identifier",
    f"\u201c{{name}}\u201d has no authority key identifier. {_WHO} (RFC 5280, 4.2.1.1).",
    "Have it issued again with one (OpenSSL: authorityKeyIdentifier=keyid).",
    Severity.WARNING,
)
STRICT_SUBJECT_KEY_IDENTIFIER: Final = Rule(
    "strict.subject-key-identifier",
    f"The authority \u201c{{name}}\u201d has no subject key identifier. {_WHO} (RFC 5280, 4.2.1.2).",
    "Have it issued again with one (OpenSSL: subjectKeyIdentifier=hash).",
    Severity.WARNING,
)
STRICT_KEY_USAGE: Final = Rule(
    "strict.key-usage",
    f"The authority \u201c{{name}}\u201d has no key usage. {_WHO} (RFC 5280, 4.2.1.3).",
    "Have it issued again with key usage keyCertSign and cRLSign, critical.",
    Severity.WARNING,
)
STRICT_BASIC_CONSTRAINTS: Final = Rule(
    "strict.basic-constraints",
    f"The basic constraints of the authority \u201c{{name}}\u201d are not critical. {_WHO} (RFC 5280, 4.2.1.9).",
    "Have it issued again with basic constraints CA:TRUE, critical.",
    Severity.WARNING,
)
STRICT_EMPTY_NAME: Final = Rule(
    "strict.empty-name",
    f"A certificate of the path has an empty name as issuer or subject. {_WHO} (RFC 5280, 4.1.2.4 and 4.1.2.6).",
    "Have it issued again with a subject, by an authority that has one.",
    Severity.WARNING,
)
STRICT_CURVE: Final = Rule(
    "strict.curve",
    f"\u201c{{name}}\u201d spells its curve out instead of naming it. {_WHO} (RFC 5480, 2.1.1).",
    "Have it issued again for a key on a named curve.",
    Severity.WARNING,
)
STRICT_VERSION: Final = Rule(
    "strict.version",
    f"\u201c{{name}}\u201d has extensions, but not version 3. {_WHO} (RFC 5280, 4.1.2.1).",
    "Have it issued again as version 3.",
    Severity.WARNING,
)
STRICT_CRL_SIGN: Final = Rule(
    "strict.crl-sign",
    "The authority \u201c{name}\u201d may not sign CRLs (cRLSign is missing): clients that check revocation refuse its "
    "CRL (RFC 5280, 6.3.3 f).",
    "Have it issued again with key usage keyCertSign and cRLSign.",
    Severity.WARNING,
)
STRICT_CLIENT: Final = Rule(
    "strict.client",
    "The authority \u201c{name}\u201d has {what}. That is allowed, but {client} refuses every path with it.",
    "Have it issued again without that.",
    Severity.WARNING,
)
_READ_BY_ALL: Final = (
    x509.DNSName,
    x509.IPAddress,
    x509.DirectoryName,
    x509.RFC822Name,
    x509.UniformResourceIdentifier,
)


def strict_faults(link: Link, *, is_last: bool) -> Iterator[Finding]:
    """Yield the demands that a certificate breaks; `is_last` if it is the end of the path, the root."""
    if link.is_authority:
        yield from _authority(link)
    identifier = link.find(x509.AuthorityKeyIdentifier)
    if not is_last and (identifier is None or identifier.key_identifier is None):
        yield STRICT_AUTHORITY_KEY_IDENTIFIER.at(name=link.name)
    if link.extensions and link.certificate.version is not x509.Version.v3:
        yield STRICT_VERSION.at(name=link.name)
    if _has_empty_name(link):
        yield STRICT_EMPTY_NAME.at()
    if not _names_its_curve(link.certificate):
        yield STRICT_CURVE.at(name=link.name)


def _authority(link: Link) -> Iterator[Finding]:
    usage = link.find(x509.KeyUsage)
    if usage is None:
        yield STRICT_KEY_USAGE.at(name=link.name)
    elif not usage.crl_sign:
        yield STRICT_CRL_SIGN.at(name=link.name)
    if not all(found.critical for found in link.extensions if isinstance(found.value, x509.BasicConstraints)):
        yield STRICT_BASIC_CONSTRAINTS.at(name=link.name)
    if link.find(x509.SubjectKeyIdentifier) is None:
        yield STRICT_SUBJECT_KEY_IDENTIFIER.at(name=link.name)
    yield from (STRICT_CLIENT.at(name=link.name, what=what, client=client) for what, client in _unread(link))


def _unread(link: Link) -> Iterator[tuple[str, str]]:
    """Yield what a client does not process, and the client."""
    if any(found.critical for found in link.extensions if isinstance(found.value, x509.PolicyConstraints)):
        yield "critical policy constraints", "GnuTLS"
    found = link.find(x509.NameConstraints)
    named = (*(found.permitted_subtrees or ()), *(found.excluded_subtrees or ())) if found else ()
    if not all(isinstance(each, _READ_BY_ALL) for each in named):
        yield "name constraints for a type of name that is rarely used", "GnuTLS"
    if x509.DNSName("") in named:
        yield "name constraints with an empty DNS name", "Java"


def _has_empty_name(link: Link) -> bool:
    """Return whether a name is empty where it must not be: a subject may be if a critical alternative name is there."""
    if not link.certificate.issuer.rdns:
        return True
    if link.certificate.subject.rdns:
        return False
    named = [found for found in link.extensions if isinstance(found.value, x509.SubjectAlternativeName)]
    usage = link.find(x509.KeyUsage)
    return link.is_authority or bool(usage and usage.crl_sign) or not named or not named[0].critical


def _names_its_curve(certificate: x509.Certificate) -> bool:
    try:
        key: object = certificate.public_key()
    except PARSE_ERRORS:
        return True  # a key that cannot be read is refused by other checks
    return not isinstance(key, ec.EllipticCurvePublicKey) or keys.has_named_curve(spki_of(certificate))


def spki_of(certificate: x509.Certificate) -> bytes:
    """Return the key as it was signed; loaded and written again, it would name its curve in any case."""
    return contents.fields(der.read(certificate.tbs_certificate_bytes)[0]).subject_public_key_info
