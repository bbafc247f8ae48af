"""Knows how certificates, checks and the authority are answered: as JSON, or as a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final
from urllib.parse import urlencode

from cryptography import x509
from flask import Response, stream_with_context
from pydantic import BaseModel

from ca_service.authority.access.permissions import Actor
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority
from ca_service.authority.inventory.csv_export import csv_lines
from ca_service.authority.inventory.store import Listed
from ca_service.authority.issuance.examination import Examination
from ca_service.authority.issuance.issuance import Issued
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.people.records import TokenRecord
from ca_service.authority.people.token_limits import known_scopes
from ca_service.authority.revocation.records import Outcome, RevocationRecord
from ca_service.errors import Finding
from ca_service.pki import encodings, keys, names
from ca_service.vos.fit import Fit
from ca_service.web.api import application_models, models, revocation_models
from ca_service.web.api.negotiation import JSON
from ca_service.web.auth import API_PREFIX
from ca_service.web.context import base_url, installation
from ca_service.web.delivery import deliver, deliver_authority, request_pem

RETRY_AFTER: Final = 30


def certificates(
    records: Sequence[CertificateRecord], form: str, findings: Sequence[Finding] = (), following: str | None = None
) -> Response:
    """The certificates in this form; findings and the address of the next page are told in JSON only."""
    return _varying(_certificates_as_json(records, findings, following) if form == "json" else deliver(records, form))


def issued(found: Issued, form: str) -> Response:
    """What came of a submission: the certificates in this form, or where they wait for a decision."""
    if found.waiting:
        return _waiting(found.waiting, found.findings)
    response = certificates(found.certificates, form, found.findings)
    response.status_code = 201 if found.created else 200
    response.headers["Location"] = address(f"certificates/{found.certificates[0].serial_number}")
    return response


def _waiting(found: Sequence[RequestRecord], findings: Sequence[Finding]) -> Response:
    """That requests wait for a decision, and where to look for it (RFC 9110, 15.3.3); in JSON, whatever was asked."""
    response = applications(found, findings)
    response.status_code = 202
    response.headers["Location"] = address(f"applications/{found[0].id}")
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def applications(
    found: Sequence[RequestRecord], findings: Sequence[Finding] = (), following: str | None = None
) -> Response:
    """Applications: those of a submission, with what was found, or a page of the list."""
    documents = [application_document(each) for each in found]
    answer = application_models.ApplicationsDocument(
        applications=documents, findings=_findings(findings), next=following
    )
    return as_json(answer, following)


def application(found: RequestRecord) -> Response:
    """One application; where it waits still, with when to ask again."""
    response = as_json(application_document(found))
    if found.is_open:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def application_document(found: RequestRecord) -> application_models.ApplicationDocument:
    """The application for a script."""
    return application_models.ApplicationDocument(
        id=found.id,
        state=found.state.value,
        profile=found.options.profile,
        validity_days=found.options.validity_days,
        host=found.host,
        subject=found.subject,
        subject_alternative_name=list(found.names),
        csr=request_pem(found.csr_der),
        findings=_findings(found.findings),
        submitted_at=found.submitted_at,
        submitted_by=found.submitted_by,
        decided_at=found.decided_at,
        decided_by=found.decided_by or None,
        rule=found.rule or None,
        reasons=[each.detail for each in found.reasons],
        note=found.note or None,
        failure=_findings(found.failure),
        serial_number=found.serial_number,
        links=_application_links(found),
    )


def _application_links(found: RequestRecord) -> application_models.ApplicationLinks:
    serial = found.serial_number
    return application_models.ApplicationLinks(
        self=address(f"applications/{found.id}"),
        page=f"{base_url()}/requests/{found.id}",
        certificate=address(f"certificates/{serial}") if serial else None,
    )


def listed(items: Iterable[Listed]) -> Response:
    """The whole of a list as CSV, written while it is read."""
    lines = csv_lines(items, installation().clock())
    response = Response(stream_with_context(lines), content_type="text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = 'attachment; filename="certificates.csv"'
    return _varying(response)


def checks(examinations: Sequence[Examination]) -> Response:
    """What would happen to each request."""
    return as_json(models.ChecksDocument(checks=[_check(number, each) for number, each in enumerate(examinations)]))


def fit(found: Fit) -> Response:
    """Whether a node would take a certificate."""
    return as_json(models.FitResultDocument.model_validate(found.as_document()))


def revocation(outcome: Outcome, *, done: bool) -> Response:
    """What was done to each certificate, or would be."""
    return as_json(revocation_models.RevocationResultDocument.model_validate(outcome.as_document(done=done)))


def token(actor: Actor, record: TokenRecord) -> Response:
    """What the token may with which somebody asks."""
    return as_json(
        models.TokenDocument(
            account=actor.name,
            role=actor.role.value,
            label=record.label,
            prefix=record.prefix,
            scopes=list(known_scopes(record)),
            names=list(record.names),
            profiles=list(record.profiles),
            networks=list(record.networks),
            created_at=record.created_at,
            expires_at=record.expires_at,
        )
    )


def authority(active: ActiveAuthority, form: str) -> Response:
    """The authority that issues now, in this form."""
    return _varying(as_json(_authority(active)) if form == "json" else deliver_authority(active, form))


def address(path: str, query: dict[str, str] | None = None) -> str:
    """The address of something in this API."""
    return f"{base_url()}{API_PREFIX}{path}" + (f"?{urlencode(query)}" if query else "")


def next_page(path: str, asked: Mapping[str, object], cursor: str) -> str | None:
    """The address of the page at this cursor of a list that was asked for so; None behind the last one."""
    said = {name: str(value) for name, value in asked.items() if value}
    return address(path, said | {"cursor": cursor}) if cursor else None


def as_json(document: BaseModel, following: str | None = None) -> Response:
    """The document, with the address of the page that follows it in Link (RFC 8288)."""
    response = Response(document.model_dump_json(), content_type=JSON)
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def _certificates_as_json(
    records: Sequence[CertificateRecord], findings: Sequence[Finding], following: str | None
) -> Response:
    hierarchy = installation().hierarchy
    standing = installation().revocation.revocations_of([record.serial_number for record in records])

    @cache
    def chain(issuer_id: str) -> list[str]:
        return [_pem(certificate) for certificate in hierarchy.chain_of(issuer_id)]

    return as_json(
        models.CertificatesDocument(
            certificates=[
                _certificate(record, chain(record.issuer_id), standing.get(record.serial_number)) for record in records
            ],
            findings=_findings(findings),
            next=following,
        ),
        following,
    )


def _certificate(
    record: CertificateRecord, chain: list[str], revocation: RevocationRecord | None
) -> models.CertificateDocument:
    own = address(f"certificates/{record.serial_number}")
    return models.CertificateDocument(
        serial_number=record.serial_number,
        profile=record.profile,
        host=record.host,
        subject=record.subject,
        subject_alternative_name=list(record.names),
        not_before=record.not_before,
        not_after=record.not_after,
        issued_at=record.issued_at,
        issued_by=record.issued_by,
        fingerprint=hashlib.sha256(record.der).hexdigest(),
        revocation=_standing(revocation) if revocation else None,
        pem=_pem(x509.load_der_x509_certificate(record.der)),
        chain=chain,
        links=models.CertificateLinks(
            self=own,
            zip=f"{own}?format=zip",
            pem=f"{own}?format=pem",
            der=f"{own}?format=der",
            p7b=f"{own}?format=p7b",
        ),
    )


def _standing(record: RevocationRecord) -> models.StandingDocument:
    return models.StandingDocument(
        state=record.state.value,
        reason=record.reason.value,
        revoked_at=record.revoked_at,
        changed_by=record.changed_by,
    )


def _check(number: int, examination: Examination) -> models.CheckDocument:
    asked = examination.description
    return models.CheckDocument(
        accepted=not examination.is_refused,
        subject=", ".join(f"{kind}={value}" for kind, value in asked.subject) if asked else None,
        subject_alternative_name=[":".join(name) for name in asked.subject_alternative_name] if asked else [],
        key=asked.key if asked else None,
        signature=asked.signature if asked else None,
        key_usage=list(asked.key_usage) if asked else [],
        extended_key_usage=list(asked.extended_key_usage) if asked else [],
        findings=_findings([found.under(f"/csr/{number}") for found in examination.findings]),
    )


def _authority(active: ActiveAuthority) -> models.AuthorityDocument:
    own = address("authority")
    return models.AuthorityDocument(
        name=active.record.name,
        certificates=[_authority_certificate(each, each is active.root) for each in active.chain],
        links=models.AuthorityLinks(self=own, pem=f"{own}?format=pem", p7b=f"{own}?format=p7b"),
    )


def _authority_certificate(certificate: x509.Certificate, is_root: bool) -> models.AuthorityCertificateDocument:
    return models.AuthorityCertificateDocument(
        role="root" if is_root else "intermediate",
        subject=names.name_text(certificate.subject),
        serial_number=encodings.serial_text(certificate.serial_number),
        key=keys.kind_name(certificate.public_key()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=encodings.fingerprint(certificate),
        pem=_pem(certificate),
    )


def _pem(certificate: x509.Certificate) -> str:
    return encodings.pem(certificate).decode("ascii")


def _findings(findings: Sequence[Finding]) -> list[models.FindingDocument]:
    return [models.FindingDocument.model_validate(found.as_document()) for found in findings]


def _varying(response: Response) -> Response:
    """RFC 9110, 12.5.5: the form depends on Accept."""
    response.vary.add("Accept")
    return response
