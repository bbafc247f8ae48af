"""Remarks of a board from outside its cluster: certificates signed elsewhere, nodes that another cluster has too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NewType

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.nodes import NodeInput, in_row
from ca_service.authority.fleet.records import ClusterRecord
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.ports import Clock
from ca_service.errors import Finding, Rule, Severity
from ca_service.pki.profiles import VOS
from ca_service.pki.visible_text import visible

NODE_ELSEWHERE: Final = Rule(
    "node.elsewhere",
    "This server is also in the cluster \u201c{cluster}\u201d.",
    "Keep each server in one cluster: a CSR or a mark in one of them is not seen in the other.",
    Severity.WARNING,
)

SlotKey = NewType("SlotKey", tuple[int, str])


def slot_key(slot: Slot) -> SlotKey:
    """Return what tells the slots of a cluster apart: node and purpose."""
    return SlotKey((slot.node.id, slot.purpose.service))


@dataclass(frozen=True, slots=True)
class BoardNotes:
    """Reads what a board says beside its slots."""

    store: FleetStore
    ledger: Ledger
    clock: Clock

    def available(self, slots: Sequence[Slot]) -> dict[SlotKey, CertificateRecord]:
        """Return the newest valid certificate for each slot that has no CSR: signed outside the cluster.

        Its record has the CSR, which can be placed into the slot: the slot has the certificate then.
        """
        found = {slot_key(slot): self._find(slot) for slot in slots if slot.state is State.NO_REQUEST}
        return {key: record for key, record in found.items() if record is not None}

    def _find(self, slot: Slot) -> CertificateRecord | None:
        found = self.ledger.find_current(slot.node.fqdn, self.clock(), slot.purpose.service)
        return found if found and found.profile == VOS.name else None

    def findings(self, cluster: ClusterRecord) -> tuple[Finding, ...]:
        """Return a warning for each node that is in another cluster as well."""
        return tuple(self._elsewhere(cluster))

    def _elsewhere(self, cluster: ClusterRecord) -> Iterator[Finding]:
        names = self.store.list_namesakes(cluster.id)
        for place, node in enumerate(cluster.nodes):
            entered = NodeInput(node.fqdn, node.product, node.version, node.role)
            for name in (name for fqdn, name in names if fqdn == node.fqdn):
                yield in_row(NODE_ELSEWHERE.at("/fqdn", cluster=visible(name)), place, entered)
