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
        wanted = [slot for slot in slots if slot.state is State.NO_REQUEST]
        current = self.ledger.list_current({slot.node.fqdn for slot in wanted}, self.clock())
        found = {(record.host, record.purpose): record for record in current if record.profile == VOS.name}
        keys = {slot_key(slot): (slot.node.fqdn, slot.purpose.service) for slot in wanted}
        return {key: found[place] for key, place in keys.items() if place in found}

    def findings(self, cluster: ClusterRecord) -> tuple[Finding, ...]:
        """Return a warning for each node that is in another cluster as well."""
        return tuple(self._elsewhere(cluster))

    def _elsewhere(self, cluster: ClusterRecord) -> Iterator[Finding]:
        names = self.store.list_namesakes(cluster.id)
        for place, node in enumerate(cluster.nodes):
            entered = NodeInput(node.fqdn, node.product, node.version, node.role)
            for name in (name for fqdn, name in names if fqdn == node.fqdn):
                yield in_row(NODE_ELSEWHERE.at("/fqdn", cluster=visible(name)), place, entered)
