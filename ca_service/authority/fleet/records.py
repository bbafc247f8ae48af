"""Knows the frozen values of the fleet that the store hands out and takes.

What is stored are facts: which nodes there are, which request was put into which slot, what somebody
has marked as done. Where a slot stands is not stored, it follows from these and from the certificates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A server. `product` is an id of the product data, `version` as it was typed, `role` one of the product's."""

    id: int
    cluster_id: int
    fqdn: str
    product: str
    version: str
    role: str


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """Nodes that are looked after together; `nodes` in the order in which they were added."""

    id: int
    name: str
    created_at: datetime
    created_by: str
    nodes: tuple[NodeRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedRequest:
    """A request in a slot: a node and a purpose. The newest of a slot is the one that counts.

    A multi-server request stands in the slot of the node that made it. Fingerprints are SHA-256, hexadecimal.
    """

    id: int
    cluster_id: int
    node_id: int
    purpose: str
    is_multi_server: bool
    request_fingerprint: str
    key_fingerprint: str
    csr_der: bytes
    placed_at: datetime
    placed_by: str


@dataclass(frozen=True, slots=True)
class Mark:
    """That somebody has done a step of the runbook; `step` is the key of the step."""

    cluster_id: int
    step: str
    done_at: datetime
    done_by: str


@dataclass(frozen=True, slots=True)
class ClusterQuery:
    """Which clusters to list: `text` in the name, or in the name of a node."""

    text: str = ""
    sort: str = "name"  # or newest
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """Some clusters of a list, and the cursor of the next page, empty on the last."""

    items: tuple[ClusterRecord, ...]
    next_cursor: str
