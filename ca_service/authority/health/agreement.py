"""Compares the audit log with the tables, in both directions.

The seals prove that no sealed event was changed. They do not prove that the tables, from which certificates, CRLs and
OCSP responses are made, still say the same: without the row of its revocation, a certificate is good again.
An event and the row that it describes are written in one transaction, so they never differ by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Final, Protocol, TypeVar

from cryptography import x509

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.entries import EventQuery, RecordedEvent
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.health.agreement_of_requests import REMEDY, RequestStatus, differences_from_csr
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.revocation.records import RevocationRecord, State
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Conflict, Finding, Refused, Rule
from ca_service.pki import crl, encodings, keys, names
from ca_service.pki.contents import find_value, serial_text
from ca_service.pki.strictness import spki_of

Item = TypeVar("Item")

ISSUE_UNRECORDED: Final = Rule(
    "agreement.issue-unrecorded",
    "The audit log has no event that certificate {serial} was issued.",
    REMEDY,
)
CERTIFICATE_LOST: Final = Rule(
    "agreement.certificate-lost",
    "Event {id} says that certificate {serial} was issued, but the database does not have it.",
    REMEDY,
)
CERTIFICATE_OTHER: Final = Rule(
    "agreement.certificate-other",
    "Certificate {serial} in the database is not the one that event {id} recorded: the fingerprints differ.",
    REMEDY,
)
COLUMNS_OTHER: Final = Rule(
    "agreement.columns-other",
    "The row of certificate {serial} differs from its bytes or from event {id} in: {columns}.",
    f"Lists, notices and the search show the row. {REMEDY}",
)
STATUS_OTHER: Final = Rule(
    "agreement.status-other",
    "Certificate {serial} is {found} in the database, but {expected} in the audit log.",
    f"CRLs and OCSP follow the database. {REMEDY}",
)
REASON_OTHER: Final = Rule(
    "agreement.reason-other",
    "The revocation of certificate {serial} has the reason {found} in the database, but {expected} in the audit log.",
    REMEDY,
)
ENTRY_OTHER: Final = Rule(
    "agreement.entry-other",
    "The stored CRL entry of certificate {serial} is not an entry of this certificate.",
    f"CRLs are made of these entries. {REMEDY}",
)
AUTHORITY_OTHER: Final = Rule(
    "agreement.authority-other",
    "The audit log does not record the stored certificate of authority {issuer}.",
    REMEDY,
)
ROW_UNREADABLE: Final = Rule(
    "agreement.row-unreadable",
    "The row {row} of the table {table} cannot be read.",
    f"The other rows are compared without it. {REMEDY}",
)

MOST: Final = 20  # findings
#: Raised by values that this program cannot have written.
_NOT_OURS: Final = (ValueError, TypeError, AttributeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_CHANGES: Final = {
    Event.CERTIFICATE_REVOKED.value: State.REVOKED.value,
    Event.CERTIFICATE_HELD.value: State.HELD.value,
    Event.CERTIFICATE_RELEASED.value: State.RELEASED.value,
}
#: The events that change the status of a certificate.
CHANGES: Final = tuple(_CHANGES)
_AUTHORITIES: Final = (Event.AUTHORITY_CREATED.value, Event.AUTHORITY_IMPORTED.value, Event.AUTHORITY_INSTALLED.value)
_GOOD: Final = "never revoked"
#: The details of an event that are columns of the certificate, and these.
_SAID: Final = (("host", "host"), ("profile", "profile"), ("purpose", "purpose"), ("request", "request_fingerprint"))


@dataclass(frozen=True, slots=True)
class Issue:
    """A certificate according to both sides: its event, and its row; either may be missing.

    `other` are the columns for lists and searches that do not follow from the others of the row.
    """

    serial_number: str
    event: RecordedEvent | None
    record: CertificateRecord | None
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """The newest event that changed the status of a certificate with its reason, and the record; either may be missing.

    A record of another issuer, or with another end of validity, than the certificate is missing: CRLs and OCSP do not
    find it.
    """

    serial_number: str
    event: str | None
    reason: str
    record: RevocationRecord | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that this program cannot have written: the name of its table, and its primary key."""

    table: str
    row: str


class AgreementStore(Protocol):
    """The audit log and the tables, side by side. Each method yields a row that cannot be read, and goes on."""

    def list_issuers(self) -> Iterator[IssuerRecord | Unreadable]:
        """Yield each authority."""

    def list_issues(self) -> Iterator[Issue | Unreadable]:
        """Yield the issue of each certificate that the audit log or the table has."""

    def list_statuses(self) -> Iterator[Status | Unreadable]:
        """Yield the status of each leaf whose status was changed according to the audit log or the table."""

    def list_requests(self) -> Iterator[tuple[RequestRecord, tuple[str, ...]] | Unreadable]:
        """Yield each request that has a CSR of its own, and the columns that do not follow from the others of its row.

        Those with a certificate are yielded only if they have another CSR, key or subject than the certificate.
        """

    def list_request_statuses(self) -> Iterator[RequestStatus | Unreadable]:
        """Yield the state of each request that the audit log or the table has."""


class Agreement:
    """Finds differences between the audit log and the tables."""

    def __init__(self, store: AgreementStore, events: EventStore, revocations: RevocationStore) -> None:
        self._store = store
        self._events = events
        self._revocations = revocations

    def require_agreement(self, actor: Actor, log: Sequence[Finding] = ()) -> None:
        """Raise Refused, with these findings about the log itself and the first others, if anything differs."""
        require(actor, Action.AUDIT)
        self.check(log)

    def check(self, log: Sequence[Finding] = ()) -> int:
        """Raise Refused if anything differs; otherwise return 0, the count that a job reports."""
        if found := (*log, *(each for each in self.differences() if each not in log)):
            raise Refused(*found)
        return 0

    def differences(self) -> tuple[Finding, ...]:
        """Return the first 20 differences at most."""
        return tuple(islice(self._differences(), MOST))

    def _differences(self) -> Iterator[Finding]:
        records = tuple(self._store.list_issuers())
        issuers = _subjects(records)
        serial_number = attrgetter("serial_number")
        for record in records:
            yield from _judged(record, self._of_authority, "issuer", attrgetter("id"))
        for issue in self._store.list_issues():  # first: a lost certificate has no status either
            if isinstance(issue, Issue) and issue.record and issue.record.issuer_id not in issuers:
                issuers.update(_subjects(self._store.list_issuers()))  # it was created since: this takes long
            yield from _judged(issue, lambda found: _of_issue(found, issuers), "certificate", serial_number)
        for status in self._store.list_statuses():
            yield from _judged(status, _of_status, "revocation", serial_number)
        for request in self._store.list_requests():
            yield from _judged(request, lambda found: differences_from_csr(*found), "application", lambda it: it[0].id)
        for state in self._store.list_request_statuses():
            yield from _judged(state, RequestStatus.differences, "application", attrgetter("id"))

    def _of_authority(self, record: IssuerRecord) -> Iterator[Finding]:
        certificate = certificate_of(record) if record.certificate_der or record.is_issuing else None
        has_issued = record.parent_id is not None and record.key_id is not None
        if certificate is None or not (record.is_issuing or has_issued):
            return
        query = EventQuery(subject=record.id, events=_AUTHORITIES, limit=1)
        newest = next(iter(self._events.list_events(query).items), None)
        if newest is None or newest.details.get("fingerprint") != encodings.fingerprint(certificate):
            yield AUTHORITY_OTHER.at(issuer=record.id)
        serial_number = serial_text(certificate.serial_number)
        found, expected = self._status_of_authority(record, serial_number)
        if found != expected:  # unless it was revoked between the two reads
            found, expected = self._status_of_authority(record, serial_number)
        if found != expected:
            yield STATUS_OTHER.at(serial=serial_number, found=found, expected=expected)

    def _status_of_authority(self, record: IssuerRecord, serial_number: str) -> tuple[str, str]:
        """Return the status of an authority in the database, and in the audit log."""
        stored = self._revocations.find_revocation(record.parent_id or "", serial_number)
        query = EventQuery(subject=record.id, events=(Event.AUTHORITY_REVOKED.value,), limit=1)
        said = next(iter(self._events.list_events(query).items), None)
        expected = str(said.details.get("state", State.REVOKED.value)) if said else _GOOD
        return stored.state.value if stored else _GOOD, expected


def _judged(
    found: Item | Unreadable,
    judge: Callable[[Item], Iterable[Finding]],
    table: str,
    name: Callable[[Item], object],
) -> Iterator[Finding]:
    """Yield the differences of what a row says, or that it cannot be read. No row keeps another from being compared."""
    if isinstance(found, Unreadable):
        yield ROW_UNREADABLE.at(table=found.table, row=found.row)
        return
    try:
        yield from tuple(judge(found))
    except _NOT_OURS:
        yield ROW_UNREADABLE.at(table=table, row=name(found))
    except Conflict as error:  # an event that cannot be read
        yield from error.findings


def _subjects(records: Iterable[IssuerRecord | Unreadable]) -> dict[str, bytes]:
    """Return the subjects of the authorities that can have issued something, by id."""
    return {key: subject for key, subject in map(_subject, records) if subject is not None}


def _subject(record: IssuerRecord | Unreadable) -> tuple[str, bytes | None]:
    """Return the id and the subject of an authority; None without a certificate, with which nothing can be issued.

    The subject of one that cannot be read, which is a finding already, is b"": it is in every leaf.
    """
    if isinstance(record, Unreadable):
        return record.row, b""
    if not record.certificate_der:
        return record.id, None
    try:
        return record.id, certificate_of(record).subject.public_bytes()
    except _NOT_OURS:
        return record.id, b""


def _of_status(status: Status) -> Iterator[Finding]:
    record, serial_number = status.record, status.serial_number
    found, expected = record.state.value if record else _GOOD, _CHANGES[status.event] if status.event else _GOOD
    if found != expected:
        yield STATUS_OTHER.at(serial=serial_number, found=found, expected=expected)
    elif record and status.reason and record.reason.value != status.reason:
        yield REASON_OTHER.at(serial=serial_number, found=record.reason.value, expected=status.reason)
    elif record and not crl.is_entry_of(record.entry_der, int(serial_number, 16)):
        yield ENTRY_OTHER.at(serial=serial_number)


def _of_issue(issue: Issue, issuers: Mapping[str, bytes]) -> Iterator[Finding]:
    event, record, serial_number = issue.event, issue.record, issue.serial_number
    if event is None:
        yield ISSUE_UNRECORDED.at(serial=serial_number)
    elif record is None:
        yield CERTIFICATE_LOST.at(serial=serial_number, id=event.id)
    elif _sha256(record.der) != event.details.get("fingerprint"):
        yield CERTIFICATE_OTHER.at(serial=serial_number, id=event.id)
    elif columns := [
        *_different(record, _said(event)),
        *_different(record, _read(record)),
        *_other_issuer(record, issuers),
        *issue.other,
    ]:
        listed = ", ".join(dict.fromkeys(columns))
        yield COLUMNS_OTHER.at(serial=serial_number, id=event.id, columns=listed)


def _said(event: RecordedEvent) -> dict[str, object]:
    """Return the columns of a certificate that its event has. Old events do not have the purpose."""
    found: dict[str, object] = {column: event.details[name] for name, column in _SAID if name in event.details}
    return found | {"issued_at": event.at, "issued_by": event.details.get("requested_by", event.actor)}


def _read(record: CertificateRecord) -> dict[str, object]:
    """Return the columns of a certificate that follow from its bytes, and the fingerprint of its CSR."""
    certificate = x509.load_der_x509_certificate(record.der)
    alternative_name = find_value(certificate.extensions, x509.SubjectAlternativeName) or ()
    return {
        "subject": names.name_text(certificate.subject),
        "names": names.general_names_text(alternative_name),
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "key_fingerprint": keys.key_fingerprint(spki_of(certificate)),
        "request_fingerprint": _sha256(record.csr_der),
    }


def _other_issuer(record: CertificateRecord, issuers: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the issuer if its name, which no other authority and no leaf has, is not in the certificate."""
    name = issuers.get(record.issuer_id)
    if name is None or name not in record.der:
        yield "issuer_id"


def _different(record: CertificateRecord, expected: Mapping[str, object]) -> Iterator[str]:
    """Yield the columns that have another value than expected."""
    return (name for name, value in expected.items() if getattr(record, name) != value)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
