"""Phase A of a runbook: whatever will meet the certificate trusts its authority first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ca_service.pki import names
from ca_service.pki.contents import serial_text
from ca_service.vos.knowledge import Fact
from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.products import EVERY_NODE, Action, Use
from ca_service.vos.purposes import Purpose
from ca_service.vos.runbook_parts import MENU, Layout, actions_on, done, for_all, key_of, short
from ca_service.vos.steps import Leaf, Node, Section, Step, upload_key, verify_keys

_FOR_ITSELF: Final = Fact(
    "Phase B ends with \u201cCA Certificate is Not Available in the Trust-Store\u201d otherwise.",
    sources=("REGEN-CA", "ECDSA-EN"),
)
_OTHER_NAME: Final = "The files are named after {store}: the certificates in them are the same."


@dataclass(frozen=True, slots=True)
class _Place:
    """A trust store on a node that gets the authorities, the purpose whose files are uploaded, and why."""

    node: Node
    store: str
    purpose: Purpose
    why: Fact


def trust_everywhere(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout) -> Section:
    """Phase A: root and intermediate on the nodes, their peers and the computers of users.

    Its steps belong to the authorities: a new certificate of the same authority does not ask for them again.
    """
    places = _places(nodes, leaves)
    steps = (
        *(replace(_trust(place, layout), follows_from=_uploads(place, nodes, leaves, layout)) for place in places),
        *settled(nodes, leaves, layout),
        *trust_of_others(nodes, leaves, layout),
    )
    return Section(
        "A. Trust everywhere",
        "Root and intermediate are the certificates of this authority. All systems that will meet the new "
        "certificate trust them first. Nothing changes for users, unless a step says so. The publisher or primary is "
        "the first node of a cluster, the others are subscribers or secondaries.",
        steps,
    )


def trust_of_others(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout | None = None) -> Iterator[Step]:
    """Yield the steps for peers outside the cluster and for the computers of users; without a layout they name no file.

    None of them meets a certificate that its version never presents.
    """
    met = [leaf for leaf in leaves if not _is_never_met(leaf)]
    yield from for_all(nodes, "peers", met, layout.authority_key(-1) if layout and met else "")
    by_users = [leaf for leaf in met if leaf.purpose.is_met_by_users]
    if by_users:
        yield _computers(leaves, layout, by_users[0].purpose)


def _places(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> list[_Place]:
    """Return each node that gets the authorities, with the trust store: for its own leaf, or for that of a peer."""
    found = dict[tuple[str, str], _Place]()  # by name: the hash of a node is that of all facts about its product
    for leaf in leaves:
        for node in _receivers(nodes, leaf.nodes):
            place = _Place(node, leaf.purpose.trust, leaf.purpose, _FOR_ITSELF)
            found.setdefault((node.fqdn, place.store), place)
    for leaf in (leaf for leaf in leaves if not _is_never_met(leaf)):
        for action in (action for action in _actions_of(leaf, "peers") if action.store):
            for node in _receivers(nodes, [node for node in nodes if node.product.id == action.product]):
                found.setdefault((node.fqdn, action.store), _Place(node, action.store, leaf.purpose, action.fact))
    return sorted(found.values(), key=lambda place: nodes.index(place.node))


def _is_never_met(leaf: Leaf) -> bool:
    """Return whether no peer and no user will ever meet this certificate."""
    return leaf.node.release is not None and leaf.node.release.use is Use.NEVER


@dataclass(frozen=True, slots=True)
class Receiver:
    """A node on which root and intermediate are uploaded, and the nodes to which it replicates them."""

    node: Node
    replicas: tuple[Node, ...]


def receivers(nodes: Sequence[Node]) -> tuple[Receiver, ...]:
    """Return where root and intermediate are uploaded if all nodes of a cluster get a leaf."""
    found, placed = list[Receiver](), set[str]()
    for node in _receivers(nodes, nodes):
        like = [each for each in nodes if each.product == node.product and each.role not in node.product.trust_roles]
        replicas = tuple(each for each in like if each.fqdn not in placed and each.fqdn != node.fqdn)
        is_sender = node.role in node.product.trust_roles
        found.append(Receiver(node, replicas if is_sender else ()))
        placed.update(each.fqdn for each in found[-1].replicas)
    return tuple(found)


def _receivers(nodes: Sequence[Node], concerned: Collection[Node]) -> Iterator[Node]:
    """Yield the nodes that distribute certificates to the given ones, and the given ones without such a node."""
    for node in nodes:
        roles, like = node.product.trust_roles, [each for each in nodes if each.product == node.product]
        if node.role in roles:
            is_needed = any(each in concerned for each in like if each == node or each.role not in roles)
        else:
            is_needed = node in concerned and not any(each.role in roles for each in like)
        if is_needed:
            yield node


def _trust(place: _Place, layout: Layout) -> Step:
    store, fqdn, trust = place.store, place.node.fqdn, place.node.product.trust
    unit = store.removesuffix("-trust")
    what = {1: "the root", 2: "root and intermediate"}.get(len(layout.authorities), "root and intermediates")
    return Step(
        title=phrase(f"Upload {what} to {{store}} on {{node}}", store=store, node=fqdn),
        text=sentences(
            phrase("On {menu}, choose Upload Certificate/Certificate chain, purpose {store}.", menu=MENU, store=store),
            phrase("The root goes first. At the command line, run the line once for each file."),
            phrase(trust.text),
            *(() if store == place.purpose.trust else [phrase(_OTHER_NAME, store=place.purpose.trust)]),
            *(() if unit == "tomcat" else [phrase("That the command line knows this store is not confirmed.")]),
        ),
        key=f"trust/{layout.authority_key(-1)}/{unit}/{short(fqdn)}",
        nodes=(fqdn,),
        files=layout.trust(place.purpose),
        purpose=store,
        commands=(f"set cert import trust {unit}",),
        answer="\u201cPaste the Certificate and Hit Enter\u201d, then \u201cSuccessfully imported certificate\u201d.",
        details=(("There already?", _is_there(store, layout)),),
        why=place.why.text,
        sources=tuple(dict.fromkeys(("REGEN-CA", "CLI-SET", *trust.sources, *place.why.sources))),
        is_confirmed=trust.is_confirmed and place.why.is_confirmed,
    )


def _uploads(place: _Place, nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout) -> tuple[str, ...]:
    """Return the steps that prove that a place has the authorities: no node takes a leaf of another one.

    A leaf on a node proves it of the node that replicates trust stores to it.
    """
    found = [
        leaf
        for leaf in leaves
        if leaf.purpose.trust == place.store
        and leaf.certificate
        and leaf.certificate.issuer == layout.authorities[-1].subject
        and place.node.fqdn in {node.fqdn for node in _receivers(nodes, leaf.nodes)}
    ]
    return (*verify_keys(found), *(upload_key(leaf.purpose, leaf.serial_number) for leaf in found))


def _is_there(store: str, layout: Layout) -> Phrase:
    found = ", ".join(names.label(each.subject) for each in layout.authorities)
    return phrase(
        "`show cert list trust` lists a line that begins with {store}/ for each of: {names}. Compare their serial "
        "numbers on Certificate Management with those on the page of the authority. If they match, the step is done.",
        store=store,
        names=found,
    )


def settled(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout | None = None) -> Iterator[Step]:
    """Yield the steps of nodes that need them after a publisher of theirs, or they, received the authorities.

    What is for one store is left out where a leaf of that store follows: phase C restarts the same.
    """
    places = _places(nodes, leaves)
    for node in nodes:
        stores = {place.store for place in places if place.node.product.id == node.product.id}
        followed = {leaf.purpose.trust for leaf in leaves if node in leaf.nodes}
        for action in node.release.settles if node.release and stores else ():
            if action.on in (EVERY_NODE, node.role) and action.store in {"", *stores - followed}:
                owner = short(f"{layout.authority_key(-1)} {' '.join(sorted(stores))}") if layout else key_of(leaves)
                yield done(action, node.fqdn, f"settle/{short(action.title)}/{owner}/{short(node.fqdn)}")


def _computers(leaves: Sequence[Leaf], layout: Layout | None, purpose: Purpose) -> Step:
    serial_number = serial_text(layout.authorities[0].serial_number) if layout else ""
    return Step(
        "Install the root on the computers of users",
        "On Windows by GPO (group policy), for all agents, administrators and users of these pages; Firefox may have a "
        "store of its own. Users open the pages by the FQDN (the full name, host and domain), never by address or "
        "short name.",
        key=f"agents/{layout.authority_key(0) if layout else key_of(leaves)}",
        files=layout.trust(purpose)[:1] if layout else (),
        powershell=(f"certutil -store Root {serial_number}",) if layout else (),
        answer="The name of the root, and that the command completed successfully." if layout else "",
        why="Browsers and Jabber warn of a certificate whose authority they do not know. Where HSTS (HTTP Strict "
        "Transport Security) is on, browsers do not let users accept it: those without the root are locked out as soon "
        "as phase C begins.",
        sources=("ECDSA-EN", "FIN-ADM", "JABBER"),
    )


def _actions_of(leaf: Leaf, kind: str) -> list[Action]:
    return [action for node in leaf.nodes for action in actions_on(node, kind, leaf.purpose)]
