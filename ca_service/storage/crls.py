"""Published CRLs in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Select, and_, delete, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.revocation.records import CRLBytes, CRLRecord, State, Transition
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.events import record_events
from ca_service.storage.revocation import store_changes
from ca_service.storage.schema import crl, revocation

_HEAD: Final[tuple[Column[Any], ...]] = tuple(crl.c[name] for name in CRLRecord.__slots__)


class SQLCRLStore:
    """The CRL store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_newest(self, issuer_id: str) -> CRLRecord | None:
        """Return the newest CRL of this issuer, or None."""
        with self._database.read() as connection:
            return _newest(connection, issuer_id)

    def find_base(self, issuer_id: str, at: datetime) -> CRLRecord | None:
        """Return the oldest CRL that has not expired at `at`, or None: a relying party may still use it."""
        statement = select(*_HEAD).where(crl.c.issuer_id == issuer_id, crl.c.next_update > at)
        with self._database.read() as connection:
            row = connection.execute(statement.order_by(crl.c.number).limit(1)).first()
        return _crl_record(row) if row else None

    def read_crl(self, issuer_id: str, number: int) -> CRLBytes | None:
        """Return the bytes of a CRL, or None."""
        statement = select(crl.c.der, crl.c.delta_der).where(_is_list(issuer_id, number))
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return CRLBytes(row.der, row.delta_der) if row and row.der else None

    def list_entries(self, issuer_id: str, base: CRLRecord | None) -> Sequence[bytes]:
        """Return the entries of a full CRL."""
        statement = select(revocation.c.entry_der).where(
            revocation.c.issuer_id == issuer_id, revocation.c.state != State.RELEASED.value
        )
        if base is not None:
            was_told = and_(revocation.c.not_after < base.this_update, revocation.c.version <= base.version)
            statement = statement.where(not_(was_told))
        with self._database.read() as connection:
            return _entries(connection, statement)

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
