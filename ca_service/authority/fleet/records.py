"""Values of the fleet that the store takes and returns.

Only facts are stored: which nodes exist, which CSR was placed into which slot, which steps were marked
as done. The state of a slot is derived from these and from the certificates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A server. `product` is an id of the product data, `version` as it was typed, `role` one of that product."""

    id: int
    cluster_id: int
    fqdn: str
    product: str
    version: str
    role: str


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """Nodes that are managed together; `nodes` in the order in which they were added."""

    id: int
    name: str
    created_at: datetime
    created_by: str
    nodes: tuple[NodeRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedRequest:
    """A CSR in a slot, which is a node and a purpose. The newest CSR of a slot counts.

    A multi-server CSR is in the slot of the node that created it. Fingerprints are SHA-256, hexadecimal.
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
    """The mark that a step of the runbook is done; `step` is the key of the step."""

    cluster_id: int
    step: str
    done_at: datetime
    done_by: str


@dataclass(frozen=True, slots=True)
class ClusterQuery:
    """A search for clusters: `text` in the name, or in the name of a node."""

    text: str = ""
    sort: str = "name"  # or newest
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """A page of clusters, and the cursor of the next page, empty on the last."""

    items: tuple[ClusterRecord, ...]
    next_cursor: str
