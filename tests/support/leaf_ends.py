"""Finds the ends of leaves without a database."""

from __future__ import annotations

from datetime import datetime

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterQuery, PlacedRequest
from ca_service.authority.fleet.store import FleetStore, LeafEnd
from ca_service.authority.issuance.store import Ledger
from tests.support.fakes import InMemoryLedger


class InMemoryLeafStore:
    """The ends of the leaves of a ledger and a fleet, found the slow way."""

    def __init__(self, ledger: Ledger, fleet: FleetStore) -> None:
        self._ledger = ledger
        self._fleet = fleet

    def list_ends(self, after: tuple[datetime, int], until: datetime, at: datetime, limit: int) -> tuple[LeafEnd, ...]:
        """See the port."""
        ends = [
            LeafEnd(
                number,
                each.serial_number,
                each.profile,
                each.purpose,
                each.host,
                each.not_before,
                each.not_after,
                self.list_cluster_ids(each.serial_number),
            )
            for number, each in enumerate(self._certificates(), 1)
            if after < (each.not_after, number) and each.not_after <= until
        ]
        current = [end for end in ends if self.find_successor(end.serial_number, at) is None]
        return tuple(sorted(current, key=lambda end: (end.not_after, end.number))[:limit])

    def find_successor(self, serial_number: str, at: datetime) -> str | None:
        """See the port."""
        known = list(self._certificates())
        place = next((place for place, each in enumerate(known) if each.serial_number == serial_number), len(known))
        followers = [
            each
            for each in known[place + 1 :]
            if each.not_after >= at and self._is_good(each) and self._what_for(each) == self._what_for(known[place])
        ]
        return followers[-1].serial_number if followers else None

    def list_cluster_ids(self, serial_number: str) -> tuple[int, ...]:
        """See the port."""
        record = self._ledger.find_certificate(serial_number)
        return tuple(sorted({each.cluster_id for each in self._placed(record)})) if record else ()

    def _is_good(self, record: CertificateRecord) -> bool:
        return not isinstance(self._ledger, InMemoryLedger) or self._ledger.is_good(record)

    def _certificates(self) -> tuple[CertificateRecord, ...]:
        assert isinstance(self._ledger, InMemoryLedger)
        return self._ledger.certificates

    def _what_for(self, record: CertificateRecord) -> tuple[str, str, str]:
        purposes = [each.purpose for each in self._placed(record)]
        return (record.host, record.profile, max(purposes, default=record.purpose))

    def _placed(self, record: CertificateRecord) -> list[PlacedRequest]:
        clusters = self._fleet.list_clusters(ClusterQuery(limit=200)).items
        requests = (each for cluster in clusters for each in self._fleet.list_requests(cluster.id))
        return [each for each in requests if each.request_fingerprint == record.request_fingerprint]
