"""Notices, the outbox of their messages, calendar links, and the leases and results of background jobs in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import DatabaseError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.jobs import JobRun, Outcome
from ca_service.authority.notices.calendars import Calendar
from ca_service.authority.notices.records import (
    LONGEST_PAUSE,
    Announcement,
    Kind,
    Message,
    MessagePage,
    MessageQuery,
    MessageState,
    Notice,
)
from ca_service.authority.ports import latest_believable
from ca_service.errors import ROW_ERRORS
from ca_service.storage import rows
from ca_service.storage.database import Database, is_undecodable, upsert
from ca_service.storage.events import record_events
from ca_service.storage.queries import by_age, contains, in_batches, read_each, readable
from ca_service.storage.schema import calendar, expiry_count, job_run, notice, outbox

_STORED_APART: Final = ("id", "state")
_ORDERS: Final = by_age(outbox.c.id)


class SQLNoticeStore:
    """The stores of notices and outbox on a SQL database; the ports say what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_notices(self, subject_ids: Collection[str]) -> tuple[Notice, ...]:
        """Return the notices about these subjects."""
        with self._database.read() as connection:
            found = [
                row
                for batch in in_batches(notice.c.subject_id, subject_ids)
                for row in connection.execute(select(notice).where(batch))
            ]
        return tuple(map(_notice, sorted(found, key=lambda row: row.id)))

    def list_newer(self, kinds: Collection[Kind], after: datetime) -> tuple[Notice, ...]:
        """Return the notices of these kinds that were written later than this, the oldest first."""
        is_of_kind = notice.c.kind.in_(sorted(kind.value for kind in kinds))
        statement = select(notice).where(is_of_kind, notice.c.created_at > after).order_by(notice.c.id)
        with self._database.read() as connection:
            return tuple(map(_notice, connection.execute(statement)))

    def announce(self, announcements: Sequence[Announcement]) -> int:
        """Write notices with their messages in one transaction; return how many are new."""
        with self._database.write() as connection:
            return sum(_announce(connection, each) for each in announcements)

    def save_counts(self, counts: Mapping[int, int]) -> None:
        """Store how many items expire within each number of days, in place of all earlier counts."""
        with self._database.write() as connection:
            connection.execute(delete(expiry_count))
            connection.execute(insert(expiry_count), [{"days": days, "count": counts[days]} for days in counts])

    def list_counts(self) -> Mapping[int, int]:
        """Return the stored counts by number of days."""
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(select(expiry_count.c.days, expiry_count.c.count))}

    def list_messages(self, query: MessageQuery) -> MessagePage:
        """Return one page of the list."""
        order = _ORDERS[query.sort]
        statement = order.page(select(outbox).where(*_conditions(query)), query.cursor, query.limit)
        with self._database.read() as connection:
            found, cursor = order.cut(connection.execute(statement).all(), query.limit)
        return MessagePage(tuple(map(_message, found)), cursor)

    def find_message(self, number: int) -> Message | None:
        """Return the message with this number, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(outbox).where(outbox.c.id == number)).first()
        return _message(row) if row else None

    def count(self, state: str, limit: int) -> int:
        """Return the number of messages in this state, at most `limit`."""
        some = select(outbox.c.id).where(outbox.c.state == state).limit(limit).subquery()
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(some)).scalar_one()

    def list_due(self, channels: Collection[str], now: datetime, limit: int) -> tuple[Message, ...]:
        """Return the waiting messages that may be tried now, in the order of their times."""
        statement = (
            select(outbox)
            .where(
                outbox.c.state == MessageState.WAITING.value,
                or_(outbox.c.next_try_at <= now, outbox.c.next_try_at > latest_believable(now) + 2 * LONGEST_PAUSE),
                outbox.c.channel.in_(sorted(channels)),
            )
            .order_by(outbox.c.next_try_at, outbox.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(map(_message, connection.execute(statement)))

    def claim(self, message: Message, next_try_at: datetime) -> bool:
        """Count one more attempt; return False if another process has claimed the message."""
        values = {"attempts": message.attempts + 1, "next_try_at": next_try_at}
        return self._change(message.id, message.attempts, values)

    def settle(self, message: Message) -> bool:
        """Store the result of the claimed attempt."""
        kept = ("state", "next_try_at", "last_error", "sent_at")
        return self._change(message.id, message.attempts, {name: _message_values(message)[name] for name in kept})

    def _change(self, number: int, attempts: int, values: dict[str, Any]) -> bool:
        is_as_seen = (
            (outbox.c.id == number) & (outbox.c.attempts == attempts) & (outbox.c.state == MessageState.WAITING.value)
        )
        with self._database.write() as connection:
            return connection.execute(update(outbox).where(is_as_seen).values(**values)).rowcount == 1

    def add_messages(self, messages: Sequence[Message], event: AuditEvent) -> tuple[Message, ...]:
        """Write messages without a notice, with their event."""
        with self._database.write() as connection:
            for message in messages:
                connection.execute(insert(outbox), _message_values(message))
            record_events(connection, event)
            found = [
                row
                for batch in in_batches(outbox.c.message_id, [message.message_id for message in messages])
                for row in connection.execute(select(outbox).where(batch))
            ]
        return tuple(map(_message, sorted(found, key=lambda row: row.id)))

    def revive(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> int:
        """Put dead messages back in the queue; return how many."""
        is_dead = outbox.c.state == MessageState.DEAD.value
        values = {"state": MessageState.WAITING.value, "attempts": 0, "next_try_at": now}
        statement = update(outbox).where(is_dead).values(**values)
        with self._database.write() as connection:
            batches = in_batches(outbox.c.id, numbers)
            revived = sum(connection.execute(statement.where(batch)).rowcount for batch in batches)
            if revived:
                record_events(connection, event)
            return revived

    def forget(self, before: datetime) -> int:
        """Delete messages that were sent before this time; return how many."""
        is_old = (outbox.c.state == MessageState.SENT.value) & (outbox.c.sent_at < before)
        with self._database.write() as connection:
            return connection.execute(delete(outbox).where(is_old)).rowcount


class SQLCalendarStore:
    """The store of calendar links on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_calendar(self, account_id: int) -> Calendar | None:
        """Return the calendar of this account, or None."""
        return self._find(calendar.c.account_id == account_id)

    def find_by_hash(self, hash: str) -> Calendar | None:
        """Return the calendar with this hash, or None."""
        return self._find(calendar.c.hash == hash)

    def save_calendar(self, record: Calendar, event: AuditEvent) -> None:
        """Store a calendar in place of an earlier one of the account."""
        values: dict[str, Any] = rows.values_of(record)
        with self._database.write() as connection:
            statement = upsert(connection, calendar).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))
            record_events(connection, event)

    def remove_calendar(self, account_id: int, event: AuditEvent) -> bool:
        """Delete the calendar of an account; return False, and record no event, if there is none."""
        with self._database.write() as connection:
            if not connection.execute(delete(calendar).where(calendar.c.account_id == account_id)).rowcount:
                return False
            record_events(connection, event)
            return True

    def _find(self, condition: ColumnElement[bool]) -> Calendar | None:
        with self._database.read() as connection:
            row = connection.execute(select(calendar).where(condition)).first()
        return Calendar(**row._mapping) if row else None


def _announce(connection: Connection, announcement: Announcement) -> bool:
    """Return False if another process has already written the notice with its messages."""
    values = rows.values_of(announcement.notice) | {"kind": announcement.notice.kind.value}
    statement = upsert(connection, notice).values(values).on_conflict_do_nothing()
    if connection.execute(statement).rowcount != 1:
        return False
    columns = tuple_(notice.c.kind, notice.c.subject_id, notice.c.not_after, notice.c.days)
    wanted = (values["kind"], values["subject_id"], values["not_after"], values["days"])
    number = connection.execute(select(notice.c.id).where(columns == wanted)).scalar_one()
    for message in announcement.messages:
        connection.execute(insert(outbox), _message_values(message) | {"notice_id": number})
    return True


def _message_values(message: Message) -> dict[str, Any]:
    """Return the columns of a message without its number, which the database assigns."""
    found = {name: value for name, value in rows.values_of(message).items() if name not in _STORED_APART}
    search = f"{message.subject} {message.recipient}".lower()
    return found | {"state": message.state.value, "event": dict(message.event), "search_text": search}


def _notice(row: Row[Any]) -> Notice:
    return Notice(Kind(row.kind), row.subject_id, row.not_after, row.days, row.created_at)


def _message(row: Row[Any]) -> Message:
    found = {name: value for name, value in row._mapping.items() if name not in ("notice_id", "search_text")}
    return Message(**found | {"state": MessageState(row.state)})


def _conditions(query: MessageQuery) -> Iterator[ColumnElement[bool]]:
    if query.state:
        yield outbox.c.state == query.state
    if text := query.text.strip().lower():
        yield contains(outbox.c.search_text, text)


class SQLJobStore:
    """The job store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_runs(self) -> tuple[JobRun, ...]:
        """Return every job that has run, sorted by name. A row that cannot be read is none."""
        return readable(read_each(self._database, select(job_run).order_by(job_run.c.name), job_run.c.name, _run))

    def take(self, name: str, holder: str, now: datetime, until: datetime, before: datetime | None) -> bool:
        """Take the lease of a job if it is free and due. One statement compares and sets it.

        A row that cannot be read is replaced first, so that it does not stop the job for ever.
        """
        anew = _run_values(JobRun(name))
        statement = update(job_run).where(
            job_run.c.name == name,
            or_(job_run.c.until.is_(None), job_run.c.until <= now, job_run.c.started_at > latest_believable(now)),
        )
        if before is not None:
            not_since = (job_run.c.started_at <= before) | (job_run.c.started_at > latest_believable(now))
            statement = statement.where(or_(job_run.c.started_at.is_(None), not_since))
        with self._database.write() as connection:
            connection.execute(upsert(connection, job_run).values(anew).on_conflict_do_nothing())
            try:
                _run(connection.execute(select(job_run).where(job_run.c.name == name)).one())
            except (*ROW_ERRORS, DatabaseError) as error:
                if isinstance(error, DatabaseError) and not is_undecodable(error):
                    raise
                connection.execute(update(job_run).where(job_run.c.name == name).values(anew))
            taken = connection.execute(statement.values(holder=holder, until=until, started_at=now))
            return taken.rowcount == 1

    def finish(self, run: JobRun) -> bool:
        """Store the result and release the lease; return False if another holder has it."""
        kept = ("ended_at", "outcome", "count", "took", "detail")
        values = {name: value for name, value in _run_values(run).items() if name in kept}
        if run.succeeded_at is not None:
            values["succeeded_at"] = run.succeeded_at
        is_ours = (job_run.c.name == run.name) & (job_run.c.holder == run.holder)
        with self._database.write() as connection:
            done = connection.execute(update(job_run).where(is_ours).values(**values, holder="", until=None))
            return done.rowcount == 1

    def extend(self, name: str, holder: str, until: datetime) -> bool:
        """Move the end of a lease; return False if another holder has it."""
        is_ours = (job_run.c.name == name) & (job_run.c.holder == holder)
        with self._database.write() as connection:
            return connection.execute(update(job_run).where(is_ours).values(until=until)).rowcount == 1

    def forget(self, name: str, holder: str) -> bool:
        """Delete the row of a lease; return False if another holder has it."""
        with self._database.write() as connection:
            done = connection.execute(delete(job_run).where(job_run.c.name == name, job_run.c.holder == holder))
            return done.rowcount == 1


def _run_values(run: JobRun) -> dict[str, Any]:
    return rows.values_of(run) | {"outcome": run.outcome.value}


def _run(row: Row[Any]) -> JobRun:
    return JobRun(**dict(row._mapping) | {"outcome": Outcome(row.outcome)})
