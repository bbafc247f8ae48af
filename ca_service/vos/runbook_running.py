"""Phases C and D of a runbook: activating the certificate, and verifying that nodes present it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from ca_service.vos.file_names import check_files
from ca_service.vos.phrases import Phrase, phrase, sentences
from ca_service.vos.products import EVERY_NODE, Action, Port, Use
from ca_service.vos.runbook_parts import Layout, actions_on, done, for_all, key_of, powershell_line, shell_lines, short
from ca_service.vos.steps import Leaf, Node, Section, Step, verify_key, verify_keys

#: Restarts that the ports show: of the whole node and of the service of its web pages, unlike those of the backup.
_SEEN: Final = frozenset({"utils system restart", "utils service restart Cisco Tomcat"})
_ONE_BY_ONE: Final = "In a quiet hour, and one node after the other: wait until a node is back before the next."
_RUN: Final = "Run sh FILE.sh, or powershell -ExecutionPolicy Bypass -File FILE.ps1: each port must answer so"
_WHY: Final = (
    "TLS 1.2 and TLS 1.3 are asked one after the other: one of the two may be off on the node, and gives an error. "
    "PowerShell cannot offer ECDSA alone: it shows what browsers of this computer get."
)
_ESTIMATES: Final = "Minutes and what users notice are estimates; Cisco\u2019s documents do not say them."


def make_used(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> Section:
    """Phase C: settings and restarts, node by node, then the end of the preparation."""
    settings = [
        (place, replace(_setting(place, key, action), follows_from=_proofs(action, of)))
        for place, key, action, of in _settings(nodes, leaves)
    ]
    restarts = list(_restarts(nodes, leaves))
    steps = [
        step
        for place in (None, *nodes)
        for step in (*(each for at, each in settings if at == place), *(each for at, each in restarts if at == place))
    ]
    return Section(
        "C. Activate",
        sentences(phrase(_ONE_BY_ONE if len(nodes) > 1 else "In a quiet hour."), phrase(_ESTIMATES)),
        (*steps, *for_all(nodes, "restore", leaves)),
    )


def _proofs(action: Action, leaves: Sequence[Leaf]) -> tuple[str, ...]:
    """Return the steps that prove an action of this phase: the ports present a leaf. None proves an optional one."""
    presented = [leaf for leaf in leaves if any(ports_of(node, leaf) for node in leaf.nodes)]
    return () if action.is_optional else verify_keys(presented)


def _settings(
    nodes: Sequence[Node], leaves: Sequence[Leaf]
) -> Iterator[tuple[Node | None, str, Action, Sequence[Leaf]]]:
    """Yield each setting once with its key, the node that has it, None if that is not in the cluster, and its leaves.

    What is done each time has another key for other leaves; what several leaves need is done once for all of them.
    """
    found = dict[str, tuple[Node | None, Action, dict[Leaf, None]]]()
    for leaf in leaves:
        for node in leaf.nodes:
            for action in actions_on(node, "switches", leaf.purpose):
                place = node if action.on == EVERY_NODE else _in_role(nodes, node, action.on)
                where = place.fqdn if place else f"{node.product.id} {action.on}"
                key = f"switch/{short(action.title)}/{short(where)}"
                found.setdefault(key, (place, action, {}))[2][leaf] = None
    for key, (place, action, of) in found.items():
        yield place, f"{key}/{key_of(tuple(of))}" if action.is_each_time else key, action, tuple(of)


def _in_role(nodes: Sequence[Node], like: Node, role: str) -> Node | None:
    return next((node for node in nodes if node.product == like.product and node.role == role), None)


def _setting(place: Node | None, key: str, action: Action) -> Step:
    return done(action, place.fqdn if place else f"the {action.on}", key, is_node=place is not None)


def _restarts(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> Iterator[tuple[Node, Step]]:
    """Yield the restarts of each node; what two certificates of a node need is done once."""
    for node in nodes:
        found = dict[str, tuple[Leaf, Action]]()
        for leaf in (leaf for leaf in leaves if node in leaf.nodes):
            for action in actions_on(node, "restarts", leaf.purpose):
                if action.on in (EVERY_NODE, node.role):
                    found.setdefault(action.title, (leaf, action))
        needed = {command for _, action in found.values() if not action.is_optional for command in action.commands}
        for leaf, action in found.values():
            if action.is_optional and action.commands and needed.issuperset(action.commands):
                continue
            key = f"restart/{leaf.serial_number}/{short(action.title)}/{short(node.fqdn)}"
            step = done(action, node.fqdn, key)
            is_seen = bool(action.commands) and _SEEN.issuperset(action.commands)
            yield node, replace(step, follows_from=_proofs(action, [leaf]) if is_seen else ())


def prove(nodes: Sequence[Node], leaves: Sequence[Leaf], layout: Layout) -> Section:
    """Phase D: ports, functions, and the backup of what works."""
    return Section(
        "D. Verify",
        "Ask from another computer. A plain connection shows what the server prefers, which may be the RSA "
        "certificate, so the checks let openssl offer ECDSA only. A port that answers with an error in place of a "
        "serial number does not present an EC certificate: go back to phase C. If the note of that port says inferred, "
        "its certificate is a guess: the other ports decide.",
        (
            *(_verification(leaf, layout, leaves) for leaf in leaves),
            *for_all(nodes, "checks", leaves),
            *([_backup(nodes, leaves)] if leaves else ()),
        ),
        brief=_RUN if any(map(_shell, leaves)) else "",
    )


def _verification(leaf: Leaf, layout: Layout, leaves: Sequence[Leaf]) -> Step:
    """Return the step that looks whether a leaf is presented: one for all the nodes of a multi-server certificate.

    Its title names the purpose where a node has several.
    """
    places = [(node, ports_of(node, leaf)) for node in leaf.nodes]
    ports = dict[int, Port]()
    for port in (port for _, found in places for port in found):
        ports.setdefault(port.number, port)
    told = tuple(ports.values())
    title = "Check the ports of {nodes}" if told else "Check {nodes}"
    if any(each.node == leaf.node and each.purpose != leaf.purpose for each in leaves):
        title += " for {purpose}"
    return Step(
        title=phrase(title, nodes=", ".join(node.fqdn for node in leaf.nodes), purpose=leaf.purpose.service),
        text=_expectation(leaf, has_ports=bool(told)),
        key=verify_key(leaf.purpose, leaf.serial_number),
        nodes=tuple(node.fqdn for node in leaf.nodes),
        files=tuple(layout.beside(leaf, name) for name, _ in check_scripts(leaf)),
        purpose=leaf.purpose.service,
        terminal=_shell(leaf),
        powershell=_powershell(leaf),
        answer=phrase("serial={serial}", serial=leaf.serial_number.upper()) if told else "",
        details=tuple((str(port.number), sentences(_service(port), phrase(port.fact.text))) for port in told),
        why=_WHY if told else "",
        sources=tuple(dict.fromkeys(tag for port in told for tag in port.fact.sources)),
        is_confirmed=all(port.fact.is_confirmed for port in told),
    )


def _service(port: Port) -> Phrase:
    return phrase("{service}.", service=port.service)


def check_scripts(leaf: Leaf) -> Iterator[tuple[str, str]]:
    """Yield name and text of the scripts that check the ports of a certificate: for a shell, for PowerShell."""
    note = f"# Every port answers serial={leaf.serial_number.upper()}, with TLS 1.2 or TLS 1.3 or both."
    shell, powershell = check_files(leaf.purpose)
    if lines := _shell(leaf):
        yield shell, "\n".join(["#!/bin/sh", note, *lines, ""])
    if lines := _powershell(leaf):
        yield powershell, "\r\n".join([note, *lines, ""])


def _shell(leaf: Leaf) -> tuple[str, ...]:
    return tuple(line for node in leaf.nodes for line in shell_lines(node.fqdn, ports_of(node, leaf)))


def _powershell(leaf: Leaf) -> tuple[str, ...]:
    return tuple(line for node in leaf.nodes if (line := powershell_line(node.fqdn, ports_of(node, leaf))))


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
            "This version does not present the certificate, so there is nothing to see of it. Check that sign-in and "
            "the gadgets of agents work as before."
        )
    if not has_ports:
        return phrase(
            "No port is known on which this version shows the certificate. On Certificate Management, the serial "
            "number must be {serial}.",
            serial=leaf.serial_number.upper(),  # as openssl says
        )
    if leaf.covers:
        return (
            "Run the script from the bundle, or paste the lines: they ask each of these nodes. The answer is the same "
            "on every port."
        )
    return "Run the script from the bundle, or paste the lines. The answer is the same on every port."


def _backup(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> Step:
    products = {node.product.id for leaf in leaves for node in leaf.nodes}
    first = [node.fqdn for node in nodes if node.role == node.product.roles[0] and node.product.id in products]
    return Step(
        "Take a DRS backup",
        "DRS (disaster recovery system) backs up the node: the newest backup must contain the new certificate.",
        key=f"backup/{key_of(leaves)}",
        nodes=tuple(first),
        sources=("EXPW", "SEC14"),
    )
