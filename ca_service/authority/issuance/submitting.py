"""Knows how an examined request becomes an application, waiting or approved by a rule."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.approval import Asked
from ca_service.authority.issuance.examination import Examination, Options
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.authority.issuance.signing import request_of
from ca_service.errors import Finding, note
from ca_service.pki import keys, names
from ca_service.vos.purposes import host_name

NEEDED: Final = "approval.needed"


def asked_of(examination: Examination) -> Asked:
    """What the rules look at: every name of the certificate, and every common name, which has to be covered too."""
    request = request_of(examination)
    found = names.general_names_text(examination.subject_alternative_name or ())
    hosts = (host_name(name) if examination.profile.is_vos else name for name in names.common_names(request.subject))
    return Asked(examination.profile.name, found, tuple(hosts))


def waiting(actor: Actor, examination: Examination, options: Options, at: datetime) -> RequestRecord:
    """The application of a request on which a person has to decide."""
    request = request_of(examination)
    return RequestRecord(
        id=0,
        state=State.SUBMITTED,
        csr_der=request.der,
        request_fingerprint=request.fingerprint,
        key_fingerprint=keys.key_fingerprint(request.subject_public_key_info),
        options=options,
        host=examination.host,
        subject=names.name_text(request.subject),
        names=names.general_names_text(examination.subject_alternative_name or ()),
        findings=tuple(found for found in examination.findings if found.rule != NEEDED),
        submitted_at=at,
        submitted_by=actor.name,
        submitted_by_id=actor.account_id,
        submitted_from=actor.origin,
        token=actor.token,
    )


def approved(actor: Actor, examination: Examination, options: Options, record: CertificateRecord) -> RequestRecord:
    """The application of a request that a rule has approved, and its certificate."""
    approval = examination.approval
    if approval is None:
        raise ValueError("no rule has approved this request")
    return RequestRecord(
        id=0,
        state=State.ISSUED,
        csr_der=record.csr_der,
        request_fingerprint=record.request_fingerprint,
        key_fingerprint=record.key_fingerprint,
        options=options,
        host=record.host,
        subject=record.subject,
        names=record.names,
        findings=examination.findings,
        submitted_at=record.issued_at,
        submitted_by=actor.name,
        submitted_by_id=actor.account_id,
        submitted_from=actor.origin,
        token=actor.token,
        decided_at=record.issued_at,
        rule=approval.rule,
        reasons=approval.reasons,
        settled_at=record.issued_at,
        serial_number=record.serial_number,
    )


def needed() -> Finding:
    """The finding that a person has to decide."""
    return note(
        NEEDED, "", "No rule approves this request by itself: somebody who may approve requests has to look at it."
    )


def again(number: int, application: RequestRecord) -> Finding:
    """The finding that the same request waits already, as it was asked then."""
    return note(
        "application.again",
        f"/csr/{number}",
        "This request was submitted before, by {name}, and is {state} as request {id}.",
        "To ask for something else with it, withdraw that one first.",
        name=application.submitted_by,
        state=application.state.value,
        id=application.id,
    )


def submitted_event(application: RequestRecord, actor: Actor) -> AuditEvent:
    """That it was submitted; the store puts its number in as the subject."""
    return AuditEvent.by(
        actor,
        application.submitted_at,
        Event.REQUEST_SUBMITTED,
        "",
        host=application.host,
        profile=application.options.profile,
        request=application.request_fingerprint,
    )


def issued_event(record: CertificateRecord, actor: Actor, **details: str | int) -> AuditEvent:
    """That a certificate was issued; `details` say by which leave."""
    return AuditEvent.by(
        actor,
        record.issued_at,
        Event.CERTIFICATE_ISSUED,
        record.serial_number,
        host=record.host,
        profile=record.profile,
        request=record.request_fingerprint,
        fingerprint=hashlib.sha256(record.der).hexdigest(),
        **details,
    )
