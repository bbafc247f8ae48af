"""Sessions, known browsers and counted sign-in attempts in SQL: they count across workers and restarts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, delete, func, insert, or_, select, update

from ca_service import deadline
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import (
    ATTEMPTS_COUNT_FOR,
    BROWSER_KNOWN_FOR,
    LONGEST_SESSION,
    LONGEST_WAIT,
    PENDING_SESSION,
    AccountRecord,
    Counter,
    OpenSession,
    SessionRecord,
)
from ca_service.authority.ports import latest_believable
from ca_service.errors import Busy
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.queries import in_batches
from ca_service.storage.schema import account, attempt, known_browser, session


class SQLSessionStore:
    """The session store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_session(
        self, record: SessionRecord, browser_hash: str, event: AuditEvent | None, replaces: str = ""
    ) -> None:
        """Add a session, and delete those of the account that are over."""
        with self._database.write() as connection:
            _tidy(connection, record, replaces)
            connection.execute(insert(session), rows.new_values(record))
            if event is not None:
                _remember(connection, record, browser_hash)
                record_events(connection, event)

    def find_session(self, session_hash: str) -> OpenSession | None:
        """Return the session with this hash and its account, or None if it is not valid."""
        is_current = and_(account.c.id == session.c.account_id, account.c.session_epoch == session.c.epoch)
        statement = select(session, account).join_from(session, account, is_current)
        statement = statement.where(session.c.hash == session_hash, account.c.disabled_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return _open(row) if row else None

    def note_seen(self, session_hash: str, at: datetime) -> None:
        """Store the time of the last use, unless others are writing: a page must not wait for this."""
        with suppress(Busy), deadline.without_waiting(), self._database.write() as connection:
            connection.execute(update(session).where(session.c.hash == session_hash).values(seen_at=at))

    def note_confirmed(self, session_hash: str, at: datetime, event: AuditEvent) -> None:
        """Store the time of the last re-authentication, with its event."""
        with self._database.write() as connection:
            connection.execute(update(session).where(session.c.hash == session_hash).values(confirmed_at=at))
            record_events(connection, event)

    def list_sessions(self, account_id: int, epoch: int) -> tuple[SessionRecord, ...]:
        """Return the complete sessions of an account, last used first."""
        is_wanted = and_(session.c.account_id == account_id, session.c.epoch == epoch, session.c.is_complete)
        statement = select(session).where(is_wanted).order_by(session.c.seen_at.desc(), session.c.id.desc())
        with self._database.read() as connection:
            return tuple(SessionRecord(**row._mapping) for row in connection.execute(statement))

    def end_sessions(
        self, account_id: int, event: AuditEvent, *, only: int | None = None, but: str | None = None
    ) -> int:
        """End sessions of an account; return how many."""
        statement = delete(session).where(session.c.account_id == account_id)
        if only is not None:
            statement = statement.where(session.c.id == only)
        if but is not None:
            statement = statement.where(session.c.hash != but)
        with self._database.write() as connection:
            count = connection.execute(statement).rowcount
            if count:
                record_events(connection, event)
        return count

    def knows_browser(self, account_id: int, browser_hash: str) -> bool:
        """Return whether this browser has signed in to this account before."""
        is_it = and_(known_browser.c.account_id == account_id, known_browser.c.hash == browser_hash)
        with self._database.read() as connection:
            return connection.execute(select(known_browser.c.hash).where(is_it)).first() is not None

    def forget_browsers(self, account_id: int) -> None:
        """Delete the known browsers of an account."""
        with self._database.write() as connection:
            connection.execute(delete(known_browser).where(known_browser.c.account_id == account_id))


def _tidy(connection: Connection, record: SessionRecord, replaces: str) -> None:
    """Delete the replaced session, and those of the account that are no longer valid."""
    at = record.created_at
    is_over = or_(
        session.c.hash == replaces,
        session.c.epoch != record.epoch,
        session.c.created_at < at - LONGEST_SESSION,
        and_(session.c.is_complete.is_(False), session.c.created_at < at - PENDING_SESSION),
    )
    connection.execute(delete(session).where(session.c.account_id == record.account_id, is_over))


def _remember(connection: Connection, record: SessionRecord, browser_hash: str) -> None:
    seen_at = record.created_at
    is_old = known_browser.c.seen_at < seen_at - BROWSER_KNOWN_FOR
    connection.execute(delete(known_browser).where(known_browser.c.account_id == record.account_id, is_old))
    values = {"account_id": record.account_id, "hash": browser_hash, "seen_at": seen_at}
    statement = upsert(connection, known_browser).values(values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["account_id", "hash"], set_={"seen_at": seen_at})
    )


def _open(row: Row[Any]) -> OpenSession:
    record = SessionRecord(**{field.name: row._mapping[session.c[field.name]] for field in fields(SessionRecord)})
    found = {field.name: row._mapping[account.c[field.name]] for field in fields(AccountRecord)}
    return OpenSession(record, rows.account_of(found))


class SQLAttemptStore:
    """The attempt store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, counters: Sequence[Counter], at: datetime, delayed: AuditEvent | None) -> datetime | None:
        """Count an attempt, or return until when it has to wait. The rows stay locked until the end.

        A client that has to wait already costs a read only: it writes no row, and does not hold up the writers.
        """
        until = self._waits(counters, at)
        if until is not None:
            return until
        with self._database.write() as connection:
            connection.execute(delete(attempt).where(attempt.c.last_at <= at - ATTEMPTS_COUNT_FOR))
            _bring_back(connection, at)
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
            if waits and delayed:
                record_events(connection, delayed)
        return None

    def _waits(self, counters: Sequence[Counter], at: datetime) -> datetime | None:
        """Return until when the longest of these waits lasts. The writer corrects those of a clock that was ahead."""
        is_believable = attempt.c.last_at <= latest_believable(at)
        statement = select(func.max(attempt.c.blocked_until)).where(attempt.c.blocked_until > at, is_believable)
        keys = in_batches(attempt.c.key, [counter.key for counter in counters])
        with self._database.read() as connection:
            found = [connection.execute(statement.where(batch)).scalar() for batch in keys]
        return max(filter(None, found), default=None)

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
        """Return until when attempts of this account, or under the counter with this key, have to wait, or None."""
        is_meant = or_(attempt.c.subject == subject, attempt.c.key == subject)
        statement = select(func.max(attempt.c.blocked_until)).where(is_meant, attempt.c.blocked_until > at)
        with self._database.read() as connection:
            found: datetime | None = connection.execute(statement).scalar()
        return min(found, at + LONGEST_WAIT) if found else None


def _bring_back(connection: Connection, at: datetime) -> None:
    """Let counters that were written while a clock was ahead wait no longer than others; their failures stay.

    Those that did not wait then do not wait now: they were blocked until the moment of their last failure.
    """
    longest, has_waited = at + LONGEST_WAIT, attempt.c.blocked_until > attempt.c.last_at
    blocked_until = case(
        (~has_waited, None), (attempt.c.blocked_until > longest, longest), else_=attempt.c.blocked_until
    )
    is_ahead = attempt.c.last_at > latest_believable(at)
    connection.execute(update(attempt).where(is_ahead).values(last_at=at, blocked_until=blocked_until))


def _locked(
    connection: Connection, counters: Sequence[Counter], at: datetime
) -> dict[str, tuple[int, datetime | None]]:
    """Return (failures, blocked until) by key. Missing rows are inserted first, so first attempts lock them too."""
    for counter in sorted(counters, key=lambda each: each.key):
        values = {"key": counter.key, "subject": counter.subject, "failures": 0, "last_at": at}
        connection.execute(upsert(connection, attempt).values(values).on_conflict_do_nothing())
    statement = select(attempt).order_by(attempt.c.key).with_for_update()
    batches = in_batches(attempt.c.key, [counter.key for counter in counters])  # sorted, as the rows are
    found = (row for batch in batches for row in connection.execute(statement.where(batch)))
    return {row.key: (row.failures, row.blocked_until) for row in found}
