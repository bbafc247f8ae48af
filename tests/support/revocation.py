"""Revocations in memory, and what a test needs of them and does not care about."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ca_service.authority.audit import AuditEvent
from ca_service.authority.records import CertificateRecord
from ca_service.authority.revocation.records import RevocationRecord, Selection, Standing, State, Transition
from ca_service.errors import Conflict
from ca_service.pki import crl
from ca_service.pki.reasons import Reason
from tests.support.fakes import NOON, InMemoryLedger


class InMemoryRevocationStore:
    """The revocation port without a database, beside the ledger whose certificates it is about."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self.events: list[AuditEvent] = []
        self._ledger = ledger
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def list_selected(self, selection: Selection) -> tuple[Standing, ...]:
        """See the port."""
        meant = filter(selection.means, self._ledger.certificates)
        return tuple(Standing(each, self._of(each)) for each in meant)

    def find_revocation(self, issuer_id: str, serial_number: str) -> RevocationRecord | None:
        """See the port."""
        return self._ledger.revocations.get((issuer_id, serial_number))

    def list_revocations(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """See the port."""
        asked = [each for each in self._ledger.certificates if each.serial_number in serial_numbers]
        found = ((each.serial_number, self._of(each)) for each in asked)
        return {serial: record for serial, record in found if record is not None}

    def change(self, transitions: Sequence[Transition]) -> tuple[RevocationRecord, ...]:
        """See the port."""
        with self._lock:
            if any(self._is_stale(each) for each in transitions):
                raise Conflict.because("revocation.changed", "Another was quicker.", "Look again.")
            for issuer_id in {each.after.issuer_id for each in transitions}:
                self._versions[issuer_id] += 1
            return tuple(map(self._store, transitions))

    def version(self, issuer_id: str) -> int:
        """See the port."""
        return self._versions[issuer_id]

    def _of(self, certificate: CertificateRecord) -> RevocationRecord | None:
        return self.find_revocation(certificate.issuer_id, certificate.serial_number)

    def _is_stale(self, each: Transition) -> bool:
        found = self.find_revocation(each.after.issuer_id, each.after.serial_number)
        return (found and found.version) != (each.before and each.before.version)

    def _store(self, each: Transition) -> RevocationRecord:
        record = replace(each.after, version=self._versions[each.after.issuer_id])
        self._ledger.revocations[record.issuer_id, record.serial_number] = record
        self.events.append(each.event)
        return record


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
