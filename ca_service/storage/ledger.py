"""Issued certificates with their audit events, and the answers to Idempotency-Keys, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.conflicts import Known, Revocations
from ca_service.authority.issuance.idempotency import Replay, key_in_use
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.revocation.records import require_usable_key
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.events import record_events
from ca_service.storage.narrowing import IS_GOOD, ITS_REVOCATION
from ca_service.storage.queries import in_batches
from ca_service.storage.rows import request_values
from ca_service.storage.schema import application, certificate, revocation
from ca_service.storage.schema import replay as answer


class SQLLedger:
    """The certificate store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_certificate(self, serial_number: str) -> CertificateRecord | None:
        """Return the certificate with this serial number, or None."""
        return self._first(select(certificate).where(certificate.c.serial_number == serial_number))

    def look_up(self, key_fingerprints: Collection[str], authorities: Collection[tuple[str, str]]) -> Known:
        """Return the certificates with these keys, and the revocations of them and of the authorities; see the port."""
        with self._database.read() as connection:
            found = [
                row
                for batch in in_batches(certificate.c.key_fingerprint, key_fingerprints)
                for row in connection.execute(select(certificate).where(batch))
            ]
            wanted = {*authorities, *((row.issuer_id, row.serial_number) for row in found)}
            revoked = _revocations(connection, wanted) if wanted else {}
        newest_first = sorted(found, key=lambda row: row.id, reverse=True)
        return Known(tuple(map(rows.certificate_record, newest_first)), revoked)

    def list_by_requests(self, fingerprints: Collection[str]) -> tuple[CertificateRecord, ...]:
        """Return the certificates for these CSRs, newest first."""
        with self._database.read() as connection:
            found = [
                row
                for batch in in_batches(certificate.c.request_fingerprint, fingerprints)
                for row in connection.execute(select(certificate).where(batch))
            ]
        return tuple(map(rows.certificate_record, sorted(found, key=lambda row: row.id, reverse=True)))

    def find_current(self, host: str, at: datetime) -> CertificateRecord | None:
        """Return the newest certificate for this host that is valid at `at` and not revoked, or None."""
        statement = select(certificate).where(certificate.c.host == host, certificate.c.not_after >= at, IS_GOOD)
        return self._first(statement.order_by(certificate.c.id.desc()).limit(1))

    def find_replay(self, account: str, key: str) -> Replay | None:
        """Return the answer to this Idempotency-Key, or None."""
        statement = select(answer).where(answer.c.account == account, answer.c.key == key)
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return rows.replay_record(row) if row else None

    def record(
        self,
        certificates: Sequence[CertificateRecord],
        events: Sequence[AuditEvent],
        *,
        always_new: bool,
        replay: Replay | None,
        requests: Sequence[RequestRecord] = (),
    ) -> tuple[CertificateRecord, ...]:
        """Write certificates, requests, events and answer in one transaction; see the port."""
        with self._database.write() as connection:
            stored = [
                write_certificate(connection, record, event, always_new=always_new)
                for record, event in zip(certificates, events, strict=True)
            ]
            ours = {record.serial_number for record in stored}
            if answered := [request_values(each) for each in requests if each.serial_number in ours]:
                connection.execute(insert(application), answered)
            if replay is not None:
                remember(connection, replay.settled(certificates, stored))
        return tuple(stored)

    def prune_replays(self, before: datetime) -> int:
        """Delete older answers to Idempotency-Keys; return how many."""
        with self._database.write() as connection:
            return connection.execute(delete(answer).where(answer.c.at < before)).rowcount

    def _first(self, statement: Select[Any]) -> CertificateRecord | None:
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return rows.certificate_record(row) if row else None


def write_certificate(
    connection: Connection, record: CertificateRecord, event: AuditEvent, *, always_new: bool
) -> CertificateRecord:
    """Write a certificate with its event, or return the one that another process has written for the same CSR."""
    winner = None if always_new else _winner(connection, record)
    if winner is None:
        _require_usable_key(connection, record)
        connection.execute(insert(certificate), rows.certificate_values(record))
        record_events(connection, event)
    return winner or record


def remember(connection: Connection, replay: Replay) -> None:
    """Store the answer to an Idempotency-Key; raises Conflict if another submission has used the key."""
    try:
        connection.execute(insert(answer), rows.values_of(replay))
    except IntegrityError as error:
        raise key_in_use() from error


def _revocations(connection: Connection, wanted: Collection[tuple[str, str]]) -> Revocations:
    issuers, serial_numbers = zip(*wanted, strict=True)
    statement = select(revocation).where(revocation.c.issuer_id.in_(set(issuers)))
    return {
        (row.issuer_id, row.serial_number): rows.revocation_record(row)
        for batch in in_batches(revocation.c.serial_number, serial_numbers)
        for row in connection.execute(statement.where(batch))
        if (row.issuer_id, row.serial_number) in wanted
    }


def _winner(connection: Connection, record: CertificateRecord) -> CertificateRecord | None:
    """Return what another process has written for the same CSR since it was checked, or None."""
    statement = select(certificate).where(
        certificate.c.request_fingerprint == record.request_fingerprint,
        certificate.c.profile == record.profile,
        certificate.c.issuer_id == record.issuer_id,
        certificate.c.not_after >= record.issued_at,
        IS_GOOD,
    )
    row = connection.execute(statement.order_by(certificate.c.id.desc()).limit(1)).first()
    return rows.certificate_record(row) if row else None


def _require_usable_key(connection: Connection, record: CertificateRecord) -> None:
    """Raise Conflict if the key was reported as lost, or put on hold, since it was checked."""
    statement = select(revocation).join(certificate, ITS_REVOCATION)
    found = connection.execute(statement.where(certificate.c.key_fingerprint == record.key_fingerprint))
    require_usable_key(map(rows.revocation_record, found))
