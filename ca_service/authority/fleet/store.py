"""Knows what the fleet needs from the storage. Every change takes its event along, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Clusters, nodes, requests in their slots, marks."""

    def list_clusters(self, query: ClusterQuery) -> ClusterPage:
        """One page of the clusters, with their nodes; raises InvalidInput for a cursor that we did not hand out."""

    def find_cluster(self, cluster_id: int) -> ClusterRecord | None:
        """The cluster of this number, with its nodes."""

    def add_cluster(self, cluster: ClusterRecord, event: AuditEvent) -> ClusterRecord:
        """Add one with its nodes, whose numbers are given here; raises Conflict if the name is taken."""

    def rename_cluster(self, cluster_id: int, name: str, event: AuditEvent) -> None:
        """Give it another name; raises Conflict if that is taken, NotFound if the cluster is gone."""

    def remove_cluster(self, cluster_id: int, event: AuditEvent) -> None:
        """Forget it, with its nodes, requests and marks; the certificates stay. Raises NotFound if it is gone."""

    def add_node(self, node: NodeRecord, event: AuditEvent) -> NodeRecord:
        """Add a node; raises Conflict if the cluster has one of that name, NotFound if the cluster is gone."""

    def update_node(self, node: NodeRecord, event: AuditEvent) -> None:
        """Replace name, product, version and role; raises Conflict and NotFound as `add_node` does."""

    def remove_node(self, node: NodeRecord, event: AuditEvent) -> None:
        """Forget a node, with the requests in its slots; raises NotFound if it is gone."""

    def place(self, requests: Sequence[PlacedRequest], events: Sequence[AuditEvent]) -> None:
        """Put requests into their slots, all or none; raises NotFound if one of their nodes is gone."""

    def list_requests(self, cluster_id: int) -> tuple[PlacedRequest, ...]:
        """All requests of a cluster, newest first."""

    def list_marks(self, cluster_id: int) -> tuple[Mark, ...]:
        """What is marked as done."""

    def set_mark(self, mark: Mark, event: AuditEvent) -> bool:
        """Mark a step; False, and no event, if it is marked already. Raises NotFound if the cluster is gone."""

    def clear_mark(self, cluster_id: int, step: str, event: AuditEvent) -> bool:
        """Take a mark back; False, and no event, if there is none."""


@dataclass(frozen=True, slots=True)
class LeafEnd:
    """When a leaf ends, and in which clusters its request was placed. `number` orders those that end together."""

    number: int
    serial_number: str
    profile: str
    host: str
    not_before: datetime
    not_after: datetime
    cluster_ids: tuple[int, ...]


class LeafStore(Protocol):
    """When leaves end."""

    def list_ends(self, after: tuple[datetime, int], until: datetime, at: datetime, limit: int) -> tuple[LeafEnd, ...]:
        """Leaves that end behind this place (end, number) and not later than `until`, the first to end first.

        One that another has followed is left out: the other was issued later for the same host, profile and purpose,
        and is valid at `at`.
        """

    def find_successor(self, serial_number: str, at: datetime) -> str | None:
        """The serial number of the newest that has followed this one, as above."""

    def list_cluster_ids(self, serial_number: str) -> tuple[int, ...]:
        """The clusters in which the request of this certificate was placed."""


# What every store refuses, in the same words.


def cluster_unknown() -> NotFound:
    """Return the error for a cluster or a node that is not there, or no longer."""
    return NotFound.because(CLUSTER_UNKNOWN)


def cluster_name_taken(name: str) -> Conflict:
    """Return the error for the name of another cluster."""
    return Conflict.because(CLUSTER_NAME_TAKEN, name=name)
