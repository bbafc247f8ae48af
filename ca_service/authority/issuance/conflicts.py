"""Conflicts of a CSR with what is there: authority and path, earlier certificates, lost keys, token, neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ca_service.authority.access.allowed_names import as_network
from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority
from ca_service.authority.issuance.examination import Examination
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.revocation.records import RevocationRecord, State
from ca_service.errors import Finding, InvalidInput, Refused, Rule, Severity
from ca_service.pki import names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.profiles import Profile
from ca_service.pki.reasons import Reason
from ca_service.vos.destinations import host_name

CSR_REPEATED: Final = Rule(
    "csr.repeated",
    "Two CSRs of this submission have the same key.",
    "Send each CSR once. If a node created two CSRs, send the newest.",
)
CSR_COUNT: Final = Rule(
    "csr.count",
    "You sent {count} CSRs. A submission has 1 to {limit}.",
    "Send at least one CSR and at most {limit}.",
)
CSR_KEY_AUTHORITY: Final = Rule(
    "csr.key.authority",
    "The key of the CSR is a key of this authority.",
    "Create a new CSR with its own key.",
)
SUBJECT_AUTHORITY: Final = Rule(
    "subject.authority",
    "The subject or the common name of the CSR is that of an authority here, or of its OCSP signer.",
    "Create a new CSR with its own name: a node keeps one certificate per name.",
)
CSR_KEY_REUSED: Final = Rule(
    "csr.key.reused",
    "Another CSR with the same key was signed before. Its certificate, {serial}, is still valid.",
    "A node accepts one certificate per CSR: make sure that this is the newest CSR of the node.",
    Severity.WARNING,
)
CSR_OTHER_PURPOSE: Final = Rule(
    "csr.other-purpose",
    "This CSR was signed for {purpose} before. That certificate, {serial}, is still valid.",
    "A node accepts a certificate for the purpose of its CSR only: look on the node for which one it was created.",
    Severity.WARNING,
)
CERTIFICATE_AGAIN: Final = Rule(
    "certificate.again",
    "This CSR was signed before. Its certificate is returned again; it is valid until {end}.",
    "Ask for a new certificate if you need another lifetime or another serial number.",
    Severity.NOTE,
    options="new=true, --new",
)
CSR_KEY_COMPROMISED: Final = Rule(
    "csr.key.compromised",
    "The key of the CSR was reported as compromised on {date}.",
    "Create a new CSR on the host, which creates a new key.",
)
CSR_KEY_HELD: Final = Rule(
    "csr.key.held",
    "Certificate {serial}, which has the key of the CSR, is on hold.",
    "Have the certificate released or revoked permanently, or create a new CSR, which creates a new key.",
)
AUTHORITY_REVOKED: Final = Rule(
    "authority.revoked",
    "Authority {issuer} is revoked since {date}: clients would reject every certificate that it issues.",
    "Create the next intermediate: `ca-service ca rollover`. If an authority above it is revoked, have the next one "
    "certified by another below the same root: `ca-service ca request --next`.",
)

MAX_REQUESTS: Final = 1000

#: By (id of the issuer, serial number).
Revocations = Mapping[tuple[str, str], RevocationRecord]


@dataclass(frozen=True, slots=True)
class Known:
    """The stored facts about the keys of a submission, and about the authority that would sign it.

    `certificates` are all that have one of these keys, newest first, expired and revoked ones included. `revocations`
    are theirs and those of the authorities, released ones included. `refusals` are the requests with one of these
    keys that a person has refused, the last decision first.
    """

    certificates: tuple[CertificateRecord, ...]
    revocations: Revocations
    refusals: tuple[RequestRecord, ...] = ()

    def with_key(self, key_fingerprint: str) -> tuple[CertificateRecord, ...]:
        """Return all certificates with this key, newest first."""
        return tuple(each for each in self.certificates if each.key_fingerprint == key_fingerprint)

    def revocations_of(self, key_fingerprint: str) -> Iterator[RevocationRecord]:
        """Yield the revocations of all certificates with this key, released ones included."""
        for each in self.with_key(key_fingerprint):
            if found := self.revocations.get((each.issuer_id, each.serial_number)):
                yield found

    def is_good(self, certificate: CertificateRecord, at: datetime) -> bool:
        """Return whether the certificate has not expired at `at` and is neither revoked nor on hold."""
        found = self.revocations.get((certificate.issuer_id, certificate.serial_number))
        return certificate.not_after >= at and (found is None or found.is_good)

    def find_reissuable(
        self, request_fingerprint: str, profile: str, issuer_id: str, at: datetime, purpose: str = ""
    ) -> CertificateRecord | None:
        """Return the newest good certificate for this very CSR under this profile and issuer, or None.

        An empty purpose means any.
        """
        wanted = (request_fingerprint, profile, issuer_id)
        found = (
            each
            for each in self.certificates
            if (each.request_fingerprint, each.profile, each.issuer_id) == wanted
            and purpose in ("", each.purpose)
            and self.is_good(each, at)
        )
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The things that a CSR may conflict with. `wants_new` asks for a new certificate, even if one exists."""

    authority: ActiveAuthority | None
    known: Known
    grant: Grant | None
    wants_new: bool
    at: datetime


def check_count(csrs: Sequence[bytes], limit: int = MAX_REQUESTS) -> None:
    """Raise InvalidInput for a submission of no CSR, or of too many."""
    if not 1 <= len(csrs) <= limit:
        raise InvalidInput(CSR_COUNT.at("/csr", count=len(csrs), limit=limit))


def with_conflicts(examinations: Sequence[Examination], around: Surroundings) -> list[Examination]:
    """Add to each examination what it conflicts with, and the certificate that its CSR already has."""
    return _without_repetition([_with_conflicts(each, around) for each in examinations])


def _with_conflicts(examination: Examination, around: Surroundings) -> Examination:
    request, authority = examination.request, around.authority
    if request is None:
        return examination
    others = [each for each in around.known.with_key(request.key_fingerprint) if around.known.is_good(each, around.at)]
    existing = None
    if authority is not None and not around.wants_new:
        profile, issuer_id = examination.profile.name, authority.record.id
        purpose = examination.chosen_purpose
        existing = around.known.find_reissuable(request.fingerprint, profile, issuer_id, around.at, purpose)
    refusal = _find_refusal(request.key_fingerprint, around.known.refusals, others)
    found = (
        *_token(examination, request, around.grant),
        *_authority(request, authority),
        *_reused_key(request, others),
        *_other_purpose(request, examination.chosen_purpose, others),
        *_revoked_key(around.known.revocations_of(request.key_fingerprint)),
        *_revoked_authority(authority, around.known.revocations),
        *(_existing(existing) if existing else _path(examination, request, authority)),
        *([refusal.as_refusal] if refusal and not existing else []),
    )
    was_refused = refusal is not None
    return replace(examination, findings=(*examination.findings, *found), existing=existing, was_refused=was_refused)


def _token(examination: Examination, request: CertificationRequest, grant: Grant | None) -> Iterator[Finding]:
    """Check that the token covers every name of the certificate, and every common name."""
    if grant is not None:
        hosts = tuple(_hosts(request.common_names, examination.profile))
        yield from grant.faults(examination.profile.name, examination.names, hosts)


def _hosts(common_names: Sequence[str], profile: Profile) -> Iterator[str]:
    """Yield every common name as a host: some clients still accept a certificate for it, however it is written."""
    for common_name in common_names:
        text = common_name.strip().removesuffix(".")
        host = host_name(text) if profile.is_vos else text
        yield f"DNS:{host}" if as_network(host) is None else f"IP:{host}"


def _authority(request: CertificationRequest, active: ActiveAuthority | None) -> Iterator[Finding]:
    """Check that the CSR has neither the key nor the name of an authority here, or of its OCSP signer.

    Their common names are reserved, whatever stands beside them: people and logs often see the common name alone.
    """
    if active is None:
        return
    if request.key_fingerprint in active.key_fingerprints:
        yield CSR_KEY_AUTHORITY.at("/public_key")
    is_reserved = not active.common_names.isdisjoint(names.folded_common_names(request.subject))
    if is_reserved or names.folded(request.subject) in active.subjects:
        yield SUBJECT_AUTHORITY.at("/subject")


def _reused_key(request: CertificationRequest, others: Sequence[CertificateRecord]) -> Iterator[Finding]:
    """Check whether another CSR with the same key was signed; `others` are the valid certificates with that key."""
    other = next((each for each in others if each.request_fingerprint != request.fingerprint), None)
    if other is not None:
        yield CSR_KEY_REUSED.at("/public_key", serial=other.serial_number)


def _other_purpose(
    request: CertificationRequest, chosen: str, others: Sequence[CertificateRecord]
) -> Iterator[Finding]:
    """Check whether this CSR was signed for another purpose; `others` are the valid certificates with its key."""
    own = (each for each in others if each.request_fingerprint == request.fingerprint)
    other = next((each for each in own if chosen and each.purpose not in ("", chosen)), None)
    if other is not None:
        yield CSR_OTHER_PURPOSE.at("/purpose", purpose=other.purpose, serial=other.serial_number)


def _revoked_key(revocations: Iterable[RevocationRecord]) -> Iterator[Finding]:
    """Check that the key was not reported as compromised and is not on hold; its revocations come newest first."""
    for found in reversed(tuple(revocations)):
        if found.is_good:
            continue
        if found.reason is Reason.KEY_COMPROMISE:
            yield CSR_KEY_COMPROMISED.at("/public_key", date=found.changed_at.date().isoformat())
            return
        if found.state is State.HELD:
            yield CSR_KEY_HELD.at("/public_key", serial=found.serial_number)
            return


def _revoked_authority(authority: ActiveAuthority | None, revocations: Revocations) -> Iterator[Finding]:
    """Check that no authority of the chain is revoked or on hold."""
    for issuer_id, link in authority.links.items() if authority else ():
        found = revocations.get(link)
        if found is not None and not found.is_good:
            yield AUTHORITY_REVOKED.at(issuer=issuer_id, date=found.revoked_at.date().isoformat())
            return


def _path(
    examination: Examination, request: CertificationRequest, authority: ActiveAuthority | None
) -> Iterator[Finding]:
    """Check the path above a new certificate (RFC 5280, 6.1): what was found once for all, its purposes and names."""
    if authority is not None and not authority.path.is_free:
        path = authority.path
        yield from path.errors
        yield from path.purpose_faults(examination.extended_key_usage)
        yield from path.name_faults(request.subject, examination.subject_alternative_name)
        yield from path.policy_faults(request.subject_text, None)


def _find_refusal(
    key_fingerprint: str, refusals: Iterable[RequestRecord], certificates: Sequence[CertificateRecord]
) -> RequestRecord | None:
    """Return the last refusal of a CSR with this key, except where the key has got such a certificate since.

    The key counts, not the bytes: signed once more, the same CSR has another fingerprint. `certificates` have this key.
    """

    def is_past(refused: RequestRecord) -> bool:
        at, profile = refused.decided_at, refused.options.profile
        return at is None or any(each.profile == profile and each.issued_at >= at for each in certificates)

    asked = (each for each in refusals if each.key_fingerprint == key_fingerprint)
    return next((each for each in asked if not is_past(each)), None)


def _existing(record: CertificateRecord) -> Iterator[Finding]:
    """Say that this very CSR was signed before, and that its certificate is returned again."""
    yield CERTIFICATE_AGAIN.at(end=record.not_after.date().isoformat())


def _without_repetition(examinations: Sequence[Examination]) -> list[Examination]:
    """Mark CSRs of one submission that share a key: one of them is a mistake.

    A CSR that is refused anyway does not count, so it does not take a good one down with it.
    """
    keys = [each.request.key_fingerprint if each.request and not each.is_refused else "" for each in examinations]
    used = Counter(keys)
    return [
        replace(each, findings=(*each.findings, CSR_REPEATED.at("/public_key"))) if key and used[key] > 1 else each
        for each, key in zip(examinations, keys, strict=True)
    ]


def require_granted(asked: Sequence[tuple[str, Sequence[str]]], grant: Grant | None) -> None:
    """Raise Refused unless the token covers an earlier answer: profile and alternative names of each certificate."""
    if grant is None:
        return
    findings = [
        found.under(f"/csr/{number}")
        for number, (profile, named) in enumerate(asked)
        for found in grant.faults(profile, named)
    ]
    if findings:
        raise Refused(*findings)
