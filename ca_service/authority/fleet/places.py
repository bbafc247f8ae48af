"""Knows which certificate is the current one of a slot, and where that slot is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ca_service.authority.fleet.records import NodeRecord
from ca_service.authority.fleet.states import Slot, State
from ca_service.vos.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Place:
    """Where a certificate is in use; `covers` are the other nodes for which it holds."""

    cluster_id: int
    node: NodeRecord
    purpose: Purpose
    covers: tuple[NodeRecord, ...] = ()


def current_places(slots: Iterable[Slot]) -> dict[str, Place]:
    """By serial number, the places of the certificates that are in use in these slots.

    A request that is not signed yet replaces nothing: until then the node serves what it had. A slot that is covered
    by another node has no certificate of its own any more.
    """
    found = {}
    for slot in slots:
        current = slot.certificate or (slot.past[0].certificate if slot.past else None)
        if current is not None and slot.state is not State.COVERED:
            found[current.serial_number] = Place(slot.node.cluster_id, slot.node, slot.purpose, slot.covers)
    return found
