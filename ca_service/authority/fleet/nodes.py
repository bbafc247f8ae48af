"""Validation of clusters and nodes: each field is checked here, for every interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ca_service.authority.fleet.records import NodeRecord
from ca_service.errors import Conflict, Finding, InvalidInput, Rule
from ca_service.pki import names
from ca_service.pki.visible_text import is_plain, visible
from ca_service.vos.products import get_product, version

CLUSTER_NODES: Final = Rule(
    "cluster.nodes",
    "A cluster can have at most {limit} nodes.",
    "Create a second cluster for the others.",
)
NODE_REPEATED: Final = Rule(
    "node.repeated",
    "This server is in the cluster twice.",
    "Enter each node once; products on one server share its certificate.",
)
CLUSTER_NAME: Final = Rule(
    "cluster.name",
    "A cluster needs a name of 1 to {limit} characters.",
    "Enter a name that your colleagues recognise.",
)
NODE_FQDN: Final = Rule(
    "node.fqdn",
    "\u201c{fqdn}\u201d is not the full name of a server.",
    "Enter host and domain, such as uccx1.example.com, as agents open it.",
)
NODE_FQDN_MISSING: Final = Rule(
    "node.fqdn-missing",
    "The full name of the server is missing.",
    NODE_FQDN.remedy,
)
NODE_ROLE: Final = Rule(
    "node.role",
    "{product} has no role \u201c{role}\u201d.",
    "Choose one of: {known}.",
)
NODE_ROLE_MISSING: Final = Rule(
    "node.role-missing",
    "The role is missing.",
    NODE_ROLE.remedy,
)

MAX_NAME: Final = 64
MAX_NODES: Final = 50

#: The row of a node before what is wrong with it, with its host where that has been entered.
_ROW: Final = "Node {node_number}: "
_ROW_OF_HOST: Final = "Node {node_number} ({node_host}): "


@dataclass(frozen=True, slots=True)
class NodeInput:
    """A node as it was entered."""

    fqdn: str
    product: str
    version: str
    role: str

    def record(self, cluster_id: int, node_id: int = 0) -> NodeRecord:
        """Return the node in stored form; host names are case-insensitive (RFC 4343)."""
        fqdn = self.fqdn.strip().lower().rstrip(".")
        return NodeRecord(node_id, cluster_id, fqdn, self.product, self.version.strip(), self.role)


def require_good(name: str | None, nodes: Sequence[NodeInput], first: int = 0) -> None:
    """Raise InvalidInput with every invalid value.

    `name` is None if it is not part of the input; `first` is the place of the first of these nodes in its cluster.
    """
    findings = [*(_name(name) if name is not None else ()), *_count(nodes)]
    seen = set[str]()
    for place, node in enumerate(nodes, first):
        findings += [in_row(found, place, node) for found in (*_node(node), *_repeated(node, seen))]
    if findings:
        raise InvalidInput(*findings)


@contextmanager
def conflicts_in_row(place: int, node: NodeInput) -> Iterator[None]:
    """Name the row of the node in what the store refuses."""
    try:
        yield
    except Conflict as error:
        raise Conflict(*(in_row(found, place, node) for found in error.findings)) from error


def in_row(finding: Finding, place: int, node: NodeInput) -> Finding:
    """Return the finding with the row of the node, counted from one for people, and its host if there is one."""
    host = visible(node.fqdn.strip()[:80])
    part = _ROW_OF_HOST if host else _ROW
    return finding.under(f"/nodes/{place}", part, node_number=place + 1, node_host=host)


def _name(name: str) -> Iterator[Finding]:
    if not 1 <= len(name.strip()) <= MAX_NAME or not is_plain(name):
        yield CLUSTER_NAME.at("/name", limit=MAX_NAME)


def _count(nodes: Sequence[NodeInput]) -> Iterator[Finding]:
    if len(nodes) > MAX_NODES:
        yield too_many()


def too_many() -> Finding:
    """Return the finding for a cluster with too many nodes."""
    return CLUSTER_NODES.at("/nodes", limit=MAX_NODES)


def _repeated(node: NodeInput, seen: set[str]) -> Iterator[Finding]:
    """Yield a finding if this name was seen before, and add it."""
    fqdn = node.record(0).fqdn
    if fqdn and fqdn in seen:
        yield node_repeated()
    seen.add(fqdn)


def node_repeated() -> Finding:
    """Return the finding for a node whose name is in its cluster already."""
    return NODE_REPEATED.at("/fqdn")


def _node(node: NodeInput) -> Iterator[Finding]:
    fqdn = node.record(0).fqdn
    if not names.is_dns_name(fqdn) or "." not in fqdn:
        yield (NODE_FQDN if fqdn else NODE_FQDN_MISSING).at("/fqdn", fqdn=visible(fqdn[:80]))
    try:
        version(node.version)
    except InvalidInput as error:
        yield from error.findings
    try:
        product = get_product(node.product)
    except InvalidInput as error:
        yield from error.findings
        return
    if node.role not in product.roles:
        rule, known = NODE_ROLE if node.role else NODE_ROLE_MISSING, ", ".join(product.roles)
        yield rule.at("/role", product=product.name, role=visible(node.role[:40]), known=known)
