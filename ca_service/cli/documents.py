"""Knows how things look in the JSON that scripts read: the names are those of the standard and of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509

from ca_service.authority.hierarchy import certificate_of
from ca_service.authority.inventory.store import Listed
from ca_service.authority.records import AccountRecord, CertificateRecord, IssuerRecord, TokenRecord
from ca_service.authority.registration import Examination
from ca_service.pki import encodings, keys, names, usages
from ca_service.pki.csr import find_value
from ca_service.vos.bundle import Bundle, Delivery


def moment(time: datetime) -> str:
    """A time as RFC 3339 in UTC, to the second."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


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
        "not_before": moment(record.not_before),
        "not_after": moment(record.not_after),
        "issued_at": moment(record.issued_at),
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
        "not_before": moment(record.not_before),
        "not_after": moment(record.not_after),
        "issued_at": moment(record.issued_at),
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
        "not_before": moment(certificate.not_valid_before_utc),
        "not_after": moment(certificate.not_valid_after_utc),
        "key": keys.kind_name(certificate.public_key()),
        "fingerprint": encodings.fingerprint(certificate),
        "pem": encodings.pem(certificate).decode(),
    }


def account_document(record: AccountRecord) -> dict[str, Any]:
    """An account; its password's hash stays where it is."""
    return {
        "name": record.name,
        "role": record.role.value,
        "created_at": moment(record.created_at),
        "disabled_at": moment(record.disabled_at) if record.disabled_at else None,
    }


def token_document(record: TokenRecord, account: str) -> dict[str, Any]:
    """A token without its secret."""
    return {
        "id": record.id,
        "account": account,
        "label": record.label,
        "prefix": record.prefix,
        "created_at": moment(record.created_at),
        "expires_at": moment(record.expires_at),
        "last_used_at": moment(record.last_used_at) if record.last_used_at else None,
        "revoked_at": moment(record.revoked_at) if record.revoked_at else None,
    }
