"""An inventory together with the stores from which things come into it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterRecord, NodeRecord, PlacedRequest
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.inventory.language import parse
from ca_service.authority.inventory.store import InventoryStore, Page, Sort
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.revocation.records import State, Transition
from ca_service.authority.revocation.store import RevocationStore
from tests.support.factories import event
from tests.support.fakes import NOON
from tests.support.revocation import revocation_record


@dataclass(frozen=True, slots=True)
class House:
    """The stores, all of one kind, under two authorities: `intermediate-g1` and `intermediate-g2`."""

    store: InventoryStore
    ledger: Ledger
    revocations: RevocationStore
    fleet: FleetStore
    issuers: IssuerStore

    def add(self, *records: CertificateRecord) -> None:
        """Issue these."""
        events = [event(record.serial_number) for record in records]
        self.ledger.record(records, events, always_new=True, replay=None)

    def revoke(self, record: CertificateRecord, state: State = State.REVOKED) -> None:
        """Revoke one, put it on hold, or release it."""
        before = self.revocations.find_revocation(record.issuer_id, record.serial_number)
        self.revocations.change([Transition(before, revocation_record(record, state=state), event())])

    def place(self, record: CertificateRecord, cluster_name: str) -> ClusterRecord:
        """Put the request of a certificate into a slot of a new cluster."""
        node = NodeRecord(0, 0, record.host, "uccx", "12.5", "publisher")
        cluster = self.fleet.add_cluster(ClusterRecord(0, cluster_name, NOON, "somebody", (node,)), event())
        node_id, prints = cluster.nodes[0].id, (record.request_fingerprint, record.key_fingerprint)
        request = PlacedRequest(
            0, cluster.id, node_id, "tomcat-ECDSA", False, *prints, record.csr_der, NOON, "somebody"
        )
        self.fleet.place([request], [event()])
        return cluster

    def page(
        self,
        text: str = "",
        *,
        sort: Sort = "newest",
        cursor: str = "",
        limit: int = 50,
        grant: Grant | None = None,
    ) -> Page:
        """One page, at noon."""
        wanted = replace(parse(text, NOON), grant=grant)
        return self.store.list_certificates(wanted, sort, cursor, limit)

    def found(self, text: str) -> list[CertificateRecord]:
        """What the filter finds at noon, oldest first."""
        return [*self.page(text, sort="oldest").certificates]
