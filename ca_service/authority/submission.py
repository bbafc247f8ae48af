"""Knows how a request is held against what is here already: the authority, other certificates, other requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from cryptography import x509

from ca_service.authority.hierarchy import ActiveAuthority
from ca_service.authority.records import CertificateRecord
from ca_service.authority.registration import Examination
from ca_service.errors import Finding, InvalidInput, blocking, note, warning
from ca_service.pki import keys, names
from ca_service.pki.csr import CertificationRequest

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
