"""Knows how the frozen values become rows and come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.entries import RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.records import IssuerRecord
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.people.records import AccountRecord, TokenRecord

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def values_of(record: DataclassInstance) -> dict[str, Any]:
    """The columns of a record, by name."""
    found = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def new_values(record: DataclassInstance) -> dict[str, Any]:
    """The columns of a record whose `id` the database gives."""
    return {name: value for name, value in values_of(record).items() if name != "id"}


def certificate_values(record: CertificateRecord) -> dict[str, Any]:
    """A certificate's columns, with the text in which the list searches."""
    names = (name.partition(":")[2] for name in record.names)  # "DNS:" would be found in all of them
    return values_of(record) | {"search_text": " ".join((record.host, record.subject, *names)).lower()}


def event_values(event: AuditEvent) -> dict[str, Any]:
    """An event's columns."""
    return values_of(event) | {"event": event.event.value, "details": dict(event.details)}


def issuer_record(row: Row[Any]) -> IssuerRecord:
    """The authority of a row."""
    return IssuerRecord(**row._mapping)


def certificate_record(row: Row[Any]) -> CertificateRecord:
    """The certificate of a row."""
    found = {field.name: getattr(row, field.name) for field in fields(CertificateRecord)}
    return CertificateRecord(**found | {"names": tuple(row.names)})


def replay_record(row: Row[Any]) -> Replay:
    """The remembered answer of a row."""
    lists = {"serial_numbers": tuple(row.serial_numbers), "application_ids": tuple(row.application_ids)}
    return Replay(**dict(row._mapping) | lists)


def account_record(row: Row[Any]) -> AccountRecord:
    """The account of a row."""
    return account_of(dict(row._mapping))


def account_of(values: Mapping[str, Any]) -> AccountRecord:
    """The account of these columns, by name."""
    return AccountRecord(**{**values, "role": Role(values["role"])})


def token_record(row: Row[Any]) -> TokenRecord:
    """The token of a row."""
    limits = {name: tuple(getattr(row, name)) for name in ("scopes", "names", "profiles", "networks")}
    return TokenRecord(**dict(row._mapping) | limits)


def recorded_event(row: Row[Any]) -> RecordedEvent:
    """The event of a row; raises ValueError for one that we have not written."""
    found = RecordedEvent(**row._mapping)
    texts, places = (found.event, found.actor, found.subject, found.origin), (found.seal, found.position)
    if not (
        isinstance(found.details, dict)
        and all(isinstance(each, str) for each in texts)
        and all(each is None or isinstance(each, int) for each in places)
    ):
        raise ValueError("not of the kind that the column has")
    return found


def seal_record(row: Row[Any]) -> Seal:
    """The seal of a row; raises ValueError for one that we have not written."""
    found = Seal(**row._mapping)
    numbers = (found.number, found.first, found.last, found.count)
    blobs = (found.root, found.previous, found.public_key, found.signature, found.leaves)
    if not (all(isinstance(each, int) for each in numbers) and all(isinstance(each, bytes) for each in blobs)):
        raise ValueError("not of the kind that the column has")
    return found
