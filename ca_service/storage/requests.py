"""Keeps applications, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, select, update

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestPage, RequestQuery, RequestRecord, State
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.ledger import remember, write_certificate
from ca_service.storage.queries import by_age, contain_all, in_batches
from ca_service.storage.rows import open_key, request_record, request_values
from ca_service.storage.schema import application

_ORDERS: Final = by_age(application.c.id)


class SQLRequestStore:
    """The port for applications on a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_request(self, application_id: int) -> RequestRecord | None:
        """The application of this number."""
        return next(iter(self._all(select(application).where(application.c.id == application_id))), None)

    def list_requests(self, query: RequestQuery) -> RequestPage:
        """One page by keyset."""
        order = _ORDERS[query.sort]
        statement = order.page(select(application).where(*_conditions(query)), query.cursor, query.limit)
        return RequestPage(*order.cut(self._all(statement), query.limit))

    def list_in_state(self, state: State, limit: int) -> tuple[RequestRecord, ...]:
        """At most so many in this state, oldest first."""
        statement = select(application).where(*_is_in(state))
        return self._all(statement.order_by(application.c.id).limit(limit))

    def list_for_requests(self, fingerprints: Collection[str]) -> tuple[RequestRecord, ...]:
        """Those for these requests that have no certificate, newest first."""
        statement = select(application).where(application.c.serial_number.is_(None))
        batches = in_batches(application.c.request_fingerprint, fingerprints)
        found = [each for batch in batches for each in self._all(statement.where(batch))]
        return tuple(sorted(found, key=lambda each: each.id, reverse=True))

    def submit(
        self, applications: Sequence[RequestRecord], events: Sequence[AuditEvent], replay: Replay | None
    ) -> tuple[RequestRecord, ...]:
        """Keep these, all or none; see the port."""
        with self._database.write() as connection:
            stored = tuple(
                _submitted(connection, record, event) for record, event in zip(applications, events, strict=True)
            )
            if replay is not None:
                remember(connection, replace(replay, application_ids=tuple(each.id for each in stored)))
        return stored

    def move(self, record: RequestRecord, before: State, event: AuditEvent) -> bool:
        """Replace it if it is still in the state `before`; see the port."""
        with self._database.write() as connection:
            is_moved = _moved(connection, record, before)
            if is_moved:
                record_events(connection, event)
            return is_moved

    def issue(
        self, record: RequestRecord, made: tuple[CertificateRecord, AuditEvent] | None, event: AuditEvent
    ) -> RequestRecord | None:
        """Make it ISSUED, and write its certificate; see the port."""
        with self._database.write() as connection:
            if not _moved(connection, record, State.APPROVED):
                return None
            if made is not None:
                winner = write_certificate(connection, *made, always_new=record.options.new).serial_number
                if winner != record.serial_number:
                    record = replace(record, serial_number=winner)
                    event = replace(event, details={**event.details, "certificate": winner})
                    _moved(connection, record, State.ISSUED)
            record_events(connection, event)
        return record

    def _all(self, statement: Select[Any]) -> tuple[RequestRecord, ...]:
        with self._database.read() as connection:
            return tuple(map(request_record, connection.execute(statement)))


def _is_in(state: State) -> Iterator[ColumnElement[bool]]:
    """That it is in this state; where there is no certificate then, in the words of the index of those without one."""
    yield application.c.state == state.value
    if state is not State.ISSUED:
        yield application.c.serial_number.is_(None)


def _submitted(connection: Connection, record: RequestRecord, event: AuditEvent) -> RequestRecord:
    """The one that is there now: ours, or the one that waits for the same request."""
    statement = upsert(application).values(request_values(record)).on_conflict_do_nothing()
    statement = statement.execution_options(preserve_rowcount=True)
    there = select(application).where(application.c.open_key == open_key(record))
    while True:  # once more where the other one was settled between the two statements
        is_ours = connection.execute(statement).rowcount == 1
        if found := connection.execute(there).first():
            break
    if is_ours:
        record_events(connection, replace(event, subject=str(found.id)))
    return request_record(found)


def _moved(connection: Connection, record: RequestRecord, before: State) -> bool:
    """Compare and set: the state is compared in the statement that sets it."""
    statement = update(application).where(application.c.id == record.id, application.c.state == before.value)
    return connection.execute(statement.values(request_values(record))).rowcount == 1


def _conditions(query: RequestQuery) -> Iterator[ColumnElement[bool]]:
    yield from contain_all(query.text.lower().split(), application.c.search_text)
    if query.state is not None:
        yield from _is_in(query.state)
    if query.submitted_by_id is not None:
        yield application.c.submitted_by_id == query.submitted_by_id
