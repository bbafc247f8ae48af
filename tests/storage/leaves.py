"""Makes leaves that end on a day, and places their requests in slots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterRecord, PlacedRequest
from ca_service.authority.fleet.store import FleetStore, LeafStore
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.revocation.records import Transition
from ca_service.authority.revocation.store import RevocationStore
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON
from tests.support.fleet import PUBLISHER
from tests.support.revocation import revocation_record


@dataclass(frozen=True, slots=True)
class Ends:
    """The stores together."""

    ledger: Ledger
    fleet: FleetStore
    store: LeafStore
    revocations: RevocationStore

    def leaf(self, days: int, host: str = "", **changes: object) -> CertificateRecord:
        """A leaf that ends in so many days; for a host of its own, unless one is named."""
        named = {"host": host} if host else {}
        record = certificate_record(not_after=NOON + timedelta(days=days), **named, **changes)
        [stored] = self.ledger.record([record], [event()], always_new=True, replay=None)
        return stored

    def revoke(self, record: CertificateRecord) -> None:
        """Say that it is not valid any more."""
        self.revocations.change([Transition(None, revocation_record(record), event())])

    def place(self, record: CertificateRecord, purpose: str = "tomcat-ECDSA") -> int:
        """Put its request into a slot of a new cluster; the number of that."""
        name = f"cluster of {record.serial_number} {purpose}"
        cluster = self.fleet.add_cluster(ClusterRecord(0, name, NOON, "x", (PUBLISHER.record(0),)), event())
        fingerprint, key = record.request_fingerprint, record.key_fingerprint
        [node] = cluster.nodes
        placed = PlacedRequest(0, cluster.id, node.id, purpose, False, fingerprint, key, b"x", NOON, "x")
        self.fleet.place([placed], [event()])
        return cluster.id

    def serials(self, after: int = 0, until: int = 100, limit: int = 100) -> list[str]:
        """The serial numbers of the leaves that end within these days."""
        start, end = (NOON + timedelta(days=after), 2**31 - 1), NOON + timedelta(days=until)
        return [each.serial_number for each in self.store.list_ends(start, end, NOON, limit)]
