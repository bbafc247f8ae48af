"""Validation of clusters and nodes: each field is checked here, for every interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ca_service.authority.fleet.records import NodeRecord
from ca_service.errors import Finding, InvalidInput, Rule
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
    "The node {fqdn} is in this cluster twice.",
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
NODE_ROLE: Final = Rule(
    "node.role",
    "{product} has no role \u201c{role}\u201d.",
    "Choose one of: {known}.",
)

MAX_NAME: Final = 64
MAX_NODES: Final = 50


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


def require_good(name: str | None, nodes: Sequence[NodeInput]) -> None:
    """Raise InvalidInput with every invalid value; `name` is None if it is not part of the input."""
    findings = [*(_name(name) if name is not None else ()), *_count(nodes), *_repeated(nodes)]
    for number, node in enumerate(nodes):
        findings += [found.under(f"/nodes/{number}") for found in _node(node)]
    if findings:
        raise InvalidInput(*findings)


def _name(name: str) -> Iterator[Finding]:
    if not 1 <= len(name.strip()) <= MAX_NAME or not is_plain(name):
        yield CLUSTER_NAME.at("/name", limit=MAX_NAME)


def _count(nodes: Sequence[NodeInput]) -> Iterator[Finding]:
    if len(nodes) > MAX_NODES:
        yield too_many()


def too_many() -> Finding:
    """Return the finding for a cluster with too many nodes."""
    return CLUSTER_NODES.at("/nodes", limit=MAX_NODES)


def _repeated(nodes: Sequence[NodeInput]) -> Iterator[Finding]:
    counted = Counter(node.record(0).fqdn for node in nodes)
    for fqdn in (fqdn for fqdn, times in counted.items() if times > 1):
        yield node_repeated(fqdn)


def node_repeated(fqdn: str) -> Finding:
    """Return the finding for a cluster with two nodes of this name."""
    return NODE_REPEATED.at("/nodes", fqdn=visible(fqdn[:80]))


def _node(node: NodeInput) -> Iterator[Finding]:
    fqdn = node.record(0).fqdn
    if not names.is_dns_name(fqdn) or "." not in fqdn:
        yield NODE_FQDN.at("/fqdn", fqdn=visible(fqdn[:80]))
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
        yield NODE_ROLE.at("/role", product=product.name, role=visible(node.role[:40]), known=", ".join(product.roles))
