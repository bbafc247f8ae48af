"""Counted sign-in attempts in SQL: they count across workers and restarts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import ATTEMPTS_COUNT_FOR, Counter
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.queries import in_batches
from ca_service.storage.schema import attempt


class SQLAttemptStore:
    """The attempt store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, counters: Sequence[Counter], at: datetime, delayed: AuditEvent) -> datetime | None:
        """Count an attempt, or return until when it has to wait. The rows stay locked until the end."""
        with self._database.write() as connection:
            connection.execute(delete(attempt).where(attempt.c.last_at <= at - ATTEMPTS_COUNT_FOR))
            found = _locked(connection, counters, at)
            waits = [blocked for _, blocked in found.values() if blocked and blocked > at]
            if waits:
                return max(waits)
            for counter in counters:
                failures = found[counter.key][0] + 1
                blocked_until = at + counter.wait(failures)
                values = {"failures": failures, "last_at": at, "blocked_until": blocked_until}
                connection.execute(update(attempt).where(attempt.c.key == counter.key).values(values))
                waits += [blocked_until] if blocked_until > at else []
            if waits:
                record_events(connection, delayed)
        return None

    def take_back(self, counters: Sequence[Counter]) -> None:
        """Take one failure off each counter, and end its wait."""
        failures = attempt.c.failures
        with self._database.write() as connection:
            for counter in sorted(counters, key=lambda each: each.key):
                statement = update(attempt).where(attempt.c.key == counter.key, failures > 0)
                connection.execute(statement.values(failures=failures - 1, blocked_until=None))

    def clear(self, counters: Sequence[Counter]) -> None:
        """Delete these counters."""
        with self._database.write() as connection:
            for batch in in_batches(attempt.c.key, [each.key for each in counters]):
                connection.execute(delete(attempt).where(batch))

    def unlock(self, subject: str, event: AuditEvent) -> None:
        """Delete all counters of an account."""
        with self._database.write() as connection:
            connection.execute(delete(attempt).where(attempt.c.subject == subject))
            record_events(connection, event)

    def waits_until(self, subject: str, at: datetime) -> datetime | None:
        """Return until when attempts for this account have to wait, or None."""
        statement = select(func.max(attempt.c.blocked_until)).where(
            attempt.c.subject == subject, attempt.c.blocked_until > at
        )
        with self._database.read() as connection:
            return connection.execute(statement).scalar()


def _locked(
    connection: Connection, counters: Sequence[Counter], at: datetime
) -> dict[str, tuple[int, datetime | None]]:
    """Return (failures, blocked until) by key. Missing rows are inserted first, so first attempts lock them too."""
    for counter in sorted(counters, key=lambda each: each.key):
        values = {"key": counter.key, "subject": counter.subject, "failures": 0, "last_at": at}
        connection.execute(upsert(attempt).values(values).on_conflict_do_nothing())
    statement = select(attempt).order_by(attempt.c.key).with_for_update()
    batches = in_batches(attempt.c.key, [counter.key for counter in counters])  # sorted, as the rows are
    found = (row for batch in batches for row in connection.execute(statement.where(batch)))
    return {row.key: (row.failures, row.blocked_until) for row in found}
