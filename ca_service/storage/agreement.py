"""The audit log and the tables side by side, in SQL. Each statement sees both as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from sqlalchemy import Alias, Column, FromClause, Select, String, Text, and_, cast, func, or_, select

from ca_service.authority.audit.events import Event
from ca_service.authority.health.agreement import CHANGES, Issue, Status, Unreadable
from ca_service.authority.health.agreement_of_requests import RequestStatus
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.issuance.request_events import REQUEST_CHANGES, REQUEST_COLUMNS
from ca_service.errors import ROW_ERRORS, Busy, NotReady
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.narrowing import OF_CERTIFICATE
from ca_service.storage.queries import in_batches
from ca_service.storage.schema import application, audit_event, certificate, issuer, revocation

Item = TypeVar("Item")

_PAGE: Final = 1000  # rows
#: Raised by a row that another program has written; SQLite has NotReady for text that is not UTF-8.
_NOT_OURS: Final = (*ROW_ERRORS, NotReady)
_IS_ISSUE: Final = audit_event.c.event == Event.CERTIFICATE_ISSUED.value
_IS_CHANGE: Final = audit_event.c.event.in_(CHANGES)
#: The kind as no index has it: of one subject, SQLite would otherwise read all events of this kind each time.
_KIND: Final = audit_event.c.event + ""
_EVENT_COLUMNS: Final = tuple(column.label(f"event_{column.name}") for column in audit_event.c)
_ISSUES: Final = (
    select(*_EVENT_COLUMNS, certificate)
    .select_from(audit_event)
    .outerjoin(certificate, certificate.c.serial_number == audit_event.c.subject)
    .where(_IS_ISSUE)
)
_UNRECORDED: Final = (
    select(certificate.c.serial_number)
    .where(
        ~select(audit_event.c.id)
        .where(_KIND.in_([Event.CERTIFICATE_ISSUED.value]), audit_event.c.subject == certificate.c.serial_number)
        .exists()
    )
    .order_by(certificate.c.id)
)
#: What CRLs and OCSP find: they look for issuer and serial number, and CRLs leave out what has expired.
_COUNTS: Final = and_(OF_CERTIFICATE, revocation.c.not_after == certificate.c.not_after)
_NEWEST_CHANGE: Final = (
    select(func.max(audit_event.c.id))
    .where(_KIND.in_(CHANGES), audit_event.c.subject == revocation.c.serial_number)
    .correlate(revocation)
    .scalar_subquery()
)
_STATUSES: Final = (
    select(
        revocation.c.serial_number,
        *(column.label(f"revocation_{column.name}") for column in revocation.c),
        audit_event.c.event,
        audit_event.c.details,
    )
    .select_from(revocation)
    .join(certificate, _COUNTS)
    .outerjoin(audit_event, audit_event.c.id == _NEWEST_CHANGE)
)
_FORGOTTEN: Final = (
    select(audit_event.c.subject, audit_event.c.event)
    .where(
        _IS_CHANGE,
        ~select(revocation.c.state)
        .join(certificate, _COUNTS)
        .where(revocation.c.serial_number == audit_event.c.subject)
        .exists(),
    )
    .order_by(audit_event.c.id)
)
_OWN: Final = select(application, application.c.csr_der.label("issued_csr_der")).where(
    application.c.serial_number.is_(None)
)
_OTHERS: Final = (
    select(application, certificate.c.csr_der.label("issued_csr_der"))
    .join(certificate, certificate.c.serial_number == application.c.serial_number)
    .where(
        or_(
            application.c.request_fingerprint != certificate.c.request_fingerprint,
            application.c.key_fingerprint != certificate.c.key_fingerprint,
            application.c.subject != certificate.c.subject,
            cast(application.c.names, Text) != cast(certificate.c.names, Text),
        )
    )
)
_NEWEST_REQUEST_CHANGE: Final = (
    select(func.max(audit_event.c.id))
    .where(_KIND.in_(REQUEST_CHANGES), audit_event.c.subject == cast(application.c.id, String))
    .correlate(application)
    .scalar_subquery()
)
_SUBMISSION: Final = audit_event.alias("submission")
_SUBMISSION_ID: Final = (
    select(func.min(audit_event.c.id))
    .where(_KIND.in_([Event.REQUEST_SUBMITTED.value]), audit_event.c.subject == cast(application.c.id, String))
    .correlate(application)
    .scalar_subquery()
)
_REQUEST_STATUSES: Final = (
    select(
        *(application.c[name] for name in ("id", "state", "rule", *REQUEST_COLUMNS)),
        *(column.label(f"submission_{column.name}") for column in _SUBMISSION.c),
        *_EVENT_COLUMNS,
    )
    .select_from(application)
    .outerjoin(_SUBMISSION, _SUBMISSION.c.id == _SUBMISSION_ID)
    .outerjoin(audit_event, audit_event.c.id == _NEWEST_REQUEST_CHANGE)
)
_REQUEST_CHANGES: Final = select(audit_event.c.id, audit_event.c.subject, audit_event.c.event).where(
    audit_event.c.event.in_(REQUEST_CHANGES)
)
#: How a row of each table is read alone, to find the one that cannot be read.
_READERS: Final[dict[FromClause, Callable[[Any], object]]] = {
    audit_event: rows.recorded_event,
    _SUBMISSION: lambda row: row.id is None or rows.recorded_event(row),
    revocation: rows.revocation_record,
    application: tuple,
}


class _UnreadableError(Exception):
    """One of these rows was written by another program, and cannot be read."""


class SQLAgreementStore:
    """The agreement store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_issuers(self) -> Iterator[IssuerRecord | Unreadable]:
        """Yield each authority."""
        return self._each(select(issuer), issuer.c.id, rows.issuer_record, (issuer,))

    def list_issues(self) -> Iterator[Issue | Unreadable]:
        """Yield the issue of each certificate."""
        yield from self._each(_ISSUES, audit_event.c.id, _issue, (audit_event, certificate))
        for row in self._rows(_UNRECORDED):
            yield Issue(row.serial_number, None, None)

    def list_requests(self) -> Iterator[tuple[RequestRecord, tuple[str, ...]] | Unreadable]:
        """Yield each request with a CSR of its own, and each that is not one of its certificate."""
        for statement in (_OWN, _OTHERS):
            yield from self._each(statement, application.c.id, _request, (application,))

    def list_request_statuses(self) -> Iterator[RequestStatus | Unreadable]:
        """Yield the state of each request."""
        yield from self._each(
            _REQUEST_STATUSES, application.c.id, _request_status, (application, _SUBMISSION, audit_event)
        )
        after, lost = 0, dict[str, str]()
        while found := self._rows(
            _REQUEST_CHANGES.where(audit_event.c.id > after).order_by(audit_event.c.id).limit(_PAGE)
        ):
            numbers = {int(row.subject) for row in found if _is_number(row.subject)}
            there = {
                str(row.id)
                for batch in in_batches(application.c.id, numbers)
                for row in self._rows(select(application.c.id).where(batch))
            }
            lost |= {row.subject: row.event for row in found if row.subject not in there}
            after = found[-1].id
        for subject, event in lost.items():
            yield RequestStatus(subject, event=event)

    def list_statuses(self) -> Iterator[Status | Unreadable]:
        """Yield the status of each leaf whose status was changed."""
        yield from self._each(_STATUSES, revocation.c.serial_number, _status, (revocation, audit_event))
        newest = {row.subject: row.event for row in self._rows(_FORGOTTEN)}
        for serial_number, event in newest.items():
            yield Status(serial_number, event, "", None)

    def _each(
        self, statement: Select[Any], key: Column[Any], make: Callable[[Any], Item], tables: tuple[FromClause, ...]
    ) -> Iterator[Item | Unreadable]:
        """Yield what is made of each row, in pages sorted by this key, which is the first column.

        If a page cannot be read, its rows are read one by one: the one at fault is named, the others are compared.
        """
        ordered = statement.order_by(key).limit(_PAGE)
        page = ordered
        while True:
            found: list[tuple[Any, Item | Unreadable]]
            try:
                found = self._made(page, lambda row: (row[0], make(row)))
            except _UnreadableError:
                places = [row[0] for row in self._rows(page.with_only_columns(key))]
                found = [(place, self._alone(statement.where(key == place), make, tables)) for place in places]
            if not found:
                return
            yield from (item for _, item in found)
            page = ordered.where(key > found[-1][0])

    def _alone(
        self, statement: Select[Any], make: Callable[[Any], Item], tables: tuple[FromClause, ...]
    ) -> Item | Unreadable:
        """Return what is made of this row, or the row at fault: that of the last table, if the others can be read."""
        try:
            return self._made(statement, make)[0]
        except _UnreadableError:
            table = next((each for each in tables[:-1] if not self._is_readable(statement, each)), tables[-1])
        columns: list[Any] = [cast(each, Text) for each in table.primary_key]
        origin = table.element if isinstance(table, Alias) else table
        return Unreadable(origin.description, " ".join(self._rows(statement.with_only_columns(*columns))[0]))

    def _is_readable(self, statement: Select[Any], table: FromClause) -> bool:
        try:
            self._made(statement.with_only_columns(*table.c), _READERS[table])
        except _UnreadableError:
            return False
        return True

    def _made(self, statement: Select[Any], make: Callable[[Any], Item]) -> list[Item]:
        """Return what is made of each row. Raises _UnreadableError, but Busy where the database does not answer."""
        try:
            return [make(row) for row in self._rows(statement)]
        except Busy:
            raise
        except _NOT_OURS as error:
            raise _UnreadableError from error

    def _rows(self, statement: Select[Any]) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(statement))


def _issue(row: Any) -> Issue:
    record = rows.certificate_record(row) if row.id is not None else None
    return Issue(row.event_subject, rows.joined_event(row), record, rows.other_columns(row, record) if record else ())


def _request(row: Any) -> tuple[RequestRecord, tuple[str, ...]]:
    record = rows.request_record(row)
    return record, rows.other_columns(row, record)


def _request_status(row: Any) -> RequestStatus:
    said = [rows.joined_event(row, name) for name in ("submission", "event") if getattr(row, f"{name}_id") is not None]
    columns = {name: getattr(row, name) for name in REQUEST_COLUMNS}
    return RequestStatus(str(row.id), row.state, row.rule, columns, said[-1].event if said else "", tuple(said))


def _status(row: Any) -> Status:
    reason = str(row.details.get("reason", "")) if row.event else ""
    record = rows.joined_revocation(row)
    return Status(record.serial_number, row.event, reason, record)


def _is_number(subject: str) -> bool:
    return subject.isascii() and subject.isdigit() and len(subject) < 10
