"""Keeps the calendars in SQL: which account has one, and the hash of its secret."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, select

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.notices.calendars import Calendar
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.recording import record_events
from ca_service.storage.schema import calendar


class SQLCalendarStore:
    """The port of the calendars on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_calendar(self, account_id: int) -> Calendar | None:
        """The one of this account."""
        return self._find(calendar.c.account_id == account_id)

    def find_by_hash(self, hash: str) -> Calendar | None:
        """The one with this hash."""
        return self._find(calendar.c.hash == hash)

    def save_calendar(self, record: Calendar, event: AuditEvent) -> None:
        """Keep it in place of the one before."""
        values: dict[str, Any] = rows.values_of(record)
        statement = upsert(calendar).values(values)
        with self._database.write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))
            record_events(connection, event)

    def remove_calendar(self, account_id: int, event: AuditEvent) -> bool:
        """Forget it; False, and no event, if there is none."""
        with self._database.write() as connection:
            if not connection.execute(delete(calendar).where(calendar.c.account_id == account_id)).rowcount:
                return False
            record_events(connection, event)
            return True

    def _find(self, condition: ColumnElement[bool]) -> Calendar | None:
        with self._database.read() as connection:
            row = connection.execute(select(calendar).where(condition)).first()
        return Calendar(**row._mapping) if row else None
