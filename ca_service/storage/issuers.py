"""Root and intermediates, and the OCSP responders that they certify, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.ports import latest_believable
from ca_service.authority.revocation.records import ResponderRecord
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.schema import issuer, responder

# Built once: each issuance needs it.
_ISSUERS: Final = select(issuer).order_by(
    issuer.c.created_at, issuer.c.parent_id.is_not(None), issuer.c.is_issuing, issuer.c.id.desc()
)
_GIVEN: Final = """
    SELECT 1 FROM certificate WHERE serial_number = :serial_number AND issuer_id = :issuer_id
    UNION ALL SELECT 1 FROM responder WHERE serial_number = :serial_number AND issuer_id = :issuer_id
"""


class SQLIssuerStore:
    """The issuer store on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """Return all authorities, oldest first. Of the same age, the root is first and the issuing one last."""
        with self._database.read() as connection:
            return tuple(map(rows.issuer_record, connection.execute(_ISSUERS)))

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """Add or replace these authorities, with the event, in one transaction."""
        with self._database.write() as connection:
            for record in issuers:
                values = rows.values_of(record)
                statement = upsert(connection, issuer).values(values)
                connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
            record_events(connection, event)

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep every other process out of what changes the authority."""
        return self._database.locked("authority")


class SQLResponderStore:
    """The store of OCSP responders on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_responder(self, issuer_id: str, at: datetime) -> ResponderRecord | None:
        """Return the responder of this issuer that lasts longest, or None. One from the future of `at` is not there."""
        is_believable = responder.c.not_before <= latest_believable(at)
        statement = select(responder).where(responder.c.issuer_id == issuer_id, is_believable)
        with self._database.read() as connection:
            row = connection.execute(statement.order_by(responder.c.not_after.desc()).limit(1)).first()
        return ResponderRecord(**row._mapping) if row else None

    def add_responder(self, record: ResponderRecord, event: AuditEvent) -> None:
        """Store a new responder with its event."""
        with self._database.write() as connection:
            connection.execute(insert(responder), rows.values_of(record))
            record_events(connection, event)

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """Keep every other process from creating a responder of this issuer."""
        return self._database.locked(f"responder-{issuer_id}")

    def was_issued(self, issuer_id: str, serial_number: str) -> bool:
        """Return whether this issuer has issued a certificate with this serial number."""
        return self._database.look_up(_GIVEN, issuer_id=issuer_id, serial_number=serial_number) is not None
