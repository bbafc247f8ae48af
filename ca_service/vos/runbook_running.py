"""Steps after the upload: the switch, the restarts, the check of what is served, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Final

from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.products import EVERY_NODE, Action, Port, Use
from ca_service.vos.runbook_uploads import for_all, key_of, short
from ca_service.vos.steps import Leaf, Node, Section, Step, verify_key

_S_CLIENT: Final = (
    "openssl s_client -connect {at}:{port} -servername {at} -tls1_2 "
    "-cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256 -curves P-256:P-384 </dev/null 2>/dev/null "
    "| openssl x509 -noout -serial"
)
_EACH_PORT: Final = "for port in {ports}; do echo $port; {command}; done"


def _places(leaves: Sequence[Leaf]) -> Iterator[tuple[Leaf, Node]]:
    """Yield every node for which a certificate holds, with that certificate."""
    for leaf in leaves:
        for node in leaf.nodes:
            yield leaf, node


def _actions(actions: Sequence[Action], leaf: Leaf, node: Node) -> Iterator[tuple[int, Action]]:
    """Return the actions on this node for this purpose, with their number."""
    for number, action in enumerate(actions, 1):
        if action.on in (EVERY_NODE, node.role) and action.purpose in ("", leaf.purpose.service):
            yield number, action


def switches(leaves: Sequence[Leaf]) -> Section:
    """Return the actions that make a node use the certificate."""
    steps = {
        f"switch/{number}/{short(node.fqdn)}": (node, action)
        for leaf, node in _places(leaves)
        if node.release
        for number, action in _actions(node.release.switches, leaf, node)
    }
    return Section(
        "Activate the certificate",
        "These versions go on presenting the RSA certificate until this setting changes.",
        tuple(_done("Let {node} use it", key, node, action) for key, (node, action) in steps.items()),
    )


def restarts(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> Section:
    """Return the restarts, then the actions that switch services on again."""
    steps = dict[tuple[str, int], Step]()  # what two certificates of a node need is done once
    for node, leaf in ((node, leaf) for node in nodes for leaf in leaves if node in leaf.nodes):
        for number, action in _actions(node.release.restarts if node.release else (), leaf, node):
            key = f"restart/{leaf.serial_number}/{number}/{short(node.fqdn)}"
            steps.setdefault((node.fqdn, number), _done("Restart on {node}", key, node, action))
    return Section(
        "Restart what presents it",
        "A new certificate is presented only after a restart. Calls, chats and sign-ins on the node may be cut off: "
        "choose a quiet hour, and do one node after the other.",
        (*steps.values(), *for_all(nodes, "restore", leaves)) if leaves else (),
    )


def _done(title: str, key: str, node: Node, action: Action) -> Step:
    return Step(
        phrase(title, node=node.fqdn),
        action.fact.text,
        key=key,
        nodes=(node.fqdn,),
        commands=action.commands,
        sources=action.fact.sources,
        is_confirmed=action.fact.is_confirmed,
        is_optional=action.is_optional,
    )


def verification(leaves: Sequence[Leaf]) -> Section:
    """Looking whether the certificate is served, one step for each."""
    return Section(
        "See that it is served",
        "Ask from another computer, and let the connection allow ECDSA only: a plain connection shows what the server "
        "prefers, which may be the RSA certificate. A port that answers with an error instead of a serial number does "
        "not present an EC certificate yet: go back to the steps before.",
        tuple(map(_verification, leaves)),
    )


def _verification(leaf: Leaf) -> Step:
    places = [(node, ports_of(node, leaf)) for node in leaf.nodes]
    ports = dict[int, Port]()
    for port in (port for _, found in places for port in found):
        ports.setdefault(port.number, port)
    return Step(
        title=phrase("Look at {node}", node=leaf.node.fqdn),
        text=_expectation(leaf, has_ports=bool(ports)),
        key=verify_key(leaf.purpose, leaf.serial_number),
        nodes=tuple(node.fqdn for node in leaf.nodes),
        purpose=leaf.purpose.service,
        terminal=tuple(s_client(node.fqdn, [port.number for port in found]) for node, found in places if found),
        cases=tuple((str(port.number), sentences(_service(port), phrase(port.fact.text))) for port in ports.values()),
        sources=tuple(dict.fromkeys(tag for port in ports.values() for tag in port.fact.sources)),
        is_confirmed=all(port.fact.is_confirmed for port in ports.values()),
    )


def _service(port: Port) -> Phrase:
    return phrase("{service}.", service=port.service)


def s_client(host: str, ports: Sequence[int]) -> str:
    """Return one line that prints the serial number on each of these ports."""
    at = f"[{host}]" if ":" in host else quote(host)
    if len(ports) == 1:
        return _S_CLIENT.format(at=at, port=ports[0])
    numbers = " ".join(map(str, ports))
    return _EACH_PORT.format(ports=numbers, command=_S_CLIENT.format(at=at, port="$port"))


def ports_of(node: Node, leaf: Leaf) -> list[Port]:
    """Return the ports on which a node may show this certificate."""
    if node.release is None or node.release.use is Use.NEVER:
        return []
    return [
        port for port in node.release.ports if port.presents != "RSA" and port.purpose in ("", leaf.purpose.service)
    ]


def _expectation(leaf: Leaf, *, has_ports: bool) -> str:
    if leaf.node.release and leaf.node.release.use is Use.NEVER:
        return (
            "This version does not present the certificate, so there is nothing to see of it. Look that sign-in and "
            "the gadgets of agents work as before."
        )
    serial_number = leaf.serial_number.upper()
    if not has_ports:
        return phrase(
            "No port is known on which this version shows the certificate. On Certificate Management, the serial "
            "number must be {serial}.",
            serial=serial_number,
        )
    return phrase("The serial number must be {serial} on each of these ports.", serial=serial_number)  # as openssl says


def afterwards(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> Section:
    """Return the actions for others: peers, agents, backup."""
    of = key_of(leaves)
    steps = (*for_all(nodes, "peers", leaves), _agents(of), _backup(nodes, of)) if leaves else ()
    return Section(
        "Afterwards",
        "Cross-trust: servers that talk to one another check each other\u2019s certificates, so each needs the "
        "authority of the other in its trust store.",
        steps,
    )


def _agents(of: str) -> Step:
    return Step(
        "Let the computers of agents trust the root",
        "Give the root to all computers, on Windows by GPO (group policy); Firefox may have a store of its own. Agents "
        "open the pages by the FQDN (the full name, host and domain), never by address or short name.",
        key=f"agents/{of}",
        sources=("ECDSA-EN", "FIN-ADM"),
    )


def _backup(nodes: Sequence[Node], of: str) -> Step:
    first = [node.fqdn for node in nodes if node.role == node.product.roles[0]]
    return Step(
        "Take a DRS backup",
        "DRS (disaster recovery system) is the backup of the node: the newest one has to hold the new certificate.",
        key=f"backup/{of}",
        nodes=tuple(first),
        sources=("EXPW", "SEC14"),
    )
