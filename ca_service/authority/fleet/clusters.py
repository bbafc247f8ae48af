"""Use cases of clusters: create and change them, place CSRs into slots, sign, mark steps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice, repeat
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require, require_unbounded
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.fleet.nodes import MAX_NODES, NodeInput, conflicts_in_row, require_good, too_many
from ca_service.authority.fleet.placement import Choice, Placement, Proposal, faults, propose
from ca_service.authority.fleet.records import (
    ClusterPage,
    ClusterQuery,
    ClusterRecord,
    Mark,
    NodeRecord,
    PlacedRequest,
)
from ca_service.authority.fleet.slot_reader import SlotReader
from ca_service.authority.fleet.states import Place, Slot, current_places
from ca_service.authority.fleet.store import FleetStore, cluster_unknown
from ca_service.authority.issuance.examination import Examination, Options
from ca_service.authority.issuance.issuance import Issuance, Issued
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.errors import Finding, InvalidInput, NotFound, Refused, Rule, only_errors
from ca_service.pki import keys
from ca_service.pki.profiles import VOS
from ca_service.pki.visible_text import visible
from ca_service.vos.destinations import NO_HINT, Destination, Hint
from ca_service.vos.purposes import PURPOSES

NODE_UNKNOWN: Final = Rule(
    "node.unknown",
    "There is no such node in this cluster.",
    "It may have been removed in the meantime: check the board.",
)
CLUSTER_NO_CERTIFICATES: Final = Rule(
    "cluster.no-certificates",
    "The cluster has no valid certificate.",
    "Add the CSRs of its nodes and sign them first.",
)
CLUSTER_PROFILE: Final = Rule(
    "cluster.profile",
    "A cluster has certificates of the profile vos, not of {profile}.",
    "Omit the profile, or sign this CSR outside the cluster.",
)
STEP_UNKNOWN: Final = Rule(
    "step.unknown",
    "The runbook of this cluster has no such step.",
    "Reload the runbook: a new certificate or another version changes its steps.",
)

NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")  # a key that every database can hold

__all__ = ["Fleet", "NodeInput"]


class Fleet:
    """Manages clusters and derives the state of their slots."""

    def __init__(
        self,
        store: FleetStore,
        ledger: Ledger,
        issuance: Issuance,
        clock: Clock,
        *,
        revocations: RevocationStore,
        requests: RequestStore,
        trusted: TrustedAuthorities,
    ) -> None:
        self._store = store
        self._reader = SlotReader(store, ledger, clock, revocations=revocations, requests=requests, trusted=trusted)
        self._issuance = issuance
        self._clock = clock

    def list_clusters(self, actor: Actor, query: ClusterQuery) -> ClusterPage:
        """Return one page of the clusters."""
        require(actor, Action.READ)
        require_unbounded(actor)
        return self._store.list_clusters(query)

    def get_cluster(self, actor: Actor, cluster_id: int) -> ClusterRecord:
        """Return the cluster with this number. Raises NotFound."""
        require(actor, Action.READ)
        require_unbounded(actor)
        found = self._store.find_clusters((cluster_id,))
        if not found:
            raise cluster_unknown()
        return found[0]

    def get_named(self, actor: Actor, text: str) -> ClusterRecord:
        """Return the cluster with this number, or else with this name in any case. Raises NotFound."""
        require(actor, Action.READ)
        require_unbounded(actor)
        number = int(text) if NUMBER.fullmatch(text) else 0
        if number:
            return self.get_cluster(actor, number)
        found = self._store.find_cluster_named(text.strip())
        if found is None:
            raise cluster_unknown()
        return found

    def create(self, actor: Actor, name: str, nodes: Sequence[NodeInput]) -> ClusterRecord:
        """Create a cluster. Raises InvalidInput with every invalid value, Conflict if the name is taken."""
        require(actor, Action.FLEET)
        require_unbounded(actor)
        require_good(name, nodes)
        now = self._clock()
        records = tuple(node.record(0) for node in nodes)
        cluster = ClusterRecord(0, name.strip(), now, actor.name, records)
        nodes_text = ", ".join(node.fqdn for node in records)
        event = AuditEvent.by(actor, now, Event.CLUSTER_CREATED, cluster.name, nodes=nodes_text)
        return self._store.add_cluster(cluster, event)

    def rename(self, actor: Actor, cluster_id: int, name: str) -> None:
        """Rename a cluster. Raises as `create` does, and NotFound."""
        require(actor, Action.FLEET)
        require_good(name, ())
        before = self.get_cluster(actor, cluster_id)
        event = self._changed(actor, replace(before, name=name.strip()), formerly=before.name)
        self._store.rename_cluster(cluster_id, name.strip(), event)

    def remove(self, actor: Actor, cluster_id: int) -> None:
        """Delete the cluster; its certificates stay. Raises NotFound."""
        require(actor, Action.FLEET)
        cluster = self.get_cluster(actor, cluster_id)
        event = AuditEvent.by(actor, self._clock(), Event.CLUSTER_REMOVED, cluster.name)
        self._store.remove_cluster(cluster_id, event)

    def add_node(self, actor: Actor, cluster_id: int, node: NodeInput) -> NodeRecord:
        """Add a node. Raises as `create` does, and NotFound."""
        require(actor, Action.FLEET)
        cluster = self.get_cluster(actor, cluster_id)
        _require_room(cluster)
        require_good(None, (node,), len(cluster.nodes))
        record = node.record(cluster_id)
        with conflicts_in_row(len(cluster.nodes), node):
            return self._store.add_node(record, self._changed(actor, cluster, added=record.fqdn))

    def change_node(self, actor: Actor, cluster_id: int, node_id: int, node: NodeInput) -> None:
        """Change name, product, version or role of a node. Raises as `add_node` does."""
        require(actor, Action.FLEET)
        cluster = self.get_cluster(actor, cluster_id)
        before = _node(cluster, node_id)
        place = cluster.nodes.index(before)
        require_good(None, (node,), place)
        record = node.record(cluster_id, node_id)
        if record != before:
            said = {"changed": record.fqdn, "product": record.product, "version": record.version}
            with conflicts_in_row(place, node):
                self._store.update_node(record, self._changed(actor, cluster, **said))

    def remove_node(self, actor: Actor, cluster_id: int, node_id: int) -> None:
        """Delete a node with the CSRs in its slots. Raises NotFound."""
        require(actor, Action.FLEET)
        cluster = self.get_cluster(actor, cluster_id)
        node = _node(cluster, node_id)
        self._store.remove_node(node, self._changed(actor, cluster, removed=node.fqdn))

    def _changed(self, actor: Actor, cluster: ClusterRecord, **details: str) -> AuditEvent:
        return AuditEvent.by(actor, self._clock(), Event.CLUSTER_CHANGED, cluster.name, **details)

    def slots(self, actor: Actor, cluster_id: int) -> tuple[Slot, ...]:
        """Return the slots of the cluster with their states. Raises NotFound."""
        return self._slots(self.get_cluster(actor, cluster_id))

    def list_slots(self, actor: Actor, clusters: Sequence[ClusterRecord]) -> tuple[tuple[Slot, ...], ...]:
        """Return the slots of each of these clusters, read together."""
        require(actor, Action.READ)
        require_unbounded(actor)
        return self._reader.read(clusters)

    def _slots(self, cluster: ClusterRecord) -> tuple[Slot, ...]:
        (slots,) = self._reader.read((cluster,))
        return slots

    def list_places(self, actor: Actor, cluster_ids: Collection[int]) -> dict[int, dict[str, Place]]:
        """Return the places of the certificates in use, by cluster and serial number; none of a cluster that is gone.

        All clusters are read together.
        """
        require(actor, Action.READ)
        clusters = self._store.find_clusters(cluster_ids)
        read = zip(clusters, self.list_slots(actor, clusters), strict=True)
        return {cluster.id: current_places(slots) for cluster, slots in read}

    def serial_numbers(self, actor: Actor, cluster_id: int) -> tuple[str, ...]:
        """Return the serial numbers of all valid certificates in the slots of the cluster. Raises NotFound for none."""
        slots, now = self.slots(actor, cluster_id), self._clock()
        newest = [slot.certificate for slot in slots if slot.certificate]
        records = [*newest, *(past.certificate for slot in slots for past in slot.past)]
        serials = dict.fromkeys(record.serial_number for record in records if record.not_after >= now)
        if not serials:
            raise NotFound.because(CLUSTER_NO_CERTIFICATES)
        return tuple(serials)

    def list_marks(self, actor: Actor, cluster_id: int) -> tuple[Mark, ...]:
        """Return the steps of this cluster that are marked as done. Raises NotFound."""
        return self._store.list_marks(self.get_cluster(actor, cluster_id).id)

    def mark(self, actor: Actor, cluster_id: int, step: str, done: bool, known: Mapping[str, str]) -> None:
        """Mark a step as done, or undo that; `known` has the titles of the existing steps by their keys.

        Raises InvalidInput for an unknown step. Idempotent: a step already in that state has no second event.
        """
        require(actor, Action.FLEET)
        cluster = self.get_cluster(actor, cluster_id)
        if step not in known:
            raise InvalidInput(STEP_UNKNOWN.at("/step"))
        kind = Event.STEP_DONE if done else Event.STEP_UNDONE
        event = AuditEvent.by(actor, self._clock(), kind, cluster.name, step=step, title=known[step])
        if done:
            self._store.set_mark(Mark(cluster_id, step, self._clock(), actor.name), event)
        else:
            self._store.clear_mark(cluster_id, step, event)

    def propose(
        self,
        actor: Actor,
        cluster_id: int,
        requests: Sequence[bytes],
        options: Options,
        choices: Sequence[Choice] = (),
    ) -> tuple[Proposal, ...]:
        """Return where each CSR belongs and what it changes there; store nothing.

        `choices` are the slots that the person has chosen so far, one for each of the first CSRs.
        """
        cluster = self.get_cluster(actor, cluster_id)
        slots = self._slots(cluster)
        all_choices = list(islice(chain(choices, repeat(Choice())), len(requests)))
        hints = [_hint(choice.purpose) for choice in all_choices]
        examinations = self._issuance.check(actor, requests, options, hints)
        return tuple(
            propose(examination, cluster, slots, choice)
            for examination, choice in zip(examinations, all_choices, strict=True)
        )

    def place(self, actor: Actor, cluster_id: int, placements: Sequence[Placement], options: Options) -> None:
        """Place the CSRs into their slots, all or none.

        Raises Refused with every finding. A CSR that already is the newest of its slot is not placed again.
        """
        require(actor, Action.FLEET)
        _require_vos(options)
        cluster = self.get_cluster(actor, cluster_id)
        examinations = self._issuance.check(
            actor, [each.data for each in placements], options, [_hint(each.purpose) for each in placements]
        )
        _require_placeable(examinations, [*faults(placements, cluster)])
        there = {(slot.node.id, slot.purpose.service): slot.request for slot in self._slots(cluster) if slot.request}
        new = [
            request
            for each, examination in zip(placements, examinations, strict=True)
            if not _is_same(request := self._placed(actor, cluster, each, examination), there)
        ]
        if new:
            self._store.place(new, [_placed_event(actor, cluster, request) for request in new])

    def sign(self, actor: Actor, cluster_id: int, placements: Sequence[Placement], options: Options) -> Issued:
        """Place the CSRs into their slots, and have them signed or leave them for a decision.

        These are two transactions. A crash between them leaves the CSRs in their slots, unsigned; repeating
        everything is then harmless. The certificate is found by the fingerprint of its CSR, so nothing
        has to be written to the slot after signing.
        """
        require(actor, Action.ISSUE)
        self.place(actor, cluster_id, placements, options)
        hints = [_hint(each.purpose) for each in placements]
        return self._issuance.issue(actor, [each.data for each in placements], options, hints=hints)

    def _placed(
        self, actor: Actor, cluster: ClusterRecord, placement: Placement, examination: Examination
    ) -> PlacedRequest:
        request = examination.request
        if request is None:
            raise ValueError("a refused CSR has no place")
        return PlacedRequest(
            id=0,
            cluster_id=cluster.id,
            node_id=placement.node_id,
            purpose=placement.purpose,
            is_multi_server=placement.is_multi_server,
            request_fingerprint=request.fingerprint,
            key_fingerprint=keys.key_fingerprint(request.subject_public_key_info),
            csr_der=request.der,
            placed_at=self._clock(),
            placed_by=actor.name,
        )


def cluster_pages(fleet: Fleet, actor: Actor, text: str = "") -> Iterator[tuple[ClusterRecord, ...]]:
    """Yield all clusters with this text, page by page, so that any number of them can be read."""
    cursor = ""
    while True:
        page = fleet.list_clusters(actor, ClusterQuery(text=text, cursor=cursor))
        yield page.items
        cursor = page.next_cursor
        if not cursor:
            return


def _require_vos(options: Options) -> None:
    """Raise InvalidInput for another profile: slots show certificates of nodes only."""
    if options.profile != VOS.name:
        raise InvalidInput(CLUSTER_PROFILE.at("/profile", profile=visible(options.profile[:40])))


def _hint(purpose: str) -> Hint:
    """Return the chosen purpose as a hint; one that does not exist is a fault of the placement."""
    return Hint(destination=Destination(purpose)) if purpose in PURPOSES else NO_HINT


def _placed_event(actor: Actor, cluster: ClusterRecord, request: PlacedRequest) -> AuditEvent:
    node, fingerprint = _node(cluster, request.node_id), request.request_fingerprint
    said = {"node": node.fqdn, "purpose": request.purpose, "request": fingerprint}
    return AuditEvent.by(actor, request.placed_at, Event.REQUEST_PLACED, cluster.name, **said)


def _require_placeable(examinations: Sequence[Examination], found: list[Finding]) -> None:
    findings = [
        finding.under(f"/csr/{number}")
        for number, examination in enumerate(examinations)
        for finding in examination.findings
    ]
    if found or only_errors(findings):
        raise Refused(*findings, *found)  # a CSR that cannot be read has no node either


def _is_same(request: PlacedRequest, there: dict[tuple[int, str], PlacedRequest]) -> bool:
    before = there.get((request.node_id, request.purpose))
    if before is None:
        return False
    ours, theirs = ((each.request_fingerprint, each.is_multi_server) for each in (request, before))
    return ours == theirs


def _node(cluster: ClusterRecord, node_id: int) -> NodeRecord:
    for node in cluster.nodes:
        if node.id == node_id:
            return node
    raise NotFound.because(NODE_UNKNOWN)


def _require_room(cluster: ClusterRecord) -> None:
    if len(cluster.nodes) >= MAX_NODES:
        raise InvalidInput(too_many())
