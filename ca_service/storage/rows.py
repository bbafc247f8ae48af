"""Conversion between frozen records and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.entries import RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.authority.people.records import AccountRecord, TokenRecord
from ca_service.authority.revocation.records import RevocationRecord
from ca_service.authority.revocation.records import State as RevocationState
from ca_service.errors import Finding, Rule, Severity, Visibility
from ca_service.pki.reasons import Reason
from ca_service.vos.destinations import Destination

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FINDINGS: Final = ("findings", "reasons", "failure")
_OPTIONS: Final = ("profile", "validity_days", "make_new", "add_host_name", "purpose")
_NOT_IN_REQUESTS: Final = (*_OPTIONS, "search_text", "open_key", "issued_csr_der")
_FOR_LISTS: Final = ("search_text", "host_start", "ends_month", "open_key")
_PLAIN: Final = (str, int, float, bool, type(None))


def values_of(record: DataclassInstance) -> dict[str, Any]:
    """Return the columns of a record by name."""
    found = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def new_values(record: DataclassInstance) -> dict[str, Any]:
    """Return the columns of a new record, whose `id` the database assigns."""
    return {name: value for name, value in values_of(record).items() if name != "id"}


def certificate_values(record: CertificateRecord) -> dict[str, Any]:
    """Return the columns of a certificate, with those that the list searches."""
    names = (name.partition(":")[2] for name in record.names)  # a search for "DNS:" would find every certificate
    return values_of(record) | {
        "search_text": " ".join((record.host, record.subject, *names)).lower(),
        "host_start": record.host.lower()[:2],
        "ends_month": month_of(record.not_after),
    }


def other_columns(row: Row[Any], record: CertificateRecord | RequestRecord) -> tuple[str, ...]:
    """Return the columns of a row for lists, searches and indexes that do not follow from its record."""
    values = certificate_values(record) if isinstance(record, CertificateRecord) else request_values(record)
    return tuple(name for name in _FOR_LISTS if name in values and getattr(row, name) != values[name])


def _texts(stored: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of a JSON column; raises TypeError if it has anything else."""
    "".join(stored)
    return tuple(stored)


def month_of(moment: datetime) -> int:
    """Return the month of a time in UTC, counted from the year 0."""
    return moment.year * 12 + moment.month


def event_values(event: AuditEvent) -> dict[str, Any]:
    """Return the columns of an event."""
    return values_of(event) | {"event": event.event.value, "details": dict(event.details)}


def issuer_record(row: Row[Any]) -> IssuerRecord:
    """Return the issuer of a row."""
    return IssuerRecord(**row._mapping)


def certificate_record(row: Row[Any]) -> CertificateRecord:
    """Return the certificate of a row."""
    found = {field.name: getattr(row, field.name) for field in fields(CertificateRecord)}
    return CertificateRecord(**found | {"names": _texts(row.names)})


def request_values(record: RequestRecord) -> dict[str, Any]:
    """Return the columns of a request without its number, with the text that the list searches."""
    options = record.options
    names = (name.partition(":")[2] for name in record.names)
    found = values_of(record) | {name: _as_json(getattr(record, name)) for name in _FINDINGS}
    del found["id"], found["options"]
    return found | {
        "state": record.state.value,
        "csr_der": None if record.serial_number else record.csr_der,
        "profile": options.profile,
        "validity_days": options.validity_days,
        "make_new": options.new,
        "add_host_name": options.add_host_name,
        "purpose": options.destination.purpose,
        "search_text": " ".join((record.host, record.subject, *names, record.submitted_by)).lower(),
        "open_key": open_key(record) if record.is_open else None,
    }


def open_key(record: RequestRecord) -> str:
    """Return the key that only one open request may have: profile and CSR."""
    return f"{record.options.profile} {record.request_fingerprint}"


def request_record(row: Row[Any]) -> RequestRecord:
    """Return the request of a row; the CSR of its certificate, if there is one, is in the column `issued_csr_der`.

    Without any, which only another program can write, it is empty: the lists show the request, and nothing signs it.
    """
    found = {name: value for name, value in row._mapping.items() if name not in _NOT_IN_REQUESTS}
    if found["csr_der"] is None:
        found["csr_der"] = row.issued_csr_der or b""
    found |= {name: _findings(found[name]) for name in _FINDINGS}
    options = Options(row.profile, row.validity_days, row.make_new, row.add_host_name, Destination(row.purpose))
    return RequestRecord(**found | {"state": State(row.state), "names": _texts(row.names), "options": options})


def _as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "rule": each.declared.id,
            "pointer": each.pointer,
            "problem": each.declared.problem,
            "remedy": each.declared.remedy,
            "values": _plain(each),
            "severity": each.declared.severity.value,
            "visibility": each.declared.visibility.value,
        }
        for each in findings
    ]


def _plain(finding: Finding) -> dict[str, Any]:
    """Return the values of a finding; those that JSON has no type for as the text that a reader sees."""
    return {name: value if isinstance(value, _PLAIN) else str(value) for name, value in finding.values.items()}


def _findings(stored: Sequence[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(_rule(each).at(each["pointer"], **each["values"]) for each in stored)


def _rule(stored: dict[str, Any]) -> Rule:
    """Return the rule as it was when the finding was stored. Until version 0.1, an error was called blocking."""
    severity = "error" if stored["severity"] == "blocking" else stored["severity"]
    visibility = Visibility(stored.get("visibility", "public"))
    return Rule(stored["rule"], stored["problem"], stored["remedy"], Severity(severity), visibility)


def replay_record(row: Row[Any]) -> Replay:
    """Return the answer to an Idempotency-Key of a row."""
    values = dict(row._mapping)
    request_ids = tuple(values.pop("application_ids"))
    return Replay(**values | {"serial_numbers": tuple(row.serial_numbers), "request_ids": request_ids})


def revocation_record(row: Row[Any]) -> RevocationRecord:
    """Return the revocation of a row."""
    return _revocation_of(dict(row._mapping))


def joined_revocation(row: Row[Any]) -> RevocationRecord:
    """Return the revocation in a row that also holds its certificate."""
    return _revocation_of({each.name: getattr(row, f"revocation_{each.name}") for each in fields(RevocationRecord)})


def _revocation_of(values: Mapping[str, Any]) -> RevocationRecord:
    typed = {"state": RevocationState(values["state"]), "reason": Reason(values["reason"])}
    return RevocationRecord(**{**values, **typed})


def account_record(row: Row[Any]) -> AccountRecord:
    """Return the account of a row."""
    return account_of(dict(row._mapping))


def account_of(values: Mapping[str, Any]) -> AccountRecord:
    """Return the account with these columns."""
    return AccountRecord(**{**values, "role": Role(values["role"])})


def token_record(row: Row[Any]) -> TokenRecord:
    """Return the token of a row."""
    limits = {name: tuple(getattr(row, name)) for name in ("scopes", "names", "profiles", "networks")}
    found = {field.name: getattr(row, field.name) for field in fields(TokenRecord)}
    return TokenRecord(**found | limits)


def joined_event(row: Row[Any], prefix: str = "event") -> RecordedEvent:
    """Return the event in a row that also holds what it describes; raises ValueError as `recorded_event` does."""
    return _event_of({each.name: getattr(row, f"{prefix}_{each.name}") for each in fields(RecordedEvent)})


def recorded_event(row: Row[Any]) -> RecordedEvent:
    """Return the event of a row; raises ValueError if this program cannot have written it."""
    return _event_of(dict(row._mapping))


def _event_of(values: Mapping[str, Any]) -> RecordedEvent:
    found = RecordedEvent(**values)
    texts, places = (found.event, found.actor, found.subject, found.origin), (found.seal, found.position)
    if not (
        isinstance(found.details, dict)
        and all(isinstance(each, str) for each in texts)
        and all(each is None or isinstance(each, int) for each in places)
    ):
        raise ValueError("a column has another type")
    return found


def seal_record(row: Row[Any]) -> Seal:
    """Return the seal of a row; raises ValueError if this program cannot have written it."""
    found = Seal(**row._mapping)
    numbers = (found.number, found.first, found.last, found.count)
    blobs = (found.root, found.previous, found.public_key, found.signature, found.leaves)
    if not (all(isinstance(each, int) for each in numbers) and all(isinstance(each, bytes) for each in blobs)):
        raise ValueError("a column has another type")
    return found
