"""Keeps the authorities in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from sqlalchemy import select

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.hierarchy.records import IssuerRecord
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.recording import record_events
from ca_service.storage.schema import issuer


class SQLIssuerStore:
    """The issuer port on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """All authorities, oldest first; of one age, the root first and the issuing one last."""
        is_below = issuer.c.parent_id.is_not(None)
        statement = select(issuer).order_by(issuer.c.created_at, is_below, issuer.c.is_issuing, issuer.c.id.desc())
        with self._database.read() as connection:
            return tuple(map(rows.issuer_record, connection.execute(statement)))

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """Add or replace these, with their event, in one transaction."""
        with self._database.write() as connection:
            for record in issuers:
                values = rows.values_of(record)
                statement = upsert(issuer).values(values)
                connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
            record_events(connection, event)

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep every other process out of what changes the authority."""
        return self._database.locked("authority")
