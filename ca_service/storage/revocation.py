"""Revocations in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from ca_service.authority.revocation.records import RevocationRecord, RevocationStatus, Selection, Transition
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.narrowing import words_in
from ca_service.storage.queries import in_batches
from ca_service.storage.schema import certificate, revocation, revocation_version

# Built once: every OCSP request needs them, and building a statement takes as long as running it.
_VERSION: Final = select(revocation_version.c.version).where(revocation_version.c.issuer_id == bindparam("issuer_id"))
_ONE: Final = select(revocation).where(
    revocation.c.issuer_id == bindparam("issuer_id"), revocation.c.serial_number == bindparam("serial_number")
)


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
        with self._database.read() as connection:
            return connection.execute(_VERSION, {"issuer_id": issuer_id}).scalar() or 0


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
        conditions += words_in(connection, [selection.host.lower()])
    for condition in conditions:
        yield from connection.execute(select(certificate).where(condition))


def _revocations(connection: Connection, serial_numbers: Collection[str]) -> dict[str, RevocationRecord]:
    of_leaf = and_(
        certificate.c.serial_number == revocation.c.serial_number, certificate.c.issuer_id == revocation.c.issuer_id
    )
    statement = select(revocation).join(certificate, of_leaf)
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
    statement = upsert(revocation_version).values(issuer_id=issuer_id, version=1)
    statement = statement.on_conflict_do_update(index_elements=["issuer_id"], set_={"version": column + 1})
    return int(connection.execute(statement.returning(column)).scalar_one())


def _save(connection: Connection, record: RevocationRecord, *, is_new: bool) -> None:
    values = rows.values_of(record) | {"state": record.state.value, "reason": record.reason.value}
    if is_new:
        connection.execute(insert(revocation), values)
        return
    is_it = and_(revocation.c.issuer_id == record.issuer_id, revocation.c.serial_number == record.serial_number)
    connection.execute(update(revocation).where(is_it).values(values))
