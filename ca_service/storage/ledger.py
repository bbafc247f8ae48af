"""Issued certificates with their audit events, and the answers to Idempotency-Keys, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.conflicts import Known
from ca_service.authority.issuance.idempotency import KeyInUse, Replay
from ca_service.authority.issuance.records import RequestRecord, State, refused_meanwhile
from ca_service.authority.revocation.authorities import require_good_authorities
from ca_service.authority.revocation.records import require_usable_key
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.events import record_events
from ca_service.storage.narrowing import IN_FORCE, IS_GOOD, OF_CERTIFICATE
from ca_service.storage.queries import batches_of, in_batches
from ca_service.storage.rows import request_values
from ca_service.storage.schema import application, certificate, revocation
from ca_service.storage.schema import replay as answer

# Built once: each issuance needs them.
_KEYS: Final[BindParameter[str]] = bindparam("keys", expanding=True)
_KEYS_AT_ONCE: Final = 450  # they are twice in one statement; see `batches_of`
_FEW: Final = 5  # up to these, an INSERT that checks each key is faster than one question about all keys before it
_WAS_REFUSED: Final = (
    application.c.serial_number.is_(None),
    application.c.state + "" == State.REFUSED.value,  # as no index has it: SQLite would read all refusals for two keys
)
_IS_REFUSED: Final = and_(application.c.key_fingerprint.in_(_KEYS), *_WAS_REFUSED)
#: The number of refusals with these keys is in each row, and there is a row without a certificate if there is none.
#: Then there is a row without a certificate for each authority of these links that is revoked, or was.
_WITH_KEYS_AND_LINKS: Final[CompoundSelect[Any]] = union_all(
    select(
        certificate,
        *(column.label(f"revocation_{column.name}") for column in revocation.c),
        select(func.count()).select_from(application).where(_IS_REFUSED).scalar_subquery().label("refusals"),
    ).select_from(
        select(literal(1).label("one"))
        .subquery()
        .outerjoin(certificate, certificate.c.key_fingerprint.in_(_KEYS))
        .outerjoin(revocation, OF_CERTIFICATE)
    ),
    select(*(null().label(column.name) for column in certificate.c), *revocation.c, literal(0)).where(
        revocation.c.issuer_id.in_(bindparam("issuers", expanding=True)),
        revocation.c.serial_number.in_(bindparam("serial_numbers", expanding=True)),
    ),
)
_REFUSED: Final = (
    select(application).where(_IS_REFUSED).order_by(application.c.decided_at.desc(), application.c.id.desc())
)
_ADD: Final = insert(certificate)
_COLUMNS: Final = [column for column in certificate.c if column is not certificate.c.id]
_KEY: Final = bindparam(certificate.c.key_fingerprint.name, type_=certificate.c.key_fingerprint.type)
#: It checks what it writes: nothing is written for a key that has a certificate, or that a person has refused, or below
#: an authority that is revoked or on hold.
_ADD_WITH_NEW_KEY: Final = insert(certificate).from_select(
    _COLUMNS,
    select(*(bindparam(column.name, type_=column.type) for column in _COLUMNS)).where(
        ~exists().where(certificate.c.key_fingerprint == _KEY),
        ~exists().where(application.c.key_fingerprint == _KEY, *_WAS_REFUSED),
        ~exists().where(
            revocation.c.issuer_id == bindparam("above_issuer"),
            revocation.c.serial_number == bindparam("above_serial_number"),
            IN_FORCE,
        ),
    ),
)
_ADD_REQUESTS: Final = insert(application)
_BY_SERIAL_NUMBER: Final = select(certificate).where(certificate.c.serial_number == bindparam("serial_number"))


class SQLLedger:
    """The certificate store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_certificate(self, serial_number: str) -> CertificateRecord | None:
        """Return the certificate with this serial number, or None."""
        return self._first(_BY_SERIAL_NUMBER, serial_number=serial_number)

    def look_up(self, key_fingerprints: Collection[str], authorities: Collection[tuple[str, str]]) -> Known:
        """Return the certificates with these keys, the revocations of them and of the authorities, and the refusals."""
        with self._database.read() as connection:
            known, refused = _known(connection, key_fingerprints, authorities)
            refusals = _refusals(connection, key_fingerprints) if refused else ()
        return replace(known, refusals=refusals)

    def list_by_requests(self, fingerprints: Collection[str]) -> tuple[CertificateRecord, ...]:
        """Return the certificates for these CSRs, newest first."""
        with self._database.read() as connection:
            found = [
                row
                for batch in in_batches(certificate.c.request_fingerprint, fingerprints)
                for row in connection.execute(select(certificate).where(batch))
            ]
        return tuple(map(rows.certificate_record, sorted(found, key=lambda row: row.id, reverse=True)))

    def find_current(self, host: str, at: datetime, purpose: str = "") -> CertificateRecord | None:
        """Return the newest certificate for this host and purpose that is valid at `at` and not revoked, or None."""
        statement = select(certificate).where(certificate.c.host == host, certificate.c.not_after >= at, IS_GOOD)
        if purpose:
            statement = statement.where(certificate.c.purpose == purpose)
        return self._first(statement.order_by(certificate.c.id.desc()).limit(1))

    def list_current(self, hosts: Collection[str], at: datetime) -> tuple[CertificateRecord, ...]:
        """Return the same for each of these hosts and purposes."""
        newest = select(func.max(certificate.c.id)).where(certificate.c.not_after >= at, IS_GOOD)
        newest = newest.group_by(certificate.c.host, certificate.c.purpose)
        with self._database.read() as connection:
            found = [
                row
                for batch in in_batches(certificate.c.host, hosts)
                for row in connection.execute(select(certificate).where(certificate.c.id.in_(newest.where(batch))))
            ]
        return tuple(map(rows.certificate_record, found))

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
        refusals: int = 0,
        authorities: Collection[tuple[str, str]] = (),
    ) -> tuple[CertificateRecord, ...]:
        """Write certificates, requests, events and answer in one transaction; see the port."""
        with self._database.write() as connection:
            stored = write_certificates(
                connection,
                certificates,
                events,
                always_new=always_new,
                refusals=refusals,
                authorities=authorities,
            )
            ours = {record.serial_number for record in stored}
            if answered := [request_values(each) for each in requests if each.serial_number in ours]:
                connection.execute(_ADD_REQUESTS, answered)
            if replay is not None:
                remember(connection, replay.settled(certificates, stored))
        return stored

    def prune_replays(self, before: datetime) -> int:
        """Delete older answers to Idempotency-Keys; return how many."""
        with self._database.write() as connection:
            return connection.execute(delete(answer).where(answer.c.at < before)).rowcount

    def _first(self, statement: Select[Any], **values: Any) -> CertificateRecord | None:
        with self._database.read() as connection:
            row = connection.execute(statement, values).first()
        return rows.certificate_record(row) if row else None


def write_certificates(
    connection: Connection,
    records: Sequence[CertificateRecord],
    events: Sequence[AuditEvent],
    *,
    always_new: bool,
    refusals: int | None,
    authorities: Collection[tuple[str, str]] = (),
) -> tuple[CertificateRecord, ...]:
    """Write certificates with their events, each unless another process has written one for the same CSR.

    Return them in order, or the others in their places. No two have the same key. Raises Conflict if the key of one was
    reported as lost, or put on hold, since it was checked, if an authority above them was revoked, or if a person has
    refused one: there are more refusals than were known then (None: a person has approved it).
    """
    if not records:
        return ()
    stored = tuple(records)
    is_usual = len(records) <= _FEW and len(authorities) <= 1
    if not is_usual or _add_with_new_keys(connection, records, authorities) < len(records):
        stored = _add_others(connection, records, authorities, always_new=always_new, refusals=refusals)
    kept = (event for record, event, found in zip(records, events, stored, strict=True) if found is record)
    record_events(connection, *kept)
    return stored


def _add_with_new_keys(
    connection: Connection, records: Sequence[CertificateRecord], authorities: Collection[tuple[str, str]]
) -> int:
    """Write those whose keys have no certificate, and were not refused, nearly always all; return how many.

    None is written if the authority above, one at most, is revoked or on hold.
    """
    issuer, serial_number = next(iter(authorities), ("", ""))
    above = {"above_issuer": issuer, "above_serial_number": serial_number}
    return connection.execute(
        _ADD_WITH_NEW_KEY, [{**rows.certificate_values(record), **above} for record in records]
    ).rowcount


def _add_others(
    connection: Connection,
    records: Sequence[CertificateRecord],
    authorities: Collection[tuple[str, str]],
    *,
    always_new: bool,
    refusals: int | None,
) -> tuple[CertificateRecord, ...]:
    """Write those that are not written yet, as `write_certificates` promises; return all."""
    known, refused = _known(connection, {record.key_fingerprint for record in records}, authorities)
    require_good_authorities(found for link in authorities if (found := known.revocations.get(link)))
    written = {each.serial_number for each in known.certificates}
    others = [record for record in records if record.serial_number not in written]
    winners = {} if always_new else {each.serial_number: _winner(known, each) for each in others}
    ours = [record for record in others if not winners.get(record.serial_number)]
    for record in ours:
        require_usable_key(known.revocations_of(record.key_fingerprint))
    if ours:
        if refusals is not None and refused > refusals:
            raise refused_meanwhile()
        connection.execute(_ADD, [rows.certificate_values(record) for record in ours])
    return tuple(winners.get(record.serial_number) or record for record in records)


def remember(connection: Connection, replay: Replay) -> None:
    """Store the answer to an Idempotency-Key; raises KeyInUse if another submission has used the key."""
    try:
        connection.execute(insert(answer), rows.values_of(replay))
    except IntegrityError as error:
        raise KeyInUse from error


def _known(
    connection: Connection, key_fingerprints: Collection[str], authorities: Collection[tuple[str, str]] = ()
) -> tuple[Known, int]:
    """Return the certificates with these keys, the revocations of them and of the authorities, and how many refusals.

    One statement has all of it; more than a few keys take several.
    """
    found, refusals = list[Row[Any]](), 0
    links = {"issuers": [issuer for issuer, _ in authorities], "serial_numbers": [number for _, number in authorities]}
    for batch in list(batches_of(key_fingerprints, _KEYS_AT_ONCE)) or [[]]:
        read = connection.execute(_WITH_KEYS_AND_LINKS, {"keys": batch, **links}).all()
        refusals += max(row.refusals for row in read)
        found += read
    newest_first = sorted((row for row in found if row.id is not None), key=lambda row: row.id, reverse=True)
    revoked = (rows.joined_revocation(row) for row in found if row.revocation_state is not None)
    known = Known(
        tuple(map(rows.certificate_record, newest_first)),
        {(each.issuer_id, each.serial_number): each for each in revoked},
    )
    return known, refusals


def _refusals(connection: Connection, keys: Collection[str]) -> tuple[RequestRecord, ...]:
    """Return the refused requests with these keys, the last decision about each key first."""
    return tuple(
        rows.request_record(row) for batch in batches_of(keys) for row in connection.execute(_REFUSED, {"keys": batch})
    )


def _winner(known: Known, record: CertificateRecord) -> CertificateRecord | None:
    """Return what another process has written for the same CSR since it was checked, or None."""
    return known.find_reissuable(
        record.request_fingerprint, record.profile, record.issuer_id, record.issued_at, record.purpose
    )
