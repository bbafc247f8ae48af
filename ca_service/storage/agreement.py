"""The audit log and the tables side by side, in SQL. Each statement sees both as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, Text, and_, cast, func, or_, select

from ca_service.authority.audit.events import Event
from ca_service.authority.health.agreement import CHANGES, Issue, Status
from ca_service.authority.issuance.records import RequestRecord
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.narrowing import OF_CERTIFICATE
from ca_service.storage.schema import application, audit_event, certificate, revocation

_PAGE: Final = 1000  # rows
_IS_ISSUE: Final = audit_event.c.event == Event.CERTIFICATE_ISSUED.value
_IS_CHANGE: Final = audit_event.c.event.in_(CHANGES)
#: The kind as no index has it: of one subject, SQLite would otherwise read all events of this kind each time.
_KIND: Final = audit_event.c.event + ""
_ISSUES: Final = (
    select(*(column.label(f"event_{column.name}") for column in audit_event.c), certificate)
    .outerjoin(certificate, certificate.c.serial_number == audit_event.c.subject)
    .where(_IS_ISSUE)
    .order_by(audit_event.c.id)
    .limit(_PAGE)
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
        *(column.label(f"revocation_{column.name}") for column in revocation.c),
        audit_event.c.event,
        audit_event.c.details,
    )
    .select_from(revocation)
    .join(certificate, _COUNTS)
    .outerjoin(audit_event, audit_event.c.id == _NEWEST_CHANGE)
    .order_by(revocation.c.serial_number)
    .limit(_PAGE)
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


_OWN: Final = (
    select(application, application.c.csr_der.label("issued_csr_der"))
    .where(application.c.serial_number.is_(None))
    .order_by(application.c.id)
    .limit(_PAGE)
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
    .order_by(application.c.id)
    .limit(_PAGE)
)


class SQLAgreementStore:
    """The agreement store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_issues(self) -> Iterator[Issue]:
        """Yield the issue of each certificate."""
        after = 0
        while found := self._rows(_ISSUES.where(audit_event.c.id > after)):
            for row in found:
                record = rows.certificate_record(row) if row.id is not None else None
                other = rows.other_columns(row, record) if record else ()
                yield Issue(row.event_subject, rows.joined_event(row), record, other)
            after = found[-1].event_id
        for row in self._rows(_UNRECORDED):
            yield Issue(row.serial_number, None, None)

    def list_requests(self) -> Iterator[tuple[RequestRecord, tuple[str, ...]]]:
        """Yield each request with a CSR of its own, and each that is not one of its certificate."""
        for statement in (_OWN, _OTHERS):
            after = 0
            while found := self._rows(statement.where(application.c.id > after)):
                for row in found:
                    record = rows.request_record(row)
                    yield record, rows.other_columns(row, record)
                after = found[-1].id

    def list_statuses(self) -> Iterator[Status]:
        """Yield the status of each leaf whose status was changed."""
        after = ""
        while found := self._rows(_STATUSES.where(revocation.c.serial_number > after)):
            for row in found:
                reason = str(row.details.get("reason", "")) if row.event else ""
                record = rows.joined_revocation(row)
                yield Status(record.serial_number, row.event, reason, record)
            after = found[-1].revocation_serial_number
        newest = {row.subject: row.event for row in self._rows(_FORGOTTEN)}
        for serial_number, event in newest.items():
            yield Status(serial_number, event, "", None)

    def _rows(self, statement: Select[Any]) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(statement))
