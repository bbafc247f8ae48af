"""Revocations in memory, and what a test needs of them and does not care about."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.ports import is_believable
from ca_service.authority.revocation.records import (
    CRLBytes,
    CRLEntries,
    CRLRecord,
    CRLState,
    ResponderRecord,
    RevocationRecord,
    RevocationStatus,
    Selection,
    State,
    Transition,
)
from ca_service.pki import crl, keys
from ca_service.pki.reasons import Reason
from tests.support.fakes import NOON, InMemoryLedger


class InMemoryRevocationStore:
    """The revocation port without a database, beside the ledger whose certificates it is about."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self.events: list[AuditEvent] = []
        self._ledger = ledger
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def list_selected(self, selection: Selection) -> tuple[RevocationStatus, ...]:
        """See the port."""
        meant = filter(selection.means, self._ledger.certificates)
        return tuple(RevocationStatus(each, self._of(each)) for each in meant)

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """See the port."""
        return self._ledger.revocations.get((issuer_id, serial_number))

    def revocations_of(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """See the port."""
        asked = [each for each in self._ledger.certificates if each.serial_number in serial_numbers]
        found = ((each.serial_number, self._of(each)) for each in asked)
        return {serial: record for serial, record in found if record is not None}

    def change(self, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
        """See the port."""
        with self._lock:
            for each in transitions:
                each.require_current(self.find_revocation(each.after.issuer_id, each.after.serial_number))
            for issuer_id in {each.after.issuer_id for each in transitions}:
                self._versions[issuer_id] += 1
            return tuple(map(self._store, transitions))

    def version(self, issuer_id: str) -> int:
        """See the port."""
        return self._versions[issuer_id]

    def of_issuer(self, issuer_id: str) -> list[RevocationRecord]:
        """All of this issuer."""
        return [each for each in self._ledger.revocations.values() if each.issuer_id == issuer_id]

    def _of(self, certificate: CertificateRecord) -> RevocationRecord | None:
        return self.find_revocation(certificate.issuer_id, certificate.serial_number)

    def _store(self, each: Transition) -> RevocationRecord:
        record = replace(each.after, version=self._versions[each.after.issuer_id])
        self._ledger.revocations[record.issuer_id, record.serial_number] = record
        self.events.append(each.event)
        return record


class InMemoryCRLStore:
    """The port of published lists without a database, beside the revocations that they tell of."""

    def __init__(self, revocations: InMemoryRevocationStore) -> None:
        self.events: list[AuditEvent] = []
        self._revocations = revocations
        self._lists: dict[str, dict[int, tuple[CRLRecord, CRLBytes]]] = defaultdict(dict)
        self._lock = threading.Lock()

    def find_newest(self, issuer_id: str) -> CRLRecord | None:
        """See the port."""
        found = self._lists[issuer_id]
        return found[max(found)][0] if found else None

    def find_state(self, issuer_id: str) -> CRLState:
        """See the port."""
        found = self._lists[issuer_id]
        return CRLState(max(found) if found else None, self._revocations.version(issuer_id))

    def find_base(self, issuer_id: str, at: datetime) -> CRLRecord | None:
        """See the port."""
        alive = [
            record
            for record, _ in self._lists[issuer_id].values()
            if record.next_update > at and is_believable(record.this_update, at)
        ]
        return min(alive, key=lambda record: record.number, default=None)

    def read_crl(self, issuer_id: str, number: int) -> CRLBytes | None:
        """See the port."""
        found = self._lists[issuer_id]
        return found[number][1] if found and number == max(found) else None

    def read_entries(self, issuer_id: str, base: CRLRecord | None) -> CRLEntries:
        """See the port."""

        def was_told(record: RevocationRecord) -> bool:
            return bool(base) and record.not_after < base.this_update and record.version <= base.version  # type: ignore[union-attr]

        found = [
            each.entry_der for each in self._revocations.of_issuer(issuer_id) if not each.is_good and not was_told(each)
        ]
        return CRLEntries(b"".join(found), len(found))

    def list_changes(self, issuer_id: str, since: int) -> Sequence[bytes]:
        """See the port."""
        return [each.entry_der for each in self._revocations.of_issuer(issuer_id) if each.version > since]

    def add_crl(
        self, record: CRLRecord, data: CRLBytes, event: AuditEvent, *, transitions: Sequence[Transition] = ()
    ) -> None:
        """See the port."""
        record.require_next(self.find_newest(record.issuer_id))
        self._revocations.change(transitions)
        kept = self._lists[record.issuer_id].items()
        alive = {number: each for number, each in kept if each[0].next_update > record.this_update}
        self._lists[record.issuer_id] = alive | {record.number: (record, data)}
        self.events.append(event)

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:  # noqa: ARG002 - one lock for all
        """See the port."""
        return self._exclusively()

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        with self._lock:
            yield


class InMemoryResponderStore:
    """The port of OCSP signers without a database, beside the ledger of the issuers."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self.events: list[AuditEvent] = []
        self._ledger = ledger
        self._responders: list[ResponderRecord] = []
        self._lock = threading.Lock()

    def find_responder(self, issuer_id: str, at: datetime) -> ResponderRecord | None:
        """See the port."""
        ours = (each for each in self._responders if each.issuer_id == issuer_id)
        found = (each for each in ours if is_believable(each.not_before, at))
        return max(found, key=lambda each: each.not_after, default=None)

    def add_responder(self, record: ResponderRecord, event: AuditEvent) -> None:
        """See the port."""
        self._responders.append(record)
        self.events.append(event)

    def was_issued(self, issuer_id: str, serial_number: str) -> bool:
        """See the port."""
        given: list[CertificateRecord | ResponderRecord] = [*self._ledger.certificates, *self._responders]
        return any((each.issuer_id, each.serial_number) == (issuer_id, serial_number) for each in given)

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:  # noqa: ARG002 - one lock for all
        """See the port."""
        return self._exclusively()

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        with self._lock:
            yield


def revocation_record(certificate: CertificateRecord, **changes: object) -> RevocationRecord:
    """That this certificate is revoked."""
    reason = changes.get("reason", Reason.SUPERSEDED)
    assert isinstance(reason, Reason)
    record = RevocationRecord(
        issuer_id=certificate.issuer_id,
        serial_number=certificate.serial_number,
        state=State.REVOKED,
        reason=reason,
        revoked_at=NOON + timedelta(days=1),
        changed_at=NOON + timedelta(days=1),
        changed_by="somebody",
        not_after=certificate.not_after,
        entry_der=crl.entry(int(certificate.serial_number, 16), NOON + timedelta(days=1), reason),
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def limited_crl(
    issuer: x509.Name, key: ec.EllipticCurvePrivateKey, number: int, this_update: datetime, next_update: datetime
) -> bytes:
    """A list, DER, that says critically that it is about leaves, as version 0.2 signed them."""
    scope = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    builder = x509.CertificateRevocationListBuilder(issuer, this_update, next_update)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False).add_extension(scope, critical=True)
    return builder.sign(key, keys.signature_hash(key.public_key())).public_bytes(Encoding.DER)
