"""Knows how a request is held against what is here already: the authority, other certificates, other requests;
and against what the token may with which it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.authority.access.allowed_names import as_network
from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority
from ca_service.authority.issuance.examination import Examination
from ca_service.errors import Finding, InvalidInput, Refused, blocking, note, warning
from ca_service.pki import keys, names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.profiles import Profile
from ca_service.vos.purposes import host_name

MAX_REQUESTS: Final = 50


def check_count(requests: Sequence[bytes]) -> None:
    """Raise InvalidInput for a submission of no request, or of too many."""
    if not 1 <= len(requests) <= MAX_REQUESTS:
        raise InvalidInput(
            blocking(
                "csr.count",
                "/csr",
                "{count} requests were sent; 1 to {limit} can be signed at once.",
                "Send at least one request, and at most {limit}.",
                count=len(requests),
                limit=MAX_REQUESTS,
            )
        )


def about_authority(request: CertificationRequest, active: ActiveAuthority | None) -> Iterator[Finding]:
    """Whether the request has the key or the name of an authority that would stand above it."""
    if active is None:
        return
    if keys.key_fingerprint(request.subject_public_key_info) in active.key_fingerprints:
        yield blocking(
            "csr.key.authority",
            "/public_key",
            "The key of the request is a key of this authority.",
            "Make a new request with a key of its own.",
        )
    if _folded(request.subject) in set(map(_folded, active.subjects)):
        yield blocking(
            "subject.authority",
            "/subject",
            "The subject of the request is the name of this authority.",
            "Make a new request with a name of its own: a node keeps one certificate per name.",
        )


def about_key(request: CertificationRequest, others: Sequence[CertificateRecord]) -> Iterator[Finding]:
    """Whether another request with the same key was signed; `others` have that key, newest first."""
    for other in others:
        if other.request_fingerprint != request.fingerprint:
            yield warning(
                "csr.key.reused",
                "/public_key",
                "Another request with the same key was signed before; that certificate, {serial}, is still valid.",
                "A node takes one certificate per request: make sure that this is the newest request of the node.",
                serial=other.serial_number,
            )
            return


def within_grant(examination: Examination, grant: Grant | None) -> Examination:
    """The same, and whether the token may have the certificate: every name in it, and the host of its common name."""
    if grant is None or examination.request is None:
        return examination
    found = grant.faults(
        examination.profile.name,
        names.general_names_text(examination.subject_alternative_name or ()),
        tuple(_hosts(examination.request.subject, examination.profile)),
    )
    return replace(examination, findings=(*examination.findings, *found))


def require_granted(asked: Sequence[tuple[str, Sequence[str]]], grant: Grant | None) -> None:
    """Raise Refused unless the token may have what was asked before: profile and alternative names of each."""
    if grant is None:
        return
    findings = [
        found.under(f"/csr/{number}")
        for number, (profile, named) in enumerate(asked)
        for found in grant.faults(profile, named)
    ]
    if findings:
        raise Refused(*findings)


def _hosts(subject: x509.Name, profile: Profile) -> Iterator[str]:
    """The common names that are names of hosts: some programs still take them for what a certificate is good for."""
    for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        text = names.attribute_text(attribute).strip().removesuffix(".")
        host = host_name(text) if profile.is_vos else text
        if names.is_dns_name(host.removeprefix("*.")):
            yield f"DNS:{host}"
        elif as_network(host) is not None:
            yield f"IP:{host}"


def about_before(record: CertificateRecord | None) -> Iterator[Finding]:
    """That this very request was signed before, and that its certificate is given again."""
    if record is not None:
        yield note(
            "certificate.again",
            "",
            "This request was signed before, and gets the same certificate again; it is valid until {end}.",
            "Ask for a new one (new=true, --new) if you need another lifetime or another serial number.",
            end=record.not_after.date().isoformat(),
        )


def without_repetition(examinations: Sequence[Examination]) -> tuple[Examination, ...]:
    """Mark requests of one submission that share a key: one of them is a mistake.

    One that is refused anyway does not count, so that it does not take a good one down with it.
    """
    used = Counter(each.request.subject_public_key_info for each in examinations if each.request and _counts(each))
    repeated = blocking(
        "csr.repeated",
        "/public_key",
        "Two requests of this submission have the same key.",
        "Send each request once. If a node gave two requests, send the newest.",
    )
    return tuple(
        replace(each, findings=(*each.findings, repeated))
        if each.request and _counts(each) and used[each.request.subject_public_key_info] > 1
        else each
        for each in examinations
    )


def _counts(examination: Examination) -> bool:
    return examination.request is not None and not examination.is_refused


def _folded(name: x509.Name) -> str:
    """A name as it is compared: without regard to case and to the number of blanks (RFC 5280, 7.1)."""
    return " ".join(names.name_text(name).casefold().split())
