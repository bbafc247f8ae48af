"""The port of the fleet to storage. Every change includes its event, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.fleet.records import (
    ClusterPage,
    ClusterQuery,
    ClusterRecord,
    Mark,
    NodeRecord,
    PlacedRequest,
)
from ca_service.errors import Conflict, NotFound, Rule

CLUSTER_UNKNOWN: Final = Rule(
    "cluster.unknown",
    "This cluster or node does not exist. It may have been removed.",
    "Look for it in the list of clusters.",
)
CLUSTER_NAME_TAKEN: Final = Rule(
    "cluster.name-taken",
    "A cluster with the name \u201c{name}\u201d exists already.",
    "Choose another name, or open that cluster.",
)


class FleetStore(Protocol):
    """Clusters, nodes, CSRs in their slots, marks."""

    def list_clusters(self, query: ClusterQuery) -> ClusterPage:
        """Return one page of the clusters, with their nodes. Raises InvalidInput for a foreign cursor."""

    def find_clusters(self, cluster_ids: Collection[int]) -> tuple[ClusterRecord, ...]:
        """Return those of these clusters that exist, with their nodes."""

    def find_cluster_named(self, name: str) -> ClusterRecord | None:
        """Return the cluster of this name, in any case, or None."""

    def list_namesakes(self, cluster_id: int) -> tuple[tuple[str, str], ...]:
        """Return the nodes of this cluster that others have too: full name, name of the other cluster; sorted."""

    def add_cluster(self, cluster: ClusterRecord, event: AuditEvent) -> ClusterRecord:
        """Add a cluster with its nodes; the store sets their numbers. Raises Conflict if the name is taken."""

    def rename_cluster(self, cluster_id: int, name: str, event: AuditEvent) -> None:
        """Rename a cluster. Raises Conflict if the name is taken, NotFound if the cluster is gone."""

    def remove_cluster(self, cluster_id: int, event: AuditEvent) -> None:
        """Delete a cluster with its nodes, CSRs and marks; the certificates stay. Raises NotFound if it is gone."""

    def add_node(self, node: NodeRecord, event: AuditEvent) -> NodeRecord:
        """Add a node. Raises Conflict if the cluster has one of that name, NotFound if the cluster is gone."""

    def update_node(self, node: NodeRecord, event: AuditEvent) -> None:
        """Replace name, product, version and role. Raises Conflict and NotFound as `add_node` does."""

    def remove_node(self, node: NodeRecord, event: AuditEvent) -> None:
        """Delete a node with the CSRs in its slots. Raises NotFound if it is gone."""

    def place(self, requests: Sequence[PlacedRequest], events: Sequence[AuditEvent]) -> None:
        """Place CSRs into their slots, all or none. Raises NotFound if one of their nodes is gone."""

    def list_requests(self, *cluster_ids: int) -> tuple[PlacedRequest, ...]:
        """Return all CSRs of these clusters, newest first."""

    def list_marks(self, *cluster_ids: int) -> tuple[Mark, ...]:
        """Return the marks of these clusters, sorted by cluster and step."""

    def set_mark(self, mark: Mark, event: AuditEvent) -> bool:
        """Mark a step; return False, without an event, if it is already marked. Raises NotFound without the cluster."""

    def clear_mark(self, cluster_id: int, step: str, event: AuditEvent) -> bool:
        """Remove a mark; return False, without an event, if there is none."""


@dataclass(frozen=True, slots=True)
class LeafEnd:
    """The expiry of a leaf, and the clusters of its CSR. `number` orders leaves with the same expiry."""

    number: int
    serial_number: str
    profile: str
    purpose: str
    host: str
    not_before: datetime
    not_after: datetime
    cluster_ids: tuple[int, ...]


class LeafStore(Protocol):
    """The expiry of leaves."""

    def list_ends(self, after: tuple[datetime, int], until: datetime, at: datetime, limit: int) -> tuple[LeafEnd, ...]:
        """Return the leaves that expire after this position (expiry, number) and by `until`, the first to expire first.

        Superseded leaves are omitted: another one was issued later for the same host, profile and purpose,
        and is valid at `at`.
        """

    def find_successor(self, serial_number: str, at: datetime) -> str | None:
        """Return the serial number of the newest certificate that supersedes this one in the same sense, or None."""

    def list_cluster_ids(self, serial_number: str) -> tuple[int, ...]:
        """Return the clusters in which the CSR of this certificate was placed."""


# Errors that every store raises, with one wording.


def cluster_unknown() -> NotFound:
    """Return the error for a cluster or a node that does not exist, or no longer."""
    return NotFound.because(CLUSTER_UNKNOWN)


def cluster_name_taken(name: str) -> Conflict:
    """Return the error for the name of another cluster."""
    return Conflict.because(CLUSTER_NAME_TAKEN, name=name)
