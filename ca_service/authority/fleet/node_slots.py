"""Slots that follow what the driver does on a node: its CSR is placed, and what was uploaded is marked."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from ca_service.authority.access.permissions import Actor
from ca_service.authority.fleet.clusters import Fleet, cluster_pages
from ca_service.authority.fleet.handover import Handover, Line
from ca_service.authority.fleet.matching import match
from ca_service.authority.fleet.records import ClusterRecord
from ca_service.authority.issuance.examination import Options
from ca_service.pki import encodings
from ca_service.vos.destinations import Destination
from ca_service.vos.purposes import Purpose


class NodeSlots:
    """Finds the slots of a node in all clusters, and changes them."""

    def __init__(self, fleet: Fleet, handover: Handover) -> None:
        self._fleet = fleet
        self._handover = handover

    def lines(self, actor: Actor, host: str) -> Iterator[tuple[int, Line]]:
        """Yield the slots of a node, each with the number of its cluster."""
        for cluster in self._clusters(actor, host):
            for line in self._handover.board(actor, cluster.id).lines:
                if line.slot.node.fqdn == host:
                    yield cluster.id, line

    def peers(self, actor: Actor, host: str) -> frozenset[str]:
        """Return the names of all nodes of the clusters of a node."""
        return frozenset(node.fqdn for cluster in self._clusters(actor, host) for node in cluster.nodes)

    def place(self, actor: Actor, host: str, purpose: Purpose, csr: bytes) -> None:
        """Place the CSR of a node into its slots; one that is there already stays. Raises as `Fleet.place` does."""
        options = Options(destination=Destination(purpose.service))
        for cluster in self._clusters(actor, host):
            found = match(self._fleet, actor, cluster.id, [csr], options, node=host)
            self._fleet.place(actor, cluster.id, [each.placement for each in found], options)

    def mark_uploaded(self, actor: Actor, host: str, purpose: Purpose, serial_number: str) -> None:
        """Mark the uploads to a node that has this certificate, and the authorities above it. Idempotent."""
        for cluster in self._clusters(actor, host):
            board = self._handover.board(actor, cluster.id)
            lines = [line for line in board.lines if line.slot.node.fqdn == host and line.slot.purpose == purpose]
            own = [line for line in lines if _has(line, serial_number)]
            stores = [step.key for step in board.runbook.steps if step.purpose == purpose.trust and host in step.nodes]
            for key in (*stores, *(line.upload_step for line in own)) if own else ():
                if key not in board.marks:
                    self._handover.mark(actor, cluster.id, key, done=True)

    def take_back(self, actor: Actor, host: str, purpose: Purpose, present: x509.Certificate | None) -> None:
        """Undo the marks of a certificate if the node has none or another one, such as after it was installed again."""
        der = encodings.der(present) if present else b""
        for cluster_id, line in self.lines(actor, host):
            slot = line.slot
            if slot.purpose != purpose or slot.certificate is None or slot.certificate.der == der:
                continue
            for mark, step in ((slot.verified, line.verify_step), (slot.uploaded, line.upload_step)):
                if mark is not None:
                    self._handover.mark(actor, cluster_id, step, done=False)

    def _clusters(self, actor: Actor, host: str) -> Iterator[ClusterRecord]:
        for page in cluster_pages(self._fleet, actor, host):
            yield from (cluster for cluster in page if host in {node.fqdn for node in cluster.nodes})


def _has(line: Line, serial_number: str) -> bool:
    certificate = line.slot.certificate
    return certificate is not None and certificate.serial_number == serial_number
