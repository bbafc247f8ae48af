"""Certification paths (RFC 5280, 6): building them, and checking those of an EC authority."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import Finding, Refused, Rule, only_errors
from ca_service.pki import keys
from ca_service.pki.link import Link
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.pki.path_validation import AuthorityPath, is_issued_by
from ca_service.pki.strictness import spki_of

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
CHAIN_RSA_LINK: Final = Rule(
    "chain.rsa-link",
    "\u201c{name}\u201d is not EC: its key or its signature is RSA or another kind. A node does not present "
    "a tomcat-ECDSA certificate below it, and on SocialMiner chat and e-mail stop (CSCvb58580).",
    "Use authorities that are EC up to the root; an RSA root cannot stand above them.",
)
CHAIN_CURVE: Final = Rule(
    "chain.curve",
    "\u201c{name}\u201d has a key on {curve}, or one that spells its curve out.",
    "Authorities need a key on the named curve P-256 or P-384: browsers and nodes know no others for certain.",
)
CHAIN_NO_KEY_IDENTIFIER: Final = Rule(
    "chain.no-key-identifier",
    "\u201c{name}\u201d has no subject key identifier, which certificates below it must name (RFC 5280, 4.2.1.1).",
    "Have it issued again with a subject key identifier.",
)
CHAIN_NO_CRL_SIGN: Final = Rule(
    "chain.no-crl-sign",
    "\u201c{name}\u201d may not sign CRLs (cRLSign is missing), so that its certificates could not be revoked.",
    "Have it issued again with key usage keyCertSign and cRLSign (RFC 5280, 4.2.1.3).",
)
CHAIN_NOTHING_TO_SIGN: Final = Rule(
    "chain.nothing-to-sign",
    "\u201c{name}\u201d allows only {allowed}: no profile issues certificates without serverAuth.",
    "Have it issued without extended key usage, or with serverAuth and clientAuth.",
)

Chain = tuple[x509.Certificate, ...]
MAX_LENGTH: Final = 6
MAX_PATHS: Final = 64
_MAX_STEPS: Final = 2_000


def build(certificate: x509.Certificate, others: Iterable[x509.Certificate]) -> Chain:
    """Return a path from `certificate` to a self-signed root, leaf first, root last.

    Raises Refused (`chain.incomplete`) when an issuer is missing. Signatures decide, not names alone.
    """
    return paths(certificate, others)[0]


def paths(certificate: x509.Certificate, others: Iterable[x509.Certificate]) -> tuple[Chain, ...]:
    """Return every path from `certificate` to a self-signed root, at most MAX_PATHS; see `build`.

    Cross-certificates, and old and new certificates of one key, give several: one may be valid and another not.
    """
    search = _Search(tuple(dict.fromkeys(others)))
    found = tuple(islice(search.from_((certificate,)), MAX_PATHS))
    if not found:
        end = Link.of(search.longest[-1])
        raise Refused.because(CHAIN_INCOMPLETE, issuer=end.issuer, subject=end.name)
    return found


class _Search:
    """A depth-first search for paths, which checks each signature once and gives up after a number of steps."""

    def __init__(self, pool: Chain) -> None:
        self.longest: Chain = ()
        self._pool = pool
        self._issuers: dict[x509.Certificate, Chain] = {}
        self._steps = 0

    def from_(self, path: Chain) -> Iterator[Chain]:
        """Yield every path that continues this one up to a root."""
        self._steps += 1
        self.longest = max(self.longest, path, key=len)
        if is_self_signed(path[-1]):
            yield path
        elif len(path) < MAX_LENGTH and self._steps < _MAX_STEPS:
            for issuer in self._issuers_of(path[-1]):
                if issuer not in path:
                    yield from self.from_((*path, issuer))

    def _issuers_of(self, certificate: x509.Certificate) -> Chain:
        if certificate not in self._issuers:
            found = tuple(each for each in self._pool if is_issued_by(certificate, each))
            self._issuers[certificate] = found
        return self._issuers[certificate]


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Return whether the certificate is signed with the key that it certifies."""
    return is_issued_by(certificate, certificate)


def find_authorities(certificate: x509.Certificate, others: Iterable[x509.Certificate], at: datetime) -> Chain:
    """Return the first path above and including an issuing authority that `findings_of` finds no error in.

    Raises Refused if there is none: with the errors of the path that has the fewest.
    """
    judged = [(path, only_errors(findings_of(path, at))) for path in paths(certificate, others)]
    path, errors = min(judged, key=lambda each: len(each[1]))
    if errors:
        raise Refused(*errors)
    return path


def merged(chains: Iterable[Chain]) -> Chain:
    """Return the authorities of all chains, each once, in an order in which each is before those above it.

    Given the oldest chain first, the newest issuing authority is the first and the root the last.
    """
    downwards = dict.fromkeys(certificate for chain in chains for certificate in reversed(chain))
    return tuple(reversed(downwards))


def check_authorities(chain: Sequence[x509.Certificate], at: datetime) -> None:
    """Check a chain of authorities as `findings_of` does. Raises Refused with every error."""
    if errors := only_errors(findings_of(chain, at)):
        raise Refused(*errors)


def findings_of(chain: Sequence[x509.Certificate], at: datetime) -> tuple[Finding, ...]:
    """Return what keeps authorities, issuing one first and root last, from issuing VOS leaves; never raises.

    Errors: a path that is not valid at `at` (RFC 5280, 6.1), a link that is not EC, names that clash, a purpose or a
    key identifier that every leaf needs. Warnings: what strict clients refuse, and limits of names and purposes.
    """
    path = AuthorityPath.of(chain)
    faults = (*_names(path.links), *(found for link in path.links for found in _is_ec(link)), *path.findings)
    return (*faults, *path.validity_faults(at), *_may_issue(path), *path.limits)


def _names(links: Sequence[Link]) -> Iterator[Finding]:
    subjects = [link.certificate.subject for link in links if link.is_readable]
    if len(set(subjects)) != len(subjects):
        yield CHAIN_SAME_NAME.at()


def _is_ec(link: Link) -> Iterator[Finding]:
    """Cisco 210528: an EC leaf below an RSA signature is not presented, and breaks SocialMiner (CSCvb58580)."""
    certificate = link.certificate
    try:
        key: object = certificate.public_key()
    except PARSE_ERRORS:
        key = None
    signed_with_ec = certificate.signature_algorithm_oid.dotted_string.startswith("1.2.840.10045.4.")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not signed_with_ec:
        yield CHAIN_RSA_LINK.at(name=link.name)
    elif keys.curve_name(key) not in keys.AUTHORITY_CURVES or not keys.has_named_curve(spki_of(certificate)):
        yield CHAIN_CURVE.at(name=link.name, curve=keys.curve_name(key))


def _may_issue(path: AuthorityPath) -> Iterator[Finding]:
    """Check the authorities for this service, which names their keys and signs the CRL of the first."""
    readable = [link for link in path.links if link.is_readable]
    for link in readable:
        if link.find(x509.SubjectKeyIdentifier) is None:
            yield CHAIN_NO_KEY_IDENTIFIER.at(name=link.name)
    for link in readable[:1]:
        usage = link.find(x509.KeyUsage)
        if usage is not None and usage.key_cert_sign and not usage.crl_sign:
            yield CHAIN_NO_CRL_SIGN.at(name=link.name)
    for name, allowed in path.purposes:
        if "serverAuth" not in allowed:
            yield CHAIN_NOTHING_TO_SIGN.at(name=name, allowed=", ".join(allowed))
