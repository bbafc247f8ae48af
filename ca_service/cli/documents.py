"""Knows how things look in the JSON that scripts read: the names are those of the standard and of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509

from ca_service.authority.audit.entries import RecordedEvent
from ca_service.authority.audit.wording import sentence_of, wording_of
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.inventory.store import Listed
from ca_service.authority.issuance.examination import Examination
from ca_service.authority.jobs import JobRun, JobState
from ca_service.authority.notices.announcing import Coming
from ca_service.authority.notices.records import Message
from ca_service.authority.people.records import AccountRecord, SessionRecord, TokenRecord
from ca_service.authority.people.token_limits import known_scopes
from ca_service.pki import encodings, keys, names, usages
from ca_service.pki.contents import find_value
from ca_service.vos.bundle import Bundle, Delivery


def certificate_document(record: CertificateRecord, delivery: Delivery) -> dict[str, Any]:
    """An issued certificate, decoded, with its PEM and the authorities above it, the root last."""
    extensions = delivery.leaf.extensions
    return {
        "serial_number": record.serial_number,
        "profile": record.profile,
        "host": record.host,
        "subject": record.subject,
        "subject_alternative_name": list(record.names),
        "issuer": names.name_text(delivery.leaf.issuer),
        "not_before": encodings.time_text(record.not_before),
        "not_after": encodings.time_text(record.not_after),
        "issued_at": encodings.time_text(record.issued_at),
        "issued_by": record.issued_by,
        "key": keys.kind_name(delivery.leaf.public_key()),
        "key_usage": list(usages.key_usage_names(find_value(extensions, x509.KeyUsage))),
        "extended_key_usage": list(usages.extended_key_usage_names(find_value(extensions, x509.ExtendedKeyUsage))),
        "fingerprint": encodings.fingerprint(delivery.leaf),
        "pem": encodings.pem(delivery.leaf).decode(),
        "chain": [encodings.pem(authority).decode() for authority in delivery.authorities],
    }


def listed_document(item: Listed) -> dict[str, Any]:
    """A certificate in a list, in short, with what it is worth now."""
    record = item.certificate
    return {
        "serial_number": record.serial_number,
        "status": item.status.value,
        "profile": record.profile,
        "host": record.host,
        "subject": record.subject,
        "subject_alternative_name": list(record.names),
        "issuer_id": record.issuer_id,
        "not_before": encodings.time_text(record.not_before),
        "not_after": encodings.time_text(record.not_after),
        "issued_at": encodings.time_text(record.issued_at),
        "issued_by": record.issued_by,
    }


def upload_documents(bundle: Bundle) -> list[dict[str, str]]:
    """The files of a bundle that go on the node, in their order."""
    return [{"path": file.path, "purpose": file.purpose} for file in bundle.uploads]


def examination_document(name: str, examination: Examination) -> dict[str, Any]:
    """What was found about one request. What it asks is None or empty where it could not be read."""
    says = examination.description
    return {
        "file": name,
        "accepted": not examination.is_refused,
        "host": examination.host,
        "profile": examination.profile.name,
        "validity_days": examination.days,
        "subject": ", ".join(f"{kind}={value}" for kind, value in says.subject) if says else None,
        "subject_alternative_name": [":".join(entry) for entry in says.subject_alternative_name] if says else [],
        "key": says.key if says else None,
        "signature": says.signature if says else None,
        "key_usage": list(says.key_usage) if says else [],
        "extended_key_usage": list(says.extended_key_usage) if says else [],
        "findings": [found.as_document() for found in examination.findings],
    }


def authority_document(record: IssuerRecord) -> dict[str, Any]:
    """An authority, with its certificate once it has one."""
    document = {
        "id": record.id,
        "role": record.role,
        "name": record.name,
        "is_issuing": record.is_issuing,
        "is_pending": record.certificate_der is None,
        "has_key": record.key_id is not None,
    }
    return document if record.certificate_der is None else document | _decoded(certificate_of(record))


def _decoded(certificate: x509.Certificate) -> dict[str, Any]:
    return {
        "subject": names.name_text(certificate.subject),
        "serial_number": encodings.serial_text(certificate.serial_number),
        "not_before": encodings.time_text(certificate.not_valid_before_utc),
        "not_after": encodings.time_text(certificate.not_valid_after_utc),
        "key": keys.kind_name(certificate.public_key()),
        "fingerprint": encodings.fingerprint(certificate),
        "pem": encodings.pem(certificate).decode(),
    }


def event_document(event: RecordedEvent) -> dict[str, Any]:
    """An event of the record; `seal` is None as long as it is not sealed."""
    return {
        "id": event.id,
        "at": encodings.time_text(event.at),
        "event": event.event,
        "category": wording_of(event).category.value,
        "text": str(sentence_of(event)),
        "actor": event.actor,
        "origin": event.origin,
        "subject": event.subject,
        "details": dict(event.details),
        "seal": event.seal,
    }


def account_document(record: AccountRecord) -> dict[str, Any]:
    """An account; its password's hash stays where it is."""
    return {
        "name": record.name,
        "role": record.role.value,
        "created_at": encodings.time_text(record.created_at),
        "disabled_at": encodings.time_text(record.disabled_at) if record.disabled_at else None,
    }


def session_document(record: SessionRecord) -> dict[str, Any]:
    """Where somebody is signed in."""
    return {
        "id": record.id,
        "address": record.address,
        "user_agent": record.user_agent,
        "method": record.method,
        "created_at": encodings.time_text(record.created_at),
        "seen_at": encodings.time_text(record.seen_at),
    }


def token_document(record: TokenRecord, account: str) -> dict[str, Any]:
    """A token without its secret."""
    return {
        "id": record.id,
        "account": account,
        "label": record.label,
        "prefix": record.prefix,
        "scopes": list(known_scopes(record)),
        "names": list(record.names),
        "profiles": list(record.profiles),
        "networks": list(record.networks),
        "created_at": encodings.time_text(record.created_at),
        "expires_at": encodings.time_text(record.expires_at),
        "last_used_at": encodings.time_text(record.last_used_at) if record.last_used_at else None,
        "revoked_at": encodings.time_text(record.revoked_at) if record.revoked_at else None,
    }


def run_document(run: JobRun) -> dict[str, Any]:
    """How a run of a job went."""
    return {
        "name": run.name,
        "outcome": run.outcome.value,
        "count": run.count,
        "started_at": _moment_or_none(run.started_at),
        "ended_at": _moment_or_none(run.ended_at),
        "milliseconds": run.took,
        "detail": run.detail,
    }


def job_document(state: JobState) -> dict[str, Any]:
    """A job with its last run."""
    return run_document(state.run) | {
        "what": state.job.text,
        "every_seconds": int(state.job.every.total_seconds()),
        "is_running": state.is_held,
        "due_at": _moment_or_none(state.due_at),
        "succeeded_at": _moment_or_none(state.run.succeeded_at),
    }


def message_document(message: Message) -> dict[str, Any]:
    """A message of the outbox."""
    return {
        "id": message.id,
        "message_id": message.message_id,
        "channel": message.channel,
        "recipient": message.recipient,
        "subject": message.subject,
        "state": message.state.value,
        "attempts": message.attempts,
        "created_at": encodings.time_text(message.created_at),
        "next_try_at": encodings.time_text(message.next_try_at) if message.state.value == "waiting" else None,
        "sent_at": _moment_or_none(message.sent_at),
        "last_error": message.last_error,
    }


def coming_document(coming: Coming) -> dict[str, Any]:
    """Something that ends, and when the next notice about it is due."""
    expiring = coming.expiring
    return {
        "kind": expiring.kind.value,
        "id": expiring.id,
        "name": expiring.name,
        "not_after": encodings.time_text(expiring.not_after),
        "next_notice_at": encodings.time_text(coming.next_at),
        "next_step": str(expiring.next_step),
        "path": expiring.path,
    }


def _moment_or_none(time: datetime | None) -> str | None:
    return encodings.time_text(time) if time else None
