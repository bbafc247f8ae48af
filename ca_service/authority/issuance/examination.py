"""Knows how a request is held against its profile and the policy, and what findings that yields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from cryptography import x509

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.approval import DEFAULT_RULES, Approval, Rule
from ca_service.authority.issuance.hosts import alternative_name
from ca_service.errors import Finding, Refused, blocking, note, only_errors, warning
from ca_service.pki import csr, usages
from ca_service.pki.csr import CertificationRequest, Description
from ca_service.pki.profiles import Profile, get_leaf_profile

_AUTHORITY_USAGES: Final = {"keyCertSign", "cRLSign"}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator has decided. Days; `backdate` is how far not_before lies in the past.

    `rules` say what is approved without a person; the first that holds decides.
    """

    default_days: int = 397
    max_days: int = 825
    backdate: timedelta = timedelta(minutes=5)
    allow_p521: bool = False
    rules: tuple[Rule, ...] = DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has asked for beside the request.

    `new` makes another certificate where one exists; `add_host_name` puts the host name into a
    certificate whose request names none.
    """

    profile: str = "vos"
    validity_days: int | None = None
    new: bool = False
    add_host_name: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """A request with all that was found about it, and what the certificate would contain.

    `existing` is the certificate that this very request has already, where it will be given again; `approval`
    is why nobody has to decide, None where somebody has to.
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
    existing: CertificateRecord | None = None
    approval: Approval | None = None

    @property
    def needs_decision(self) -> bool:
        """Whether a person has to decide before it is signed."""
        return self.existing is None and self.approval is None and not self.is_refused

    @property
    def is_refused(self) -> bool:
        """Whether it cannot be signed as it is."""
        return bool(only_errors(self.findings))


def examine(data: bytes, options: Options, policy: Policy) -> Examination:
    """Read one request and judge it. A bad request gives findings, it never raises.

    Raises InvalidInput when the profile does not exist.
    """
    profile = get_leaf_profile(options.profile)
    days = options.validity_days if options.validity_days is not None else policy.default_days
    found = list(_lifetime(days, profile, policy))
    read = csr.read(data)
    if read.request is None:
        return Examination(profile, days, (*read.findings, *found), read.description)
    examination = _against_profile(read.request, profile, options, policy)
    return replace(examination, days=days, findings=(*examination.findings, *found))


def require_all(examinations: Sequence[Examination]) -> None:
    """Raise Refused with every finding if one of the requests cannot be signed."""
    if any(examination.is_refused for examination in examinations):
        raise Refused(
            *(
                finding.under(f"/csr/{number}")
                for number, examination in enumerate(examinations)
                for finding in examination.findings
            )
        )


def _lifetime(days: int, profile: Profile, policy: Policy) -> Iterator[Finding]:
    limit = min(policy.max_days, profile.max_days)
    if not 1 <= days <= limit:
        yield blocking(
            "validity.range",
            "/validity_days",
            "A lifetime of {days} days was asked; 1 to {limit} days are allowed.",
            "Ask for {limit} days or fewer (Apple\u2019s clients refuse server certificates of more than 825 days).",
            days=days,
            limit=limit,
        )


def _against_profile(request: CertificationRequest, profile: Profile, options: Options, policy: Policy) -> Examination:
    san, host, name_findings = alternative_name(request, profile, add_host_name=options.add_host_name)
    key_usage, extended_key_usage, usage_findings = _usages(request, profile)
    findings = (
        *request.findings,
        *_authority(request),
        *_curve(request, policy),
        *name_findings,
        *usage_findings,
        *_left_out(request),
    )
    return Examination(
        profile=profile,
        days=0,
        findings=findings,
        description=request.description,
        request=request,
        host=host,
        key_usage=key_usage,
        extended_key_usage=extended_key_usage,
        subject_alternative_name=san,
    )


def _authority(request: CertificationRequest) -> Iterator[Finding]:
    asked = set(usages.key_usage_names(request.key_usage))
    if (request.basic_constraints and request.basic_constraints.ca) or asked & _AUTHORITY_USAGES:
        yield blocking(
            "csr.authority",
            "/basic_constraints",
            "The request asks for the certificate of an authority (CA:TRUE, keyCertSign or cRLSign).",
            "On a Cisco node this is probably the CAPF request: download tomcat-ECDSA instead.",
        )


def _curve(request: CertificationRequest, policy: Policy) -> Iterator[Finding]:
    if request.public_key.curve.name != "secp521r1":
        return
    problem = "The key is on P-521, which browsers generally do not offer: they could not connect then."
    if policy.allow_p521:
        yield warning("csr.key.p521", "/public_key", problem, "Make a new request with P-384 or P-256.")
    else:
        yield blocking(
            "csr.key.p521",
            "/public_key",
            problem,
            "Make a new request with P-384 or P-256. The operator can allow P-521 in the settings: policy.allow_p521.",
        )


def _usages(request: CertificationRequest, profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...], list[Finding]]:
    """Key usage, extended key usage, findings."""
    asked = usages.key_usage_names(request.key_usage)
    asked_extended = usages.extended_key_usage_names(request.extended_key_usage)
    if not profile.copies_usages:
        findings = [_fixed(profile)] if (asked or asked_extended) else []
        return profile.default_key_usage, profile.default_extended_key_usage, findings
    findings = [
        _not_issued("key_usage", name, profile.key_usage)
        for name in asked
        if name not in profile.key_usage and name not in _AUTHORITY_USAGES
    ]
    findings += [
        _not_issued("extended_key_usage", name, profile.extended_key_usage)
        for name in asked_extended
        if name not in profile.extended_key_usage
    ]
    key_usage = asked or profile.default_key_usage
    extended_key_usage = asked_extended or profile.default_extended_key_usage
    put_in = (*(() if asked else key_usage), *(() if asked_extended else extended_key_usage))
    return key_usage, extended_key_usage, [*findings, *([_default(put_in)] if put_in else [])]


def _not_issued(field_name: str, name: str, allowed: Sequence[str]) -> Finding:
    return blocking(
        f"csr.{field_name.replace('_', '-')}",
        f"/{field_name}",
        "The request asks for {name}, which this profile does not issue.",
        "Make a new request with no more than {allowed}.",
        name=name,
        allowed=", ".join(allowed),
    )


def _fixed(profile: Profile) -> Finding:
    return note(
        "usage.fixed",
        "/key_usage",
        "The profile {profile} issues {key_usage} and {extended}, whatever the request asks.",
        profile=profile.name,
        key_usage=", ".join(profile.default_key_usage),
        extended=", ".join(profile.default_extended_key_usage),
    )


def _default(put_in: Sequence[str]) -> Finding:
    return note(
        "usage.default",
        "/key_usage",
        "Where the request asks for no usages, the usual ones are put in: {usages}.",
        usages=", ".join(put_in),
    )


def _left_out(request: CertificationRequest) -> Iterator[Finding]:
    if request.other_extensions:
        yield note(
            "extension.left-out",
            "/extensions",
            "These requested extensions are not copied: {extensions}.",
            extensions=", ".join(request.other_extensions),
        )
