"""The audit log and the tables side by side, in SQL. Each statement sees both as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, and_, func, select

from ca_service.authority.agreement import CHANGES, Issue, Status
from ca_service.authority.audit.events import Event
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.narrowing import OF_CERTIFICATE
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
#: What CRLs and OCSP find: they look for issuer and serial number, and CRLs leave out what has expired.
_COUNTS: Final = and_(OF_CERTIFICATE, revocation.c.not_after == certificate.c.not_after)
_NEWEST_CHANGE: Final = (
    select(func.max(audit_event.c.id))
    .where(_IS_CHANGE, audit_event.c.subject == revocation.c.serial_number)
    .correlate(revocation)
    .scalar_subquery()
)
_STATUSES: Final = (
    select(
        *(column.label(f"revocation_{column.name}") for column in revocation.c),
        audit_event.c.event,
        audit_event.c.details,
        certificate.c.der,
        certificate.c.key_fingerprint,
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


class SQLAgreementStore:
    """The agreement store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_issues(self) -> Iterator[Issue]:
        """Yield the issue of each certificate."""
        after = 0
        while found := self._rows(_ISSUES.where(audit_event.c.id > after)):
            for row in found:
                yield Issue(row.subject, row.id, str(row.details.get("fingerprint", "")), row.der)
            after = found[-1].id
        for row in self._rows(_UNRECORDED):
            yield Issue(row.serial_number, None, "", b"")

    def list_statuses(self) -> Iterator[Status]:
        """Yield the status of each leaf whose status was changed."""
        after = ""
        while found := self._rows(_STATUSES.where(revocation.c.serial_number > after)):
            for row in found:
                reason = str(row.details.get("reason", "")) if row.event else ""
                record = rows.joined_revocation(row)
                yield Status(record.serial_number, row.event, reason, record, row.der, row.key_fingerprint)
            after = found[-1].revocation_serial_number
        newest = {row.subject: row.event for row in self._rows(_FORGOTTEN)}
        for serial_number, event in newest.items():
            yield Status(serial_number, event, "", None)

    def _rows(self, statement: Select[Any]) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(statement))
