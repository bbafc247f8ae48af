"""The audit log in SQL: events, and seals with the positions of their events."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, cast, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.entries import EventPage, EventQuery, RecordedEvent, Seal
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.audit.store import event_unreadable, seal_taken, seal_unreadable
from ca_service.authority.paging import page_size
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.lanes import Lanes, first_of_each
from ca_service.storage.queries import Order, batches_of, by_age, contains, in_batches
from ca_service.storage.schema import audit_event as event
from ca_service.storage.schema import seal as seals
from ca_service.storage.schema.events import BY_TIME

_NOT_OURS: Final = (ValueError, TypeError)  # raised by a row that another program has written
_ORDERS: Final = by_age(event.c.id)
_NUMBER: Final = seals.c.number
#: Both databases read the time so; SQLite compares text, and stores it without the zone.
_LATER: Final = f"SELECT 1 FROM audit_event WHERE {BY_TIME.text} AND audit_event.at > :at LIMIT 1"  # noqa: S608 - ours
# Built once: each issuance, or each receipt, needs them.
_ADD: Final = insert(event)
_HEAD: Final = select(seals).order_by(seals.c.number.desc()).limit(1)
_ABOUT: Final = (
    select(event)
    .where(event.c.event == bindparam("name"), event.c.subject.in_(bindparam("subjects", expanding=True)))
    .order_by(event.c.id)
)
_PLACE: Final = (
    update(event)
    .where(event.c.id == bindparam("event_id"), event.c.seal.is_(None))
    .values(seal=bindparam("number"), position=bindparam("place"))
)
_SEARCHED: Final = (event.c.event, event.c.actor, event.c.subject, event.c.origin)


class SQLEventStore:
    """The event store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_events(self, query: EventQuery) -> EventPage:
        """Return one page of the list."""
        order = _ORDERS[query.sort]
        with self._database.read() as connection:
            statement = _page(connection, query, order)
        return EventPage(*order.cut(self._events(statement), query.limit))

    def find_events(self, name: str, subjects: Collection[str]) -> tuple[RecordedEvent, ...]:
        """Return the oldest event of this name about each of these subjects that has one, in the order of numbers."""
        oldest = dict[str, RecordedEvent]()
        for batch in batches_of(subjects):
            for found in self._events(_ABOUT, name=name, subjects=batch):
                oldest.setdefault(found.subject, found)
        return tuple(sorted(oldest.values(), key=lambda found: found.id))

    def find_latest(self, after: datetime, beyond: int = 0) -> RecordedEvent | None:
        """Return the event with the latest time, of those after this time and with a number beyond this one."""
        if self._database.look_up(_LATER, at=f"{after.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00") is None:
            return None  # as nearly always: before each certificate, this statement is all that it costs
        wanted = select(event).where(BY_TIME, event.c.at > after, event.c.id > beyond)
        return next(iter(self._events(wanted.order_by(event.c.at.desc()).limit(1))), None)

    def add_event(self, new: AuditEvent) -> None:
        """Record an event without any other change."""
        with self._database.write() as connection:
            record_events(connection, new)

    def list_unsealed(self, limit: int) -> tuple[RecordedEvent, ...]:
        """Return the oldest events without a seal, sorted by number."""
        return self._events(select(event).where(event.c.seal.is_(None)).order_by(event.c.id).limit(limit))

    def list_last_unsealed(self, limit: int, until: int | None = None) -> tuple[RecordedEvent, ...]:
        """Return the newest events without a seal, of those up to the number `until`, sorted by number."""
        statement = select(event).where(event.c.seal.is_(None)).order_by(event.c.id.desc()).limit(limit)
        return self._events(statement if until is None else statement.where(event.c.id <= until))[::-1]

    def list_sealed(self, seal: int, query: EventQuery) -> tuple[RecordedEvent, ...]:
        """Return the events of this seal that match the query, sorted by position."""
        wanted = select(event).where(event.c.seal == seal, *_conditions(query))
        return self._events(wanted.order_by(event.c.position, event.c.id))

    def find_beyond(self, seal: int) -> RecordedEvent | None:
        """Return an event whose seal comes after this one, or None."""
        statement = select(event).where(event.c.seal > seal).order_by(event.c.seal, event.c.position).limit(1)
        return next(iter(self._events(statement)), None)

    def find_head(self) -> Seal | None:
        """Return the newest seal, or None."""
        return next(iter(self._seals(_HEAD)), None)

    def find_seals(self, numbers: Collection[int]) -> tuple[Seal, ...]:
        """Return the seals with these numbers, as far as they exist, in order."""
        batches = in_batches(seals.c.number, numbers)
        return tuple(found for batch in batches for found in self._seals(select(seals).where(batch).order_by(_NUMBER)))

    def list_seals(self, after: int, limit: int) -> tuple[Seal, ...]:
        """Return the seals after this number, in order."""
        return self._seals(select(seals).where(seals.c.number > after).order_by(seals.c.number).limit(limit))

    def add_seal(self, seal: Seal, sealed: Sequence[RecordedEvent]) -> None:
        """Store a seal and the position of each of its events in one transaction."""
        with self._database.write() as connection:
            try:
                connection.execute(insert(seals), rows.values_of(seal))
                _place(connection, seal, sealed)
            except IntegrityError as error:
                raise seal_taken(seal) from error

    def one_sealer(self) -> AbstractContextManager[None]:
        """Keep every other process and thread from sealing."""
        return self._database.locked("seal")

    def _seals(self, statement: Select[Any]) -> tuple[Seal, ...]:
        with self._database.read() as connection:
            try:
                return tuple(map(rows.seal_record, connection.execute(statement)))
            except _NOT_OURS as error:
                raise seal_unreadable() from error

    def _events(self, statement: Select[Any], **values: Any) -> tuple[RecordedEvent, ...]:
        with self._database.read() as connection:
            try:
                return tuple(map(rows.recorded_event, connection.execute(statement, values)))
            except _NOT_OURS as error:
                raise event_unreadable(next(_unreadables(connection, statement, values), 0)) from error


def record_events(connection: Connection, *events: AuditEvent) -> None:
    """Insert these events, in order, in the transaction that makes the changes they describe."""
    if events:
        connection.execute(_ADD, [rows.event_values(each) for each in events])


def _place(connection: Connection, seal: Seal, sealed: Sequence[RecordedEvent]) -> None:
    places = [{"event_id": each.id, "number": seal.number, "place": at} for at, each in enumerate(sealed)]
    if connection.execute(_PLACE, places).rowcount != len(sealed):
        raise seal_taken(seal)


def _page(connection: Connection, query: EventQuery, order: Order) -> Select[Any]:
    """Return the statement for one page: from the index of the actor, the subject or the event, if one is wanted."""
    if len(query.events) < 2 or query.actor or query.subject:
        return order.page(select(event).where(*_conditions(query)), query.cursor, query.limit)
    after = (order.is_after(*order.read(query.cursor)),) if query.cursor else ()
    lanes = Lanes(event.c.event, lambda name: name.in_(query.events))
    numbers = first_of_each(
        connection,
        lanes,
        (*_conditions(query), *after),
        is_descending=order.is_descending,
        count=page_size(query.limit) + 1,
    )
    return select(event).where(event.c.id.in_(numbers)).order_by(*order.columns())


def _conditions(query: EventQuery) -> Iterator[ColumnElement[bool]]:
    if query.events:
        yield event.c.event.in_(query.events)
    if query.actor:
        yield event.c.actor == query.actor
    if query.subject:
        yield event.c.subject == query.subject
    if query.since:
        yield event.c.at >= query.since
    if query.before:
        yield event.c.at < query.before
    if query.text:
        yield _contains(query.text)


def _contains(text: str) -> ColumnElement[bool]:
    """Search in all columns, ignoring case. The details are JSON: text outside ASCII is escaped in them."""
    in_details = contains(func.lower(cast(event.c.details, Text)), json.dumps(text)[1:-1].lower())
    return or_(*(contains(func.lower(column), text.lower()) for column in _SEARCHED), in_details)


def _unreadables(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> Iterator[int]:
    """Yield the numbers of the rows that cannot be read, by reading each alone."""
    for number in connection.execute(statement.with_only_columns(event.c.id), values).scalars().all():
        try:
            rows.recorded_event(connection.execute(select(event).where(event.c.id == number)).one())
        except _NOT_OURS:
            yield number
