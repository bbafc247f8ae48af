"""The fleet in memory, and what a test needs of it and does not care about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.fleet.nodes import NodeInput, node_repeated
from ca_service.authority.fleet.records import (
    ClusterPage,
    ClusterQuery,
    ClusterRecord,
    Mark,
    NodeRecord,
    PlacedRequest,
)
from ca_service.authority.fleet.store import cluster_name_taken, cluster_unknown
from ca_service.errors import Conflict
from ca_service.vos.destinations import Destination
from tests.support.paging import paged

PUBLISHER = NodeInput("uccx1.example.com", "uccx", "11.5", "publisher")
SUBSCRIBER = NodeInput("uccx2.example.com", "uccx", "11.5", "subscriber")
SOCIAL = NodeInput("sm1.example.com", "socialminer", "11.5", "single server")
CONTACT_CENTRE = (PUBLISHER, SUBSCRIBER, SOCIAL)


class InMemoryHostProductStore:
    """The port without a database."""

    def __init__(self, fleet: InMemoryFleetStore) -> None:
        self._fleet = fleet
        self._remembered = dict[str, Destination]()

    def find_products(self, hosts: Collection[str]) -> Mapping[str, Destination]:
        """See the port."""
        nodes = {node.fqdn: Destination("", node.product, node.version) for node in self._fleet.every_node()}
        return {host: found for host, found in (self._remembered | nodes).items() if host in hosts}

    def remember_products(self, products: Mapping[str, Destination], by: str, at: datetime) -> None:  # noqa: ARG002
        """See the port."""
        self._remembered |= products


class InMemoryFleetStore:
    """The fleet port without a database; what it promises is tested on both."""

    def __init__(self) -> None:
        self._clusters = dict[int, ClusterRecord]()
        self._requests = list[PlacedRequest]()
        self._marks = dict[tuple[int, str], Mark]()
        self._numbers = count(1)
        self.events = list[AuditEvent]()

    def list_clusters(self, query: ClusterQuery) -> ClusterPage:
        """See the port."""
        found = [each for each in self._clusters.values() if all(word in _text(each) for word in _words(query))]
        key = (lambda each: -each.id) if query.sort == "newest" else (lambda each: each.name.casefold())
        found.sort(key=key)
        return ClusterPage(*paged(found, query.sort, query.cursor, query.limit))

    def every_node(self) -> Iterator[NodeRecord]:
        """The nodes of all clusters."""
        return (node for cluster in self._clusters.values() for node in cluster.nodes)

    def find_clusters(self, cluster_ids: Collection[int]) -> tuple[ClusterRecord, ...]:
        """See the port."""
        return tuple(each for number, each in self._clusters.items() if number in cluster_ids)

    def find_cluster_named(self, name: str) -> ClusterRecord | None:
        """See the port."""
        wanted = name.casefold()
        return next((each for each in self._clusters.values() if each.name.casefold() == wanted), None)

    def list_namesakes(self, cluster_id: int) -> tuple[tuple[str, str], ...]:
        """See the port."""
        own = {node.fqdn for node in self._get(cluster_id).nodes}
        others = [each for each in self._clusters.values() if each.id != cluster_id]
        return tuple(sorted((node.fqdn, each.name) for each in others for node in each.nodes if node.fqdn in own))

    def add_cluster(self, cluster: ClusterRecord, event: AuditEvent) -> ClusterRecord:
        """See the port."""
        self._require_free(cluster.name)
        number = next(self._numbers)
        nodes = tuple(replace(node, id=next(self._numbers), cluster_id=number) for node in cluster.nodes)
        self._clusters[number] = replace(cluster, id=number, nodes=nodes)
        self.events.append(event)
        return self._clusters[number]

    def rename_cluster(self, cluster_id: int, name: str, event: AuditEvent) -> None:
        """See the port."""
        cluster = self._get(cluster_id)
        self._require_free(name, cluster_id)
        self._clusters[cluster_id] = replace(cluster, name=name)
        self.events.append(event)

    def remove_cluster(self, cluster_id: int, event: AuditEvent) -> None:
        """See the port."""
        self._get(cluster_id)
        del self._clusters[cluster_id]
        self._requests = [each for each in self._requests if each.cluster_id != cluster_id]
        self._marks = {key: mark for key, mark in self._marks.items() if key[0] != cluster_id}
        self.events.append(event)

    def add_node(self, node: NodeRecord, event: AuditEvent) -> NodeRecord:
        """See the port."""
        cluster = self._get(node.cluster_id)
        self._require_new(cluster, node)
        made = replace(node, id=next(self._numbers))
        self._clusters[cluster.id] = replace(cluster, nodes=(*cluster.nodes, made))
        self.events.append(event)
        return made

    def update_node(self, node: NodeRecord, event: AuditEvent) -> None:
        """See the port."""
        cluster = self._get(node.cluster_id)
        self._require_there(cluster, node)
        self._require_new(cluster, node)
        nodes = tuple(node if each.id == node.id else each for each in cluster.nodes)
        self._clusters[cluster.id] = replace(cluster, nodes=nodes)
        self.events.append(event)

    def remove_node(self, node: NodeRecord, event: AuditEvent) -> None:
        """See the port."""
        cluster = self._get(node.cluster_id)
        self._require_there(cluster, node)
        self._clusters[cluster.id] = replace(cluster, nodes=tuple(n for n in cluster.nodes if n.id != node.id))
        self._requests = [each for each in self._requests if each.node_id != node.id]
        self.events.append(event)

    def place(self, requests: Sequence[PlacedRequest], events: Sequence[AuditEvent]) -> None:
        """See the port."""
        for request in requests:
            if request.node_id not in [node.id for node in self._get(request.cluster_id).nodes]:
                raise cluster_unknown()
        self._requests = [*(replace(each, id=next(self._numbers)) for each in requests), *self._requests]
        self._requests.sort(key=lambda each: -each.id)
        self.events += events

    def list_requests(self, *cluster_ids: int) -> tuple[PlacedRequest, ...]:
        """See the port."""
        return tuple(each for each in self._requests if each.cluster_id in cluster_ids)

    def list_marks(self, *cluster_ids: int) -> tuple[Mark, ...]:
        """See the port."""
        return tuple(self._marks[key] for key in sorted(self._marks) if key[0] in cluster_ids)

    def set_mark(self, mark: Mark, event: AuditEvent) -> bool:
        """See the port."""
        self._get(mark.cluster_id)
        if (mark.cluster_id, mark.step) in self._marks:
            return False
        self._marks[mark.cluster_id, mark.step] = mark
        self.events.append(event)
        return True

    def clear_mark(self, cluster_id: int, step: str, event: AuditEvent) -> bool:
        """See the port."""
        if self._marks.pop((cluster_id, step), None) is None:
            return False
        self.events.append(event)
        return True

    def _get(self, cluster_id: int) -> ClusterRecord:
        if cluster_id not in self._clusters:
            raise cluster_unknown()
        return self._clusters[cluster_id]

    def _require_free(self, name: str, but: int = 0) -> None:
        if any(each.name.casefold() == name.casefold() for each in self._clusters.values() if each.id != but):
            raise cluster_name_taken(name)

    @staticmethod
    def _require_there(cluster: ClusterRecord, node: NodeRecord) -> None:
        if node.id not in [each.id for each in cluster.nodes]:
            raise cluster_unknown()

    @staticmethod
    def _require_new(cluster: ClusterRecord, node: NodeRecord) -> None:
        if any(each.fqdn == node.fqdn and each.id != node.id for each in cluster.nodes):
            raise Conflict(node_repeated())


def _text(cluster: ClusterRecord) -> str:
    return " ".join((cluster.name.casefold(), *(node.fqdn for node in cluster.nodes)))


def _words(query: ClusterQuery) -> list[str]:
    return query.text.casefold().split()
