"""Placement by what CSRs say, for scripts: file names, common names and alternative names choose the slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.fleet.clusters import NODE_UNKNOWN, Fleet
from ca_service.authority.fleet.placement import Choice, Placement, Proposal
from ca_service.authority.fleet.records import ClusterRecord
from ca_service.authority.fleet.states import State
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Finding, InvalidInput, NotFound, Rule, Severity
from ca_service.vos.destinations import purpose_in

CLUSTER_ALL_SIGNED: Final = Rule(
    "cluster.all-signed",
    "No CSR in this cluster is unsigned.",
    "Add the new CSRs of its nodes first.",
)
CLUSTER_CSR_MISSING: Final = Rule(
    "cluster.csr-missing",
    "No CSR from {missing} of {count} nodes: {names}.",
    "Generate the CSR on each of them, and add it to the cluster.",
    Severity.NOTE,
)


@dataclass(frozen=True, slots=True)
class Match:
    """A CSR with its slot, and why it belongs there; without a node, placing it is refused."""

    placement: Placement
    proposal: Proposal


def match(
    fleet: Fleet,
    actor: Actor,
    cluster_id: int,
    requests: Sequence[bytes],
    options: Options,
    *,
    names: Sequence[str] = (),
    node: str = "",
) -> tuple[Match, ...]:
    """Return the slot of each CSR; store nothing.

    `names` are those of their files. `node` is the full name of the node of all of them; empty to find each by its
    names. A purpose in the options counts for all of them. Raises NotFound for an unknown cluster, InvalidInput for a
    node that is not in it.
    """
    cluster = fleet.get_cluster(actor, cluster_id)
    node_id = _node_id(cluster, node) if node else 0
    given = options.destination.purpose
    files = names or repeat("", len(requests))
    choices = [Choice(node_id, given or _purpose_of(name)) for name in files]
    proposals = fleet.propose(actor, cluster_id, requests, options, choices)
    if node:
        proposals = tuple(replace(each, why="as given") for each in proposals)
    return tuple(
        Match(_placement(data, proposal, node_id), proposal) for data, proposal in zip(requests, proposals, strict=True)
    )


def unsigned(fleet: Fleet, actor: Actor, cluster_id: int, options: Options) -> tuple[Match, ...]:
    """Return the CSRs that are in the slots of a cluster and have no certificate yet. Raises NotFound for none."""
    placements = [
        Placement(slot.request.csr_der, slot.node.id, slot.purpose.service, slot.request.is_multi_server)
        for slot in fleet.slots(actor, cluster_id)
        if slot.request and slot.covered_by is None and not slot.certificate
    ]
    if not placements:
        raise NotFound.because(CLUSTER_ALL_SIGNED)
    choices = [Choice(each.node_id, each.purpose) for each in placements]
    found = fleet.propose(actor, cluster_id, [each.data for each in placements], options, choices)
    # What is to be said about its place was said when it was placed.
    return tuple(Match(each, replace(why, findings=())) for each, why in zip(placements, found, strict=True))


def missing_csrs(fleet: Fleet, actor: Actor, cluster_id: int) -> tuple[Finding, ...]:
    """Return a note about the nodes of a cluster that have no CSR in any slot, if there are some."""
    slots = fleet.slots(actor, cluster_id)
    hosts = dict.fromkeys(slot.node.fqdn for slot in slots)
    having = {slot.node.fqdn for slot in slots if slot.state is not State.NO_REQUEST}
    missing = [host for host in hosts if host not in having]
    values = {"missing": len(missing), "count": len(hosts), "names": ", ".join(missing)}
    return (CLUSTER_CSR_MISSING.at(**values),) if missing else ()


def _node_id(cluster: ClusterRecord, fqdn: str) -> int:
    wanted = fqdn.strip().lower().rstrip(".")
    for node in cluster.nodes:
        if node.fqdn == wanted:
            return node.id
    raise InvalidInput(NODE_UNKNOWN.at("/node"))


def _purpose_of(file_name: str) -> str:
    found = purpose_in(file_name)
    return found.service if found else ""


def _placement(data: bytes, proposal: Proposal, node_id: int) -> Placement:
    found = node_id or (proposal.node.id if proposal.node else 0)
    return Placement(data, found, proposal.purpose.service, proposal.is_multi_server)
