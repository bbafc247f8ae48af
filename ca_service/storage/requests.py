"""Requests and their decisions in SQL (table `application`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.records import RequestPage, RequestQuery, RequestRecord, State
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.ledger import remember, write_certificates
from ca_service.storage.queries import UnreadableRow, by_age, in_batches, read_each, readable
from ca_service.storage.rows import open_key, request_record, request_values
from ca_service.storage.schema import application, certificate
from ca_service.storage.search_index import Words

_ORDERS: Final = by_age(application.c.id)
_WORDS: Final = Words(application)
#: Requests with the CSR of their certificate, which is stored once.
_REQUESTS: Final = select(application, certificate.c.csr_der.label("issued_csr_der")).outerjoin(
    certificate, certificate.c.serial_number == application.c.serial_number
)


class SQLRequestStore:
    """The request store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_request(self, request_id: int) -> RequestRecord | None:
        """Return the request with this number, or None."""
        return next(iter(self._all(_REQUESTS.where(application.c.id == request_id))), None)

    def list_requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of the list."""
        order = _ORDERS[query.sort]
        with self._database.read() as connection:
            words = _WORDS.find(connection, query.text.lower().split()).all
        matching = _REQUESTS.where(*words, *_conditions(query))
        statement = order.page(matching, query.cursor, query.limit)
        found, cursor = order.cut(self._each(statement), query.limit)
        unreadable = tuple(each.id for each in found if isinstance(each, UnreadableRow))
        return RequestPage(readable(found), cursor, unreadable)

    def list_in_state(self, state: State, limit: int) -> tuple[RequestRecord, ...]:
        """Return at most `limit` requests in this state, oldest first, without those that cannot be read."""
        return readable(self._each(_REQUESTS.where(*_is_in(state)).order_by(application.c.id).limit(limit)))

    def count_in_state(self, state: State, limit: int) -> int:
        """Return how many requests are in this state, `limit` at most."""
        found = select(application.c.id).where(*_is_in(state)).limit(limit).subquery()
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(found)) or 0

    def list_for_requests(self, fingerprints: Collection[str]) -> tuple[RequestRecord, ...]:
        """Return the requests for these CSRs that have no certificate, newest first."""
        statement = select(application).where(application.c.serial_number.is_(None))
        batches = in_batches(application.c.request_fingerprint, fingerprints)
        found = [each for batch in batches for each in self._all(statement.where(batch))]
        return tuple(sorted(found, key=lambda each: each.id, reverse=True))

    def list_submission(self, record: RequestRecord) -> tuple[RequestRecord, ...]:
        """Return the stored requests of the same submission, oldest first.

        One transaction has written them, so their numbers are near one another: only these are read.
        """
        at, account_id, name = record.submission
        statement = _REQUESTS.where(
            application.c.id.between(record.id - MAX_REQUESTS, record.id + MAX_REQUESTS),
            application.c.submitted_at == at,
            application.c.submitted_by_id.is_not_distinct_from(account_id),
            application.c.submitted_by == name,
        )
        return self._all(statement.order_by(application.c.id))

    def submit(
        self, requests: Sequence[RequestRecord], events: Sequence[AuditEvent], replay: Replay | None
    ) -> tuple[RequestRecord, ...]:
        """Store these requests, all or none; return each as stored."""
        with self._database.write() as connection:
            stored = tuple(
                _submitted(connection, record, event) for record, event in zip(requests, events, strict=True)
            )
            if replay is not None:
                remember(connection, replace(replay, request_ids=tuple(each.id for each in stored)))
        return stored

    def move(self, record: RequestRecord, before: State, event: AuditEvent) -> bool:
        """Replace a request if it is still in the state `before`; return whether it was."""
        with self._database.write() as connection:
            is_moved = _moved(connection, record, before)
            if is_moved:
                record_events(connection, event)
            return is_moved

    def issue(
        self,
        record: RequestRecord,
        made: tuple[CertificateRecord, AuditEvent] | None,
        event: AuditEvent,
        authorities: Collection[tuple[str, str]] = (),
    ) -> RequestRecord | None:
        """Make an approved request ISSUED and write its certificate; return None if it is no longer approved."""
        with self._database.write() as connection:
            if not _moved(connection, record, State.APPROVED):
                return None
            if made is not None:
                leaf, its_event = made
                [stored] = write_certificates(
                    connection,
                    [leaf],
                    [its_event],
                    always_new=record.options.new,
                    refusals=None,
                    authorities=authorities,
                )
                winner = stored.serial_number
                if winner != record.serial_number:
                    record, event = record.answered_with(winner, event)
                    _moved(connection, record, State.ISSUED)
            record_events(connection, event)
        return record

    def _each(self, statement: Select[Any]) -> list[RequestRecord | UnreadableRow]:
        return read_each(self._database, statement, application.c.id, request_record)

    def _all(self, statement: Select[Any]) -> tuple[RequestRecord, ...]:
        with self._database.read() as connection:
            return tuple(map(request_record, connection.execute(statement)))


def _is_in(state: State) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a state. IS NULL is there so that the partial index of open requests is used."""
    yield application.c.state == state.value
    if state is not State.ISSUED:
        yield application.c.serial_number.is_(None)


def _submitted(connection: Connection, record: RequestRecord, event: AuditEvent) -> RequestRecord:
    """Insert the request; return it, or the open one for the same CSR that was there first."""
    statement = upsert(connection, application).values(request_values(record)).on_conflict_do_nothing()
    statement = statement.execution_options(preserve_rowcount=True)
    there = select(application).where(application.c.open_key == open_key(record))
    while True:  # again if the other request was settled between the two statements
        is_ours = connection.execute(statement).rowcount == 1
        if found := connection.execute(there).first():
            break
    if is_ours:
        record_events(connection, replace(event, subject=str(found.id)))
    return request_record(found)


def _moved(connection: Connection, record: RequestRecord, before: State) -> bool:
    """Replace the request in one statement that compares the state and sets it."""
    statement = update(application).where(application.c.id == record.id, application.c.state == before.value)
    return connection.execute(statement.values(request_values(record))).rowcount == 1


def _conditions(query: RequestQuery) -> Iterator[ColumnElement[bool]]:
    if query.state is not None:
        yield from _is_in(query.state)
    if query.submitted_by_id is not None:
        yield application.c.submitted_by_id == query.submitted_by_id
