"""Revocations, and the published CRLs, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.ports import latest_believable
from ca_service.authority.revocation.records import (
    CRLBytes,
    CRLEntries,
    CRLRecord,
    CRLState,
    RevocationRecord,
    RevocationStatus,
    Selection,
    State,
    Transition,
)
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.narrowing import OF_CERTIFICATE, WORDS
from ca_service.storage.queries import in_batches, joined
from ca_service.storage.schema import certificate, crl, revocation, revocation_version

# Every OCSP request and every CRL download needs these.
_VERSION: Final = "SELECT version FROM revocation_version WHERE issuer_id = :issuer_id"
_CRL_STATE: Final = f"""
    SELECT (SELECT max(number) FROM crl WHERE issuer_id = :issuer_id), ({_VERSION})
"""  # noqa: S608 - nothing in it comes from outside
# Built once: building a statement takes as long as running it.
_ONE: Final = select(revocation).where(
    revocation.c.issuer_id == bindparam("issuer_id"), revocation.c.serial_number == bindparam("serial_number")
)
_HEAD: Final[tuple[Column[Any], ...]] = tuple(crl.c[name] for name in CRLRecord.__slots__)


class SQLRevocationStore:
    """The revocation store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_selected(self, selection: Selection) -> tuple[RevocationStatus, ...]:
        """Return the selected leaves, oldest first, each with its revocation."""
        with self._database.read() as connection:
            found = {row.id: row for row in _candidates(connection, selection)}
            certificates = [rows.certificate_record(found[number]) for number in sorted(found)]
            meant = [each for each in certificates if selection.means(each)]
            standing = _revocations(connection, [each.serial_number for each in meant])
        return tuple(RevocationStatus(each, standing.get(each.serial_number)) for each in meant)

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """Return the revocation of one certificate of this issuer, or None."""
        with self._database.read() as connection:
            return _find(connection, issuer_id, serial_number)

    def revocations_of(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """Return the revocations of these leaves by serial number, including released ones."""
        with self._database.read() as connection:
            return _revocations(connection, serial_numbers)

    def change(self, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
        """Store all changes in one transaction, or none; return the records with their versions."""
        with self._database.write() as connection:
            return store_changes(connection, transitions)

    def version(self, issuer_id: str) -> int:
        """Return the number of changes to certificates of this issuer."""
        found = self._database.look_up(_VERSION, issuer_id=issuer_id)
        return found[0] if found else 0


def store_changes(connection: Connection, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
    """Store these changes in the transaction of this connection; raises Conflict if one is out of date."""
    issuer_ids = sorted({each.after.issuer_id for each in transitions})  # a fixed order of locks avoids deadlock
    versions = {issuer_id: _next_version(connection, issuer_id) for issuer_id in issuer_ids}
    stored = []
    for each in transitions:
        after = replace(each.after, version=versions[each.after.issuer_id])
        each.require_current(_find(connection, after.issuer_id, after.serial_number))
        _save(connection, after, is_new=each.before is None)
        record_events(connection, each.event)
        stored.append(after)
    return tuple(stored)


def _candidates(connection: Connection, selection: Selection) -> Iterator[Row[Any]]:
    """Yield the rows that may be selected; a row that matches two parts of the selection comes twice."""
    conditions = [*in_batches(certificate.c.serial_number, selection.serial_numbers)]
    if selection.key_fingerprint:
        conditions.append(certificate.c.key_fingerprint == selection.key_fingerprint)
    if selection.host:
        conditions += WORDS.find(connection, [selection.host.lower()]).all
    for condition in conditions:
        yield from connection.execute(select(certificate).where(condition))


def _revocations(connection: Connection, serial_numbers: Collection[str]) -> dict[str, RevocationRecord]:
    statement = select(revocation).join(certificate, OF_CERTIFICATE)
    found = (
        row
        for batch in in_batches(revocation.c.serial_number, serial_numbers)
        for row in connection.execute(statement.where(batch))
    )
    return {row.serial_number: rows.revocation_record(row) for row in found}


def _find(connection: Connection, issuer_id: str, serial_number: str) -> RevocationRecord | None:
    row = connection.execute(_ONE, {"issuer_id": issuer_id, "serial_number": serial_number}).first()
    return rows.revocation_record(row) if row else None


def _next_version(connection: Connection, issuer_id: str) -> int:
    """Return the next version of this issuer. Other changes of the issuer wait here until this one commits."""
    column = revocation_version.c.version
    statement = upsert(connection, revocation_version).values(issuer_id=issuer_id, version=1)
    statement = statement.on_conflict_do_update(index_elements=["issuer_id"], set_={"version": column + 1})
    return int(connection.execute(statement.returning(column)).scalar_one())


def _save(connection: Connection, record: RevocationRecord, *, is_new: bool) -> None:
    values = rows.values_of(record) | {"state": record.state.value, "reason": record.reason.value}
    if is_new:
        connection.execute(insert(revocation), values)
        return
    is_it = and_(revocation.c.issuer_id == record.issuer_id, revocation.c.serial_number == record.serial_number)
    connection.execute(update(revocation).where(is_it).values(values))


class SQLCRLStore:
    """The CRL store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_newest(self, issuer_id: str) -> CRLRecord | None:
        """Return the newest CRL of this issuer, or None."""
        with self._database.read() as connection:
            return _newest(connection, issuer_id)

    def find_state(self, issuer_id: str) -> CRLState:
        """Return the number of the newest CRL and the number of changes."""
        number, version = self._database.look_up(_CRL_STATE, issuer_id=issuer_id) or (None, None)
        return CRLState(int(number, 16) if number else None, version or 0)

    def find_base(self, issuer_id: str, at: datetime) -> CRLRecord | None:
        """Return the oldest CRL that has not expired at `at`, or None: a relying party may still use it."""
        is_alive = (crl.c.next_update > at) & (crl.c.this_update <= latest_believable(at))
        statement = select(*_HEAD).where(crl.c.issuer_id == issuer_id, is_alive)
        with self._database.read() as connection:
            row = connection.execute(statement.order_by(crl.c.number).limit(1)).first()
        return _crl_record(row) if row else None

    def read_crl(self, issuer_id: str, number: int) -> CRLBytes | None:
        """Return the bytes of a CRL, or None."""
        statement = select(crl.c.der, crl.c.delta_der).where(_is_list(issuer_id, number))
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return CRLBytes(row.der, row.delta_der) if row and row.der else None

    def read_entries(self, issuer_id: str, base: CRLRecord | None) -> CRLEntries:
        """Return the entries of a full CRL."""
        entry, is_meant = revocation.c.entry_der, _is_listed(issuer_id, base)
        statement = select(joined(entry), func.count(), func.sum(func.length(entry))).where(is_meant)
        with self._database.read() as connection:
            data, count, size = connection.execute(statement).one()
            if count and len(data) != size:
                found = _entries(connection, select(entry).where(is_meant))
                data, count = b"".join(found), len(found)
        return CRLEntries(data or b"", count)

    def list_changes(self, issuer_id: str, since: int) -> Sequence[bytes]:
        """Return the entries of a delta CRL: the changes since this version."""
        statement = select(revocation.c.entry_der).where(
            revocation.c.issuer_id == issuer_id, revocation.c.version > since
        )
        with self._database.read() as connection:
            return _entries(connection, statement)

    def add_crl(
        self, record: CRLRecord, data: CRLBytes, event: AuditEvent, *, transitions: Sequence[Transition] = ()
    ) -> None:
        """Publish a CRL."""
        with self._database.write() as connection:
            record.require_next(_newest(connection, record.issuer_id))
            _forget(connection, record)
            try:
                connection.execute(insert(crl), _values(record, data))
            except IntegrityError as error:
                raise record.number_taken() from error
            store_changes(connection, transitions)
            record_events(connection, event)

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """Keep every other process from publishing CRLs of this issuer."""
        return self._database.locked(f"crl-{issuer_id}")


def _is_listed(issuer_id: str, base: CRLRecord | None) -> ColumnElement[bool]:
    """Return the condition of the rows that are on a full CRL."""
    is_bad = and_(revocation.c.issuer_id == issuer_id, revocation.c.state != State.RELEASED.value)
    if base is None:
        return is_bad
    was_told = and_(revocation.c.not_after < base.this_update, revocation.c.version <= base.version)
    return and_(is_bad, not_(was_told))


def _entries(connection: Connection, statement: Select[tuple[bytes]]) -> list[bytes]:
    """Return the only column of all rows, directly from the driver: three times as fast for 100,000 rows."""
    cursor = connection.execute(statement).cursor
    return list(chain.from_iterable(cursor.fetchall())) if cursor else []


def _newest(connection: Connection, issuer_id: str) -> CRLRecord | None:
    statement = select(*_HEAD).where(crl.c.issuer_id == issuer_id).order_by(crl.c.number.desc()).limit(1)
    row = connection.execute(statement).first()
    return _crl_record(row) if row else None


def _is_list(issuer_id: str, number: int) -> Any:
    return and_(crl.c.issuer_id == issuer_id, crl.c.number == f"{number:040x}")


def _values(record: CRLRecord, data: CRLBytes) -> dict[str, Any]:
    values = rows.values_of(record) | {"number": f"{record.number:040x}"}
    return values | {"der": data.full, "delta_der": data.delta}


def _crl_record(row: Row[Any]) -> CRLRecord:
    return CRLRecord(**dict(row._mapping) | {"number": int(row.number, 16)})


def _forget(connection: Connection, record: CRLRecord) -> None:
    """Delete expired CRLs, and the bytes of all others: relying parties get only the newest one."""
    is_of_issuer = crl.c.issuer_id == record.issuer_id
    connection.execute(delete(crl).where(is_of_issuer, crl.c.next_update <= record.this_update))
    has_bytes = or_(crl.c.der.is_not(None), crl.c.delta_der.is_not(None))
    connection.execute(update(crl).where(is_of_issuer, has_bytes).values(der=None, delta_der=None))
