"""Examination of a CSR: against its profile and the policy, before anything that is stored is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from cryptography import x509

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.approval import DEFAULT_RULES, Approval, ApprovalRule, Asked
from ca_service.authority.issuance.naming import name_all
from ca_service.errors import Finding, Refused, Rule, Severity
from ca_service.pki.csr import CertificationRequest, Description, Reading
from ca_service.pki.profiles import DEFAULT_LEAF_DAYS, MAX_LEAF_DAYS, Profile
from ca_service.vos.destinations import (
    NO_HINT,
    NOWHERE,
    Destination,
    Hint,
    errors_of,
    find_destination,
    host_name,
    unsigned_purpose,
)
from ca_service.vos.public_cas import missing_usages
from ca_service.vos.purposes import PURPOSES

USAGE_FIXED: Final = Rule(
    "usage.fixed",
    "The profile {profile} issues {key_usage} and {extended}, which is not what the CSR asks for.",
    "",
    Severity.NOTE,
)
USAGE_DEFAULT: Final = Rule(
    "usage.default",
    "The CSR does not ask for all usages. The usual ones are added: {usages}.",
    "",
    Severity.NOTE,
)
VALIDITY_RANGE: Final = Rule(
    "validity.range",
    "You asked for a lifetime of {days} days. 1 to {limit} days are allowed.",
    "Ask for {limit} days or fewer. (Apple\u2019s clients refuse server certificates of more than 825 days.)",
)
CSR_KEY_P521: Final = Rule(
    "csr.key.p521",
    "The key is on P-521. Browsers generally do not offer that curve, so they could not connect.",
    "Create a new CSR with P-384 or P-256. The operator can allow P-521 in the settings: policy.allow_p521.",
)
CSR_KEY_P521_ALLOWED: Final = Rule(
    "csr.key.p521-allowed",
    "The key is on P-521, which the settings allow. Browsers generally do not offer that curve: they cannot connect.",
    "Create a new CSR with P-384 or P-256 if browsers connect to this host.",
    Severity.WARNING,
)
CSR_KEY_USAGE: Final = Rule(
    "csr.key-usage",
    "The CSR asks for the key usage {name}, which this profile does not issue.",
    "Create a new CSR with no more than {allowed}.",
)
CSR_EXTENDED_KEY_USAGE: Final = Rule(
    "csr.extended-key-usage",
    "The CSR asks for the extended key usage {name}, which this profile does not issue.",
    "Create a new CSR with no more than {allowed}.",
)
CSR_AUTHORITY: Final = Rule(
    "csr.authority",
    "The CSR asks for the certificate of an authority (CA:TRUE, keyCertSign or cRLSign).",
    "On a Cisco node this is probably the CAPF CSR: download tomcat-ECDSA instead.",
)
PROFILE_SERVER: Final = Rule(
    "profile.server",
    "The CSR does not look like one of a Cisco node: it asks for neither clientAuth nor dataEncipherment.",
    "If it is for another server, use the profile server.",
    Severity.NOTE,
    options="profile=server, --profile server",
)
EXTENSION_LEFT_OUT: Final = Rule(
    "extension.left-out",
    "These requested extensions are not copied: {extensions}.",
    "",
    Severity.NOTE,
)

_AUTHORITY_USAGES: Final = {"keyCertSign", "cRLSign"}
_TLS_USAGES: Final = {"serverAuth", "clientAuth"}


@dataclass(frozen=True, slots=True)
class Policy:
    """The decisions of the operator. Days; `backdate` is the time from not_before to now.

    `rules` approve requests without a person; the first that matches decides.
    """

    default_days: int = DEFAULT_LEAF_DAYS
    max_days: int = MAX_LEAF_DAYS
    backdate: timedelta = timedelta(minutes=5)
    allow_p521: bool = False
    rules: tuple[ApprovalRule, ...] = DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a requester, beside the CSR.

    `new` issues another certificate even if one exists; `add_host_name` adds the host name to a certificate whose CSR
    has no names; `destination` is where the certificates go, as far as it is the same for all of them.
    """

    profile: str = "vos"
    validity_days: int | None = None
    new: bool = False
    add_host_name: bool = False
    destination: Destination = NOWHERE


@dataclass(frozen=True, slots=True)
class Examination:
    """A CSR with everything that was found about it, and what its certificate would contain.

    `names` are the alternative names of the certificate as text; `claims` the parts of its subject by which a server
    may grant rights to a client. `destination` has the purpose that was given or proposed, none for a plain server;
    `chosen_purpose` only the one that was given. `existing` is the certificate that this very CSR already has and gets
    again; `was_refused` says that a person has refused it; `approval` is why no decision is needed, None if a person
    must decide.
    """

    profile: Profile
    days: int
    findings: tuple[Finding, ...]
    description: Description | None = None
    request: CertificationRequest | None = None
    host: str = ""
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    subject_alternative_name: x509.SubjectAlternativeName | None = None
    names: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    destination: Destination = NOWHERE
    chosen_purpose: str = ""
    existing: CertificateRecord | None = None
    was_refused: bool = False
    approval: Approval | None = None

    @property
    def verified(self) -> CertificationRequest:
        """The verified CSR. Raises ValueError if the CSR is not one."""
        if self.request is None:
            raise ValueError("a refused request is not issued")
        return self.request

    @property
    def asked(self) -> Asked:
        """The facts for approval rules: every name of the certificate, every common name, and what else is claimed."""
        hosts = (host_name(name) if self.profile.is_vos else name for name in self.verified.common_names)
        return Asked(self.profile.name, self.names, tuple(hosts), self.claims, self.was_refused)

    @property
    def needs_decision(self) -> bool:
        """Whether a person has to decide before it is signed."""
        return self.existing is None and self.approval is None and not self.is_refused

    @property
    def is_refused(self) -> bool:
        """Whether it cannot be signed as it is."""
        return any(found.is_error for found in self.findings)


def examine(reading: Reading, profile: Profile, options: Options, policy: Policy, hint: Hint = NO_HINT) -> Examination:
    """Hold one CSR against its profile and the policy. A bad CSR gives findings; this never raises."""
    given = hint.destination | options.destination
    impossible = errors_of(given)
    given = NOWHERE if impossible else given
    days, lifetime = _days(options, policy), tuple(examine_lifetime(profile, options, policy))
    request = reading.request
    if request is None:
        findings = (*reading.findings, *unsigned_purpose(reading, hint.file_name), *impossible, *lifetime)
        return Examination(profile, days, findings, reading.description, destination=given)
    key_usage, extended_key_usage, used = _usages(request.description, profile)
    destination, aimed = find_destination(request.description, profile, given, hint.file_name)
    if destination.purpose:
        profile = replace(profile, allows_wildcard=PURPOSES[destination.purpose].allows_wildcard)
    named = name_all(request, profile, extended_key_usage, add_host_name=options.add_host_name)
    return Examination(
        profile=profile,
        days=days,
        findings=(
            *named.findings,
            *_authority(request),
            *_curve(request, policy),
            *(impossible or aimed),
            *_other_server(request, profile),
            *used,
            *_without_tls(extended_key_usage, profile, destination),
            *_left_out(request),
            *lifetime,
        ),
        description=request.description,
        request=request,
        host=named.host,
        key_usage=key_usage,
        extended_key_usage=extended_key_usage,
        subject_alternative_name=named.extension,
        names=named.names,
        claims=named.claims,
        destination=destination,
        chosen_purpose=given.purpose,
    )


def require_all(examinations: Sequence[Examination]) -> None:
    """Raise Refused with every finding if one of the CSRs cannot be signed."""
    if any(each.is_refused for each in examinations):
        raise Refused(*findings_of(examinations))


def findings_of(examinations: Sequence[Examination]) -> Iterator[Finding]:
    """Yield the findings about all CSRs of a submission, each pointing at its CSR."""
    for number, each in enumerate(examinations):
        for found in each.findings:
            yield found.under(f"/csr/{number}")


def examine_lifetime(profile: Profile, options: Options, policy: Policy) -> Iterator[Finding]:
    """Yield the error of a lifetime that profile and policy do not allow."""
    days, limit = _days(options, policy), min(policy.max_days, profile.max_days)
    if not 1 <= days <= limit:
        yield VALIDITY_RANGE.at("/validity_days", days=days, limit=limit)


def _days(options: Options, policy: Policy) -> int:
    return options.validity_days if options.validity_days is not None else policy.default_days


def _authority(request: CertificationRequest) -> Iterator[Finding]:
    is_ca = request.basic_constraints is not None and request.basic_constraints.ca
    if is_ca or not _AUTHORITY_USAGES.isdisjoint(request.description.key_usage):
        yield CSR_AUTHORITY.at("/basic_constraints")


def _curve(request: CertificationRequest, policy: Policy) -> Iterator[Finding]:
    if request.public_key.curve.name == "secp521r1":
        yield (CSR_KEY_P521_ALLOWED if policy.allow_p521 else CSR_KEY_P521).at("/public_key")


_Usages = tuple[tuple[str, ...], tuple[str, ...], list[Finding]]


def _usages(asked: Description, profile: Profile) -> _Usages:
    """Return key usage and extended key usage of the certificate, and what was found about them."""
    if not profile.copies_usages:
        return _usages_of_profile(asked, profile)
    findings = _not_issued(CSR_KEY_USAGE, asked.key_usage, profile.key_usage)
    findings += _not_issued(CSR_EXTENDED_KEY_USAGE, asked.extended_key_usage, profile.extended_key_usage)
    added = () if asked.key_usage else profile.default_key_usage
    added_extended = () if asked.extended_key_usage else profile.default_extended_key_usage
    if added or added_extended:
        findings.append(USAGE_DEFAULT.at("/key_usage", usages=", ".join((*added, *added_extended))))
    return asked.key_usage or added, asked.extended_key_usage or added_extended, findings


def _not_issued(rule: Rule, asked: Sequence[str], allowed: Sequence[str]) -> list[Finding]:
    pointer = "/key_usage" if rule is CSR_KEY_USAGE else "/extended_key_usage"
    wrong = [name for name in asked if name not in allowed and name not in _AUTHORITY_USAGES]
    return [rule.at(pointer, name=name, allowed=", ".join(allowed)) for name in wrong]


def _usages_of_profile(asked: Description, profile: Profile) -> _Usages:
    """Return the usages of a profile that copies none, except the optional ones."""
    optional = (name for name in profile.optional_extended_key_usage if name in asked.extended_key_usage)
    key_usage, extended = profile.default_key_usage, (*profile.default_extended_key_usage, *optional)
    pairs = ((asked.key_usage, key_usage), (asked.extended_key_usage, extended))
    if all(not wanted or set(wanted) == set(issued) for wanted, issued in pairs):
        return key_usage, extended, []
    said = {"profile": profile.name, "key_usage": ", ".join(key_usage), "extended": ", ".join(extended)}
    return key_usage, extended, [USAGE_FIXED.at("/key_usage", **said)]


def _other_server(request: CertificationRequest, profile: Profile) -> Iterator[Finding]:
    """Offer the profile of plain servers for a CSR that has none of what nodes always ask for."""
    asked = request.description
    is_node = "clientAuth" in asked.extended_key_usage or "dataEncipherment" in asked.key_usage
    if is_node or not profile.is_vos:
        return
    if not any(host_name(name) != name for name in request.common_names):  # -EC, -ms
        yield PROFILE_SERVER.at("/profile")


def _without_tls(extended_key_usage: Sequence[str], profile: Profile, destination: Destination) -> Iterator[Finding]:
    """Yield what a node would lack: it is a TLS server, and in most releases a client with the same certificate."""
    if profile.is_vos and not _TLS_USAGES.issubset(extended_key_usage):
        yield from missing_usages(extended_key_usage, destination.product, destination.version)


def _left_out(request: CertificationRequest) -> Iterator[Finding]:
    if request.other_extensions:
        yield EXTENSION_LEFT_OUT.at("/extensions", extensions=", ".join(request.other_extensions))
