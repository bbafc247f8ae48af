"""Compares the audit log with the tables, in both directions.

The seals prove that no sealed event was changed. They do not prove that the tables, from which certificates, CRLs and
OCSP responses are made, still say the same: without the row of its revocation, a certificate is good again.
An event and the row that it describes are written in one transaction, so they never differ by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.revocation.records import RevocationRecord, State
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Finding, InvalidInput, Refused, Rule
from ca_service.pki import crl, encodings, keys
from ca_service.pki.contents import serial_text
from ca_service.pki.strictness import spki_of

_REMEDY: Final = (
    "Another program changed the database, or only part of it was restored. Stop the service, and restore the whole "
    "database from the newest backup that `ca-service audit verify` accepts."
)
ISSUE_UNRECORDED: Final = Rule(
    "agreement.issue-unrecorded",
    "The audit log has no event that certificate {serial} was issued.",
    _REMEDY,
)
CERTIFICATE_LOST: Final = Rule(
    "agreement.certificate-lost",
    "Event {id} says that certificate {serial} was issued, but the database does not have it.",
    _REMEDY,
)
CERTIFICATE_OTHER: Final = Rule(
    "agreement.certificate-other",
    "Certificate {serial} in the database is not the one that event {id} recorded: the fingerprints differ.",
    _REMEDY,
)
STATUS_OTHER: Final = Rule(
    "agreement.status-other",
    "Certificate {serial} is {found} in the database, but {expected} in the audit log.",
    f"CRLs and OCSP follow the database. {_REMEDY}",
)
REASON_OTHER: Final = Rule(
    "agreement.reason-other",
    "The revocation of certificate {serial} has the reason {found} in the database, but {expected} in the audit log.",
    _REMEDY,
)
ENTRY_OTHER: Final = Rule(
    "agreement.entry-other",
    "The stored CRL entry of certificate {serial} is not an entry of this certificate.",
    f"CRLs are made of these entries. {_REMEDY}",
)
KEY_OTHER: Final = Rule(
    "agreement.key-other",
    "The stored key fingerprint of certificate {serial}, whose key is blocked, is not that of its key.",
    f"CSRs with this key would be signed again. {_REMEDY}",
)
AUTHORITY_OTHER: Final = Rule(
    "agreement.authority-other",
    "The audit log does not record the stored certificate of authority {issuer}.",
    _REMEDY,
)

MOST: Final = 20  # findings
_CHANGES: Final = {
    Event.CERTIFICATE_REVOKED.value: State.REVOKED.value,
    Event.CERTIFICATE_HELD.value: State.HELD.value,
    Event.CERTIFICATE_RELEASED.value: State.RELEASED.value,
}
#: The events that change the status of a certificate.
CHANGES: Final = tuple(_CHANGES)
_AUTHORITIES: Final = (Event.AUTHORITY_CREATED.value, Event.AUTHORITY_IMPORTED.value, Event.AUTHORITY_INSTALLED.value)
_GOOD: Final = "never revoked"


@dataclass(frozen=True, slots=True)
class Issue:
    """A certificate according to both sides: number and fingerprint of the event, and the bytes in the table.

    Without an event, `event_id` is None, and fingerprint and bytes are empty. Without a row, `der` is None.
    """

    serial_number: str
    event_id: int | None
    fingerprint: str
    der: bytes | None


@dataclass(frozen=True, slots=True)
class Status:
    """The newest event that changed the status of a certificate with its reason, and the record; either may be missing.

    A record of another issuer, or with another end of validity, than the certificate is missing: CRLs and OCSP do not
    find it. `der` and `key_fingerprint` are those of the row of its certificate; empty without a record.
    """

    serial_number: str
    event: str | None
    reason: str
    record: RevocationRecord | None
    der: bytes = b""
    key_fingerprint: str = ""


class AgreementStore(Protocol):
    """The audit log and the tables, side by side."""

    def list_issues(self) -> Iterator[Issue]:
        """Yield the issue of each certificate that the audit log or the table has."""

    def list_statuses(self) -> Iterator[Status]:
        """Yield the status of each leaf whose status was changed according to the audit log or the table."""


class Agreement:
    """Finds differences between the audit log and the tables."""

    def __init__(
        self, store: AgreementStore, events: EventStore, issuers: IssuerStore, revocations: RevocationStore
    ) -> None:
        self._store = store
        self._events = events
        self._issuers = issuers
        self._revocations = revocations

    def require_agreement(self, actor: Actor) -> None:
        """Raise Refused, with the first findings, if the audit log and the tables differ."""
        require(actor, Action.AUDIT)
        self.check()

    def check(self) -> int:
        """Raise Refused if anything differs; otherwise return 0, the count that a job reports."""
        if found := self.differences():
            raise Refused(*found)
        return 0

    def differences(self) -> tuple[Finding, ...]:
        """Return the first 20 differences at most."""
        return tuple(islice(self._differences(), MOST))

    def _differences(self) -> Iterator[Finding]:
        for record in self._issuers.list_issuers():
            yield from self._of_authority(record)
        for issue in self._store.list_issues():  # first: a lost certificate has no status either
            yield from _of_issue(issue)
        for status in self._store.list_statuses():
            yield from _of_status(status)

    def _of_authority(self, record: IssuerRecord) -> Iterator[Finding]:
        if not record.is_issuing:
            return
        query = EventQuery(subject=record.id, events=_AUTHORITIES, limit=1)
        newest = next(iter(self._events.list_events(query).items), None)
        certificate = certificate_of(record)
        if newest is None or newest.details.get("fingerprint") != encodings.fingerprint(certificate):
            yield AUTHORITY_OTHER.at(issuer=record.id)
        serial_number = serial_text(certificate.serial_number)
        stored = self._revocations.find_revocation(record.parent_id or "", serial_number)
        query = EventQuery(subject=record.id, events=(Event.AUTHORITY_REVOKED.value,), limit=1)
        said = next(iter(self._events.list_events(query).items), None)
        found = stored.state.value if stored else _GOOD
        expected = str(said.details.get("state", State.REVOKED.value)) if said else _GOOD
        if found != expected:
            yield STATUS_OTHER.at(serial=serial_number, found=found, expected=expected)


def _of_status(status: Status) -> Iterator[Finding]:
    record, serial_number = status.record, status.serial_number
    found, expected = record.state.value if record else _GOOD, _CHANGES[status.event] if status.event else _GOOD
    if found != expected:
        yield STATUS_OTHER.at(serial=serial_number, found=found, expected=expected)
    elif record and status.reason and record.reason.value != status.reason:
        yield REASON_OTHER.at(serial=serial_number, found=record.reason.value, expected=status.reason)
    elif record and not crl.is_entry_of(record.entry_der, int(serial_number, 16)):
        yield ENTRY_OTHER.at(serial=serial_number)
    elif record and record.bars_key and not _has_key(status.der, status.key_fingerprint):
        yield KEY_OTHER.at(serial=serial_number)


def _has_key(certificate: bytes, fingerprint: str) -> bool:
    """Return whether this certificate has the key with this fingerprint; that its bytes differ is found elsewhere."""
    try:
        [loaded] = encodings.load_certificates(certificate)
    except InvalidInput:
        return True
    return keys.key_fingerprint(spki_of(loaded)) == fingerprint


def _of_issue(issue: Issue) -> Iterator[Finding]:
    if issue.event_id is None:
        yield ISSUE_UNRECORDED.at(serial=issue.serial_number)
    elif issue.der is None:
        yield CERTIFICATE_LOST.at(serial=issue.serial_number, id=issue.event_id)
    elif hashlib.sha256(issue.der).hexdigest() != issue.fingerprint:
        yield CERTIFICATE_OTHER.at(serial=issue.serial_number, id=issue.event_id)
