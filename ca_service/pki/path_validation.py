"""Path validation (RFC 5280, 6.1): whether authorities may stand above one another, and above a leaf.

`AuthorityPath.of` reads and validates the authorities once; that part depends on neither time nor leaf, and is kept
with the authority that signs. The rest is for one leaf, before it is signed or when it is judged: purposes, names and
policies. The root counts as a part of the path, as it does for OpenSSL: its constraints hold as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtensionOID

from ca_service.errors import Finding, Rule, Severity, only_errors
from ca_service.pki import name_constraints
from ca_service.pki.contents import extended_key_usage_names
from ca_service.pki.link import Link
from ca_service.pki.name_constraints import CHAIN_NAME_CONSTRAINTS, Subtrees
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.pki.policies import CHAIN_POLICY, POLICY_MAPPINGS, PolicyState
from ca_service.pki.strictness import strict_faults

CHAIN_NOT_AUTHORITY: Final = Rule(
    "chain.not-authority",
    "\u201c{name}\u201d is not the certificate of an authority (CA:TRUE is missing; RFC 5280, 6.1.4 k).",
    "Have it issued with basic constraints CA:TRUE, critical.",
)
CHAIN_KEY_USAGE: Final = Rule(
    "chain.key-usage",
    "\u201c{name}\u201d may not sign certificates (keyCertSign is missing; RFC 5280, 6.1.4 n).",
    "Have it issued with key usage keyCertSign and cRLSign.",
)
CHAIN_EXPIRED: Final = Rule(
    "chain.expired",
    "\u201c{name}\u201d is valid from {start} to {end} only, which is not now.",
    "Use a certificate that is valid now, and check the clock of this machine.",
)
CHAIN_PATH_LENGTH: Final = Rule(
    "chain.path-length",
    "\u201c{name}\u201d allows {allowed} authorities below it; there are {depth} (RFC 5280, 6.1.4 l).",
    "Have it issued with a path length of {depth} or more.",
)
CHAIN_EXTENSIONS: Final = Rule(
    "chain.extensions",
    "The extensions of \u201c{name}\u201d cannot be read, so that its limits are not known.",
    "Have it issued again; `openssl x509 -in FILE -noout -text` shows what is wrong with it.",
)
CHAIN_CRITICAL: Final = Rule(
    "chain.critical",
    "\u201c{name}\u201d has critical extensions that clients do not process: {extensions}. They must refuse the path "
    "(RFC 5280, 6.1.4 o).",
    "Have it issued without these extensions, or with them not critical.",
)
CHAIN_SIGNATURE: Final = Rule(
    "chain.signature",
    "\u201c{name}\u201d is not signed with the key of \u201c{issuer}\u201d (RFC 5280, 6.1.3 a).",
    "Give the certificates of one path: each issued by the next.",
)
CHAIN_KEY_IDENTIFIER: Final = Rule(
    "chain.key-identifier",
    "The authority key identifier of \u201c{name}\u201d does not match \u201c{issuer}\u201d: clients such as OpenSSL "
    "look for another issuer (RFC 5280, 4.2.1.1).",
    "Use the certificate of the issuer that has the key identifier, or have \u201c{name}\u201d issued again.",
)
CHAIN_PURPOSE: Final = Rule(
    "chain.purpose",
    "\u201c{authority}\u201d limits the certificates below it to {allowed}; {purpose} is not among them. OpenSSL, Go "
    "and Windows refuse the certificate for it: error 26, unsuitable certificate purpose.",
    "Have \u201c{authority}\u201d issued without extended key usage, or with {purpose} as well.",
)
CHAIN_PURPOSE_IDLE: Final = Rule(
    "chain.purpose-idle",
    "\u201c{authority}\u201d limits the certificates below it to {allowed}; {purpose} counts for nothing below it.",
    "TLS needs serverAuth and clientAuth only. To use {purpose}, have \u201c{authority}\u201d issued with it as well.",
    Severity.WARNING,
)
CHAIN_PURPOSES_LIMITED: Final = Rule(
    "chain.purposes-limited",
    "\u201c{authority}\u201d limits the certificates below it to {allowed}.",
    "CSRs that ask for other purposes will be refused. To sign them, have it issued without extended key usage.",
    Severity.WARNING,
)

_PROXY: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")  # not for an authority (RFC 3820, 3.7): OpenSSL reads none
TLS_PURPOSES: Final = ("serverAuth", "clientAuth")
_PROCESSED: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        POLICY_MAPPINGS,
    }
)


@dataclass(frozen=True, slots=True)
class AuthorityPath:
    """The authorities above a leaf, validated.

    `findings` are those that depend on neither time nor leaf: errors, and warnings of strict clients. `purposes` are
    the limits by extended key usage: (name of the authority, names of the purposes). `is_free` says whether nothing in
    the path could refuse a leaf, whatever its names, purposes and policies.
    """

    links: tuple[Link, ...]
    findings: tuple[Finding, ...]
    purposes: tuple[tuple[str, tuple[str, ...]], ...]
    subtrees: tuple[Subtrees, ...]
    policies: PolicyState
    is_free: bool

    @classmethod
    def of(cls, authorities: Sequence[x509.Certificate]) -> AuthorityPath:
        """Validate authorities, issuing one first and root last; never raises."""
        links = tuple(map(Link.of, authorities))
        limits = [(link.name, link.find(x509.ExtendedKeyUsage)) for link in links]
        subtrees = tuple(filter(None, map(name_constraints.subtrees_of, links)))
        purposes = tuple((name, extended_key_usage_names(found)) for name, found in limits if found)
        policies, unsatisfied = _policies(links)
        findings = (*(found for depth in range(len(links)) for found in _faults(links, depth)), *unsatisfied)
        is_free = not (only_errors(findings) or purposes or subtrees) and policies.at_leaf(None).is_satisfied
        return cls(links, findings, purposes, subtrees, policies, is_free)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings by which no certificate below this path is valid."""
        return only_errors(self.findings)

    @property
    def limits(self) -> tuple[Finding, ...]:
        """The names and purposes to which the path limits leaves, as warnings."""
        purposes = (
            CHAIN_PURPOSES_LIMITED.at(authority=name, allowed=", ".join(allowed)) for name, allowed in self.purposes
        )
        return (*purposes, *(each.limits for each in self.subtrees))

    def validity_faults(self, at: datetime) -> Iterator[Finding]:
        """Yield the authorities that are not valid at this time (6.1.3 a 2)."""
        for link in self.links:
            if not link.is_readable:
                continue
            start, end = link.certificate.not_valid_before_utc, link.certificate.not_valid_after_utc
            if not start <= at <= end:
                yield CHAIN_EXPIRED.at(name=link.name, start=start.date().isoformat(), end=end.date().isoformat())

    def purpose_faults(self, purposes: Collection[str]) -> Iterator[Finding]:
        """Yield the purposes that an authority does not allow; anyExtendedKeyUsage allows none, as for OpenSSL.

        Those of TLS are errors. Others, such as ipsecEndSystem of old CSRs, are warnings.
        """
        for authority, allowed in self.purposes:
            for purpose in purposes:
                if purpose not in allowed:
                    rule, text = CHAIN_PURPOSE if purpose in TLS_PURPOSES else CHAIN_PURPOSE_IDLE, ", ".join(allowed)
                    yield rule.at("/extended_key_usage", authority=authority, purpose=purpose, allowed=text)

    def name_faults(
        self, subject: x509.Name, alternative_name: x509.SubjectAlternativeName | None
    ) -> Iterator[Finding]:
        """Yield the names of a leaf that an authority must not issue for (6.1.3 b and c)."""
        if self.subtrees:
            yield from name_constraints.faults(
                self.subtrees, tuple(name_constraints.names_of(subject, alternative_name))
            )

    def policy_faults(self, name: str, policies: x509.CertificatePolicies | None) -> Iterator[Finding]:
        """Yield the lack of a policy that an authority requires of a leaf (6.1.5)."""
        if not self.policies.at_leaf(policies).is_satisfied:
            yield CHAIN_POLICY.at(name=name)


def issue_fault(link: Link, issuer: Link) -> Finding | None:
    """Return why a certificate was not issued by this one, or None: signature, names, key identifier."""
    if not is_issued_by(link.certificate, issuer.certificate):
        return CHAIN_SIGNATURE.at(name=link.name, issuer=issuer.name)
    if not _identifier_matches(link, issuer):
        return CHAIN_KEY_IDENTIFIER.at(name=link.name, issuer=issuer.name)
    return None


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the names chain and the signature holds (RFC 5280, 6.1.3 a 1 and a 4)."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*PARSE_ERRORS, InvalidSignature):
        return False
    return True


def _identifier_matches(link: Link, issuer: Link) -> bool:
    """Return whether the authority key identifier names this issuer, as far as it names one."""
    wanted, own = link.find(x509.AuthorityKeyIdentifier), issuer.find(x509.SubjectKeyIdentifier)
    if wanted is None:
        return True
    if wanted.key_identifier is not None and own is not None and wanted.key_identifier != own.digest:
        return False
    number = wanted.authority_cert_serial_number
    if number is not None and number != issuer.certificate.serial_number:
        return False
    named = [each.value for each in wanted.authority_cert_issuer or () if isinstance(each, x509.DirectoryName)]
    return not named or issuer.certificate.issuer in named


def _faults(links: Sequence[Link], depth: int) -> Iterator[Finding]:
    """Yield the faults of one authority of the path; `depth` counts those below it."""
    link, above = links[depth], links[depth + 1 :]
    if above and (fault := issue_fault(link, above[0])):
        yield fault
    if not above and link.is_self_issued and not _identifier_matches(link, link):
        yield CHAIN_KEY_IDENTIFIER.at(name=link.name, issuer=link.name)
    if not link.is_readable or link.has(_PROXY):
        yield CHAIN_EXTENSIONS.at(name=link.name)
        return
    yield from _may_sign(link, sum(not each.is_self_issued for each in links[:depth]))
    if unknown := [each.oid for each in link.extensions if each.critical and each.oid not in _PROCESSED]:
        yield CHAIN_CRITICAL.at(name=link.name, extensions=", ".join(oid.dotted_string for oid in unknown))
    if not name_constraints.is_plain(link):
        yield CHAIN_NAME_CONSTRAINTS.at(authority=link.name)
    if not link.is_self_issued:
        given = name_constraints.names_of(
            link.certificate.subject, link.find(x509.SubjectAlternativeName), is_authority=True
        )
        yield from name_constraints.faults(tuple(filter(None, map(name_constraints.subtrees_of, above))), tuple(given))
    yield from strict_faults(link, is_last=not above)


def _may_sign(link: Link, depth: int) -> Iterator[Finding]:
    constraints, usage = link.find(x509.BasicConstraints), link.find(x509.KeyUsage)
    if constraints is None or not constraints.ca:
        yield CHAIN_NOT_AUTHORITY.at(name=link.name)
    elif constraints.path_length is not None and constraints.path_length < depth:
        yield CHAIN_PATH_LENGTH.at(name=link.name, allowed=constraints.path_length, depth=depth)
    if usage is not None and not usage.key_cert_sign:
        yield CHAIN_KEY_USAGE.at(name=link.name)


def _policies(links: Sequence[Link]) -> tuple[PolicyState, list[Finding]]:
    """Return the state of the policies below the authorities; the root is the anchor, and sets none."""
    state, findings = PolicyState(), list[Finding]()
    for link in reversed(links[:-1]):
        if not state.reached(link).is_satisfied:
            findings.append(CHAIN_POLICY.at(name=link.name))
        state = state.below(link)
    return state, findings
