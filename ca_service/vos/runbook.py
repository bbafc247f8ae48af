"""The runbook: the steps for exactly these nodes, in order, from the CSRs to the backup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509

from ca_service.vos.knowledge import Fact
from ca_service.vos.products import Use
from ca_service.vos.runbook_running import afterwards, restarts, switches, verification
from ca_service.vos.runbook_uploads import Layout, leaf_uploads, requests, trust_uploads
from ca_service.vos.steps import Leaf, Node, Runbook, Section, Step, upload_key, verify_key

__all__ = ["Leaf", "Node", "Runbook", "Section", "Step", "cluster_runbook", "upload_key", "verify_key"]


def cluster_runbook(
    title: str,
    nodes: Sequence[Node],
    leaves: Sequence[Leaf],
    authorities: Sequence[x509.Certificate],
    *,
    has_folders: bool = True,
    trust_folder: str = "",
) -> Runbook:
    """Return the runbook of a cluster; `authorities` has the issuing one first, the root last, or is empty.

    `has_folders` says whether the files of each node lie in a folder of its own, `trust_folder` where the authorities
    are, such as "../"; empty for beside the runbook.
    """
    ordered = in_order(nodes)
    signed = [leaf for leaf in _leaves_in_order(leaves, ordered) if leaf.certificate]
    layout = Layout(tuple(authorities[::-1]), has_folders, trust_folder)
    sections = (
        requests(_leaves_in_order(leaves, ordered)),
        trust_uploads(ordered, signed, layout),
        leaf_uploads(ordered, signed, layout),
        switches(signed),
        restarts(ordered, signed),
        verification(signed),
        afterwards(ordered, signed),
    )
    return Runbook(
        title=title,
        warnings=tuple(_warnings(ordered)),
        sections=tuple(section for section in sections if section.steps),
        remarks=tuple(_remarks(ordered)),
    )


def in_order(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes in the order in which they are treated: product by product, each in the order of its roles."""
    products = list(dict.fromkeys(node.product.id for node in nodes))
    return tuple(sorted(nodes, key=lambda node: (products.index(node.product.id), node.product.roles.index(node.role))))


def _leaves_in_order(leaves: Sequence[Leaf], nodes: Sequence[Node]) -> list[Leaf]:
    return sorted(leaves, key=lambda leaf: nodes.index(leaf.node))


def _warnings(nodes: Sequence[Node]) -> Iterator[Step]:
    """Return the warnings before signing: nodes where the certificate has no effect, or an unknown one."""
    for node in nodes:
        name = f"{node.fqdn}: {node.product.name} {node.version}"
        if node.release is None:
            text = "Cisco\u2019s documents that were read say nothing of this version. Try one node first."
            yield Step(name, text, nodes=(node.fqdn,), is_preface=True)
        elif node.release.use in (Use.NEVER, Use.UNKNOWN):
            yield _told(name, node.release.uses, (node.fqdn,))


def _remarks(nodes: Sequence[Node]) -> Iterator[Step]:
    """Return the notes on products and versions of these nodes, each sentence once."""
    found = dict[tuple[str, Fact], list[str]]()
    for node in nodes:
        for fact in node.release.warnings if node.release else ():
            found.setdefault((f"{node.product.name} {node.version}", fact), []).append(node.fqdn)
    for (name, fact), fqdns in found.items():
        yield _told(name, fact, tuple(fqdns))


def _told(title: str, fact: Fact, fqdns: tuple[str, ...]) -> Step:
    return Step(title, fact.text, nodes=fqdns, sources=fact.sources, is_confirmed=fact.is_confirmed, is_preface=True)
