"""The audit log and the tables side by side, in SQL. Each statement sees both as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, select

from ca_service.authority.agreement import CHANGES, Issue, Status
from ca_service.authority.audit.events import Event
from ca_service.storage.database import Database
from ca_service.storage.schema import audit_event, certificate, revocation

_PAGE: Final = 1000  # rows
_IS_ISSUE: Final = audit_event.c.event == Event.CERTIFICATE_ISSUED.value
_IS_CHANGE: Final = audit_event.c.event.in_(CHANGES)
_ISSUES: Final = (
    select(audit_event.c.id, audit_event.c.subject, audit_event.c.details, certificate.c.der)
    .outerjoin(certificate, certificate.c.serial_number == audit_event.c.subject)
    .where(_IS_ISSUE)
    .order_by(audit_event.c.id)
    .limit(_PAGE)
)
_UNRECORDED: Final = (
    select(certificate.c.serial_number)
    .where(~select(audit_event.c.id).where(_IS_ISSUE, audit_event.c.subject == certificate.c.serial_number).exists())
    .order_by(certificate.c.id)
)
_NEWEST_CHANGE: Final = (
    select(audit_event.c.event)
    .where(_IS_CHANGE, audit_event.c.subject == revocation.c.serial_number)
    .order_by(audit_event.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_STATUSES: Final = (
    select(revocation.c.serial_number, revocation.c.state, _NEWEST_CHANGE.label("event"))
    .join(certificate, certificate.c.serial_number == revocation.c.serial_number)
    .order_by(revocation.c.serial_number)
    .limit(_PAGE)
)
_FORGOTTEN: Final = (
    select(audit_event.c.subject, audit_event.c.event)
    .where(
        _IS_CHANGE,
        ~select(revocation.c.state).where(revocation.c.serial_number == audit_event.c.subject).exists(),
    )
    .order_by(audit_event.c.id)
)


class SQLAgreementStore:
    """The agreement store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_issues(self) -> Iterator[Issue]:
        """Yield the issue of each certificate."""
        after = 0
        while rows := self._rows(_ISSUES.where(audit_event.c.id > after)):
            for row in rows:
                yield Issue(row.subject, row.id, str(row.details.get("fingerprint", "")), row.der)
            after = rows[-1].id
        for row in self._rows(_UNRECORDED):
            yield Issue(row.serial_number, None, "", b"")

    def list_statuses(self) -> Iterator[Status]:
        """Yield the status of each leaf whose status was changed."""
        after = ""
        while rows := self._rows(_STATUSES.where(revocation.c.serial_number > after)):
            for row in rows:
                yield Status(row.serial_number, row.event, row.state)
            after = rows[-1].serial_number
        newest = {row.subject: row.event for row in self._rows(_FORGOTTEN)}
        for serial_number, event in newest.items():
            yield Status(serial_number, event, None)

    def _rows(self, statement: Select[Any]) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(statement))
