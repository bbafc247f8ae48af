"""Probes: which certificate the ports of a node present, compared with what was issued here.

A probe of the ports of a slot's nodes moves the slot: to VERIFIED if its certificate is served on every port that
presents it and answers, and back to UPLOADED if one of them presents something else. Ports that do not answer move
nothing. The mark is that of the runbook's step, by the person who asked for the probe. The certificates that a
port presents are kept, one entry for each change.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final, Protocol, cast

from cryptography import x509

from ca_service.authority.access.allowed_names import as_network
from ca_service.authority.access.permissions import Action, Actor, Role, require, require_unbounded
from ca_service.authority.fleet.clusters import CLUSTER_NO_CERTIFICATES, Fleet, cluster_pages
from ca_service.authority.fleet.connections import JOB, Connections, Resolver
from ca_service.authority.fleet.handover import Handover, Line, node_of
from ca_service.authority.fleet.node_slots import NodeSlots
from ca_service.authority.fleet.states import Slot
from ca_service.authority.fleet.store import LeafStore
from ca_service.authority.issuance.store import HostProductStore, Ledger
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.records import RevocationStatus
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.deadline import limited
from ca_service.errors import Busy, InvalidInput, NotFound, Rule
from ca_service.pki import encodings, names
from ca_service.pki.contents import serial_text
from ca_service.vos import experience
from ca_service.vos.products import Port, Release
from ca_service.vos.purposes import TOMCAT_ECDSA
from ca_service.vos.served import DEAD, Handshake, Ours, PortReport, Target, Verdict, fingerprint_of, judge
from ca_service.vos.steps import Node

PROBE_TARGET: Final = Rule(
    "probe.target",
    "\u201c{text}\u201d is not a host with a port.",
    "Write it as uccx1.example.com or uccx1.example.com:8443; an IPv6 address in brackets.",
)
PROBE_COUNT: Final = Rule(
    "probe.count",
    "You named {count} ports to look at. The limit is {limit}.",
    "Name fewer hosts, or single ports.",
)
Reports = Generator[PortReport, None, None]

_PROBER: Final = Actor(None, "service:probe", Role.ADMINISTRATOR, JOB)
_STORING_SECONDS: Final = 10.0  # a probe takes longer than requests may wait, so that storing has a time of its own
MAX_PORTS: Final = 200
#: Where a node of an unknown product may present the certificate of its web server.
_USUAL_PORTS: Final = (443, 7443, 8443, 8444, 8445, 12015)
_TARGET: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\s\[\]]+))(?::(?P<port>\d{1,5}))?")


class Prober(Resolver, Protocol):
    """Connects to ports."""

    def probe(self, ports: Sequence[tuple[Target, str]]) -> Iterator[tuple[Target, tuple[Handshake, ...]]]:
        """Make all handshakes with each port at its address, some ports at a time; yield each port as it is done."""


@dataclass(frozen=True, slots=True)
class Served:
    """The certificate of a port since this moment; `fingerprint` and `serial_number` are empty for none of ours."""

    host: str
    port: int
    verdict: Verdict
    fingerprint: str
    serial_number: str
    at: datetime
    seen_at: datetime


class ServedStore(Protocol):
    """The certificates of ports, one entry for each change."""

    def record(self, found: Sequence[Served]) -> None:
        """Store these: a new entry where verdict or certificate differ from the last one, else when it was seen."""

    def list_served(self, host: str) -> tuple[Served, ...]:
        """Return the entries of a host, newest first, at most a hundred."""


class Probes:
    """Looks at ports, keeps what they present, and moves slots."""

    def __init__(
        self,
        *,
        prober: Prober,
        served: ServedStore,
        ledger: Ledger,
        leaves: LeafStore,
        revocations: RevocationStore,
        trusted: TrustedAuthorities,
        products: HostProductStore,
        fleet: Fleet,
        handover: Handover,
        slots: NodeSlots,
        connections: Connections,
        clock: Clock,
    ) -> None:
        self._prober = prober
        self._served = served
        self._ledger = ledger
        self._leaves = leaves
        self._revocations = revocations
        self._trusted = trusted
        self._products = products
        self._fleet = fleet
        self._handover = handover
        self._slots = slots
        self._connections = connections
        self._clock = clock

    def probe(self, actor: Actor, texts: Sequence[str]) -> Reports:
        """Look at these hosts (all ports of their product) and ports; yield each port as it is done.

        Close it to stop before the end.

        Raises InvalidInput immediately for what is no host, or none that may be looked at, and for too many ports;
        Busy if too many probes are running.
        """
        require(actor, Action.READ)
        require_unbounded(actor)
        return self._probe(actor, self._named(texts))

    def probe_cluster(self, actor: Actor, cluster_id: int) -> Reports:
        """Look at all nodes of a cluster that have a certificate; afterwards its slots are where they belong.

        Raises as `probe` does, and NotFound, also for a cluster without certificates.
        """
        require(actor, Action.FLEET)
        require_unbounded(actor)
        board = self._handover.board(actor, cluster_id)
        targets = [target for line in board.lines for target in _targets_of(line.slot)]
        if not targets:
            raise NotFound.because(CLUSTER_NO_CERTIFICATES)
        reports = self._probe(actor, list({(each.host, each.port): each for each in targets}.values()))
        return self._moving(actor, [(cluster_id, line) for line in board.lines], reports)

    def probe_node(self, actor: Actor, host: str, ports: Sequence[int] = ()) -> Reports:
        """Look at these ports of a host, by default all of its product; afterwards its slots are where they belong.

        A multi-server certificate is left to the probe of its cluster. Raises as `probe` does.
        """
        require(actor, Action.FLEET)
        require_unbounded(actor)
        place = names.bracketed(host)
        texts = [f"{place}:{port}" for port in ports] or [place]
        with limited(_STORING_SECONDS):  # after a run, which takes longer than requests may wait
            targets = self._named(texts)
            lines = [found for found in self._slots.lines(actor, host) if not found[1].slot.covers]
            reports = self._probe(actor, targets)
        return self._moving(actor, lines, reports, targets if ports else ())

    def probe_all(self) -> int:
        """Look at the nodes of all clusters, for the job; return how many ports were looked at.

        Hosts that may not be connected to are left out. If people use all turns, it ends; the next one begins again.
        """
        count = 0
        for cluster in chain.from_iterable(cluster_pages(self._fleet, _PROBER)):
            try:
                count += sum(1 for _ in self.probe_cluster(_PROBER, cluster.id))
            except NotFound:  # it has no certificates, or it was removed
                continue
            except Busy:  # runs and probes of people have all turns: the next round looks again
                break
        return count

    def list_served(self, actor: Actor, host: str) -> tuple[Served, ...]:
        """Return what the ports of a host have presented, newest first."""
        require(actor, Action.READ)
        return self._served.list_served(host.lower())

    def _named(self, texts: Sequence[str]) -> list[Target]:
        """Return the ports that a person has named, each once. The ports of a cluster are limited by its nodes."""
        targets = list(dict.fromkeys(target for text in texts for target in self._targets(text)))
        if not 1 <= len(targets) <= MAX_PORTS:
            raise InvalidInput(PROBE_COUNT.at("/hosts", count=len(targets), limit=MAX_PORTS))
        return targets

    def _targets(self, text: str) -> Iterator[Target]:
        host, port = host_and_port(text)
        node = self._products.find_products([host]).get(host)
        found = node.node(host) if node else None
        known = _ports_of(found) if found else ()
        if port is not None:
            has_agents = found is not None and experience.covers(found)
            yield next((each for each in known if each.port == port), Target(host, port, has_agents=has_agents))
        else:
            yield from known or (Target(host, each) for each in _USUAL_PORTS)

    def _probe(self, actor: Actor, targets: Sequence[Target]) -> Reports:
        reports = self._reports(actor, targets)
        next(reports)  # up to the first connection now: an answer that has begun could not say what is refused
        # Not wrapped: Python 3.12.3 closes a generator that another one reads from only when both are freed.
        return cast(Reports, reports)

    def _reports(self, actor: Actor, targets: Sequence[Target]) -> Generator[PortReport | None, None, None]:
        """Yield None once the addresses are known, and then each report. Raises Busy."""
        found = list[PortReport]()
        with self._connections.turn(actor):
            try:
                ports = self._addressed(actor, targets)
                yield None
                for target, handshakes in self._prober.probe(ports):
                    found.append(judge(target, handshakes, self._find_ours, self._clock()))
                    yield found[-1]
            finally:
                with limited(_STORING_SECONDS):
                    known = [each for each in found if each.verdict is not Verdict.UNKNOWN_HOST]
                    self._served.record([_served(each, self._clock()) for each in known])

    def _addressed(self, actor: Actor, targets: Sequence[Target]) -> list[tuple[Target, str]]:
        """Return the ports with their addresses; of a host that DNS does not know, its first port alone."""
        first = {target.host: target for target in reversed(targets)}
        addresses = self._connections.addresses(actor, first)
        allowed = [(each, addresses[each.host]) for each in targets if each.host in addresses]
        return [(each, address) for each, address in allowed if address or each is first[each.host]]

    def _find_ours(self, leaf: x509.Certificate) -> Ours | None:
        """Return which of our certificates this is, byte for byte, or None."""
        record = self._ledger.find_certificate(serial_text(leaf.serial_number))
        if record is None or record.der != encodings.der(leaf):
            return None
        successor = self._leaves.find_successor(record.serial_number, self._clock())
        revocation = self._revocations.revocations_of([record.serial_number]).get(record.serial_number)
        is_good = RevocationStatus(record, revocation).is_good
        return Ours(
            record.serial_number,
            is_newest=successor is None,
            is_good=is_good,
            has_good_authorities=self._trusted.is_good(record.issuer_id),
        )

    def _moving(
        self,
        actor: Actor,
        lines: Sequence[tuple[int, Line]],
        reports: Reports,
        chosen: Sequence[Target] = (),
    ) -> Reports:
        """Yield the reports, then move the slots; `chosen` are ports that a person named for them."""
        found = list[PortReport]()
        with closing(reports):
            for report in reports:
                found.append(report)
                yield report
        with limited(_STORING_SECONDS):
            for cluster_id, line in lines:
                with suppress(InvalidInput):  # it was renewed meanwhile: the next probe has the new steps
                    self._move(actor, cluster_id, line, found, chosen)

    def _move(
        self, actor: Actor, cluster_id: int, line: Line, reports: Sequence[PortReport], chosen: Sequence[Target]
    ) -> None:
        """Set or remove the marks of a slot by what its ports have presented."""
        slot = line.slot
        if slot.certificate is None or slot.covered_by is not None:
            return
        hosts, targets = {node.fqdn for node in (slot.node, *slot.covers)}, tuple(_targets_of(slot))
        own = {(target.host, target.port) for target in (*targets, *chosen)}
        seen = [
            each
            for each in reports
            if each.target.host in hosts
            and (each.target.host, each.target.port) in own
            and each.target.presents != "RSA"
            and not {handshake.ending for handshake in each.handshakes} <= DEAD
        ]
        expected = {each.host for each in targets if each.presents != "RSA"}
        is_whole = expected <= {each.target.host for each in seen}  # each node that a multi-server certificate is for
        is_served = (
            bool(seen) and is_whole and all(each.serial_number == slot.certificate.serial_number for each in seen)
        )
        if is_served:
            for step in (line.upload_step, line.verify_step):
                self._handover.mark(actor, cluster_id, step, done=True)
        elif seen and slot.verified is not None:
            self._handover.mark(actor, cluster_id, line.verify_step, done=False)


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return host and port of a text. Raises InvalidInput."""
    found = _TARGET.fullmatch(text.strip())
    host = (found["six"] or found["host"]).lower().removesuffix(".") if found else ""
    port = int(found["port"]) if found and found["port"] else None
    is_host = names.is_dns_name(host) or (as_network(host) is not None and "/" not in host)
    if not is_host or not 0 < (1 if port is None else port) < 65536:
        raise InvalidInput(PROBE_TARGET.at("/hosts", text=text[:80]))
    return host, port


def _targets_of(slot: Slot) -> Iterator[Target]:
    """Yield the ports on which the nodes of a slot may present its certificate."""
    if slot.certificate is None or slot.covered_by is not None:
        return
    for record in (slot.node, *slot.covers):
        yield from _ports_of(node_of(record), slot.purpose.service)


def _ports_of(node: Node, purpose: str = "") -> tuple[Target, ...]:
    """Return the ports of a node's product that present certificates, for this purpose or for any."""
    release, has_agents = node.release, experience.covers(node)
    if release is None:
        return tuple(Target(node.fqdn, port) for port in _USUAL_PORTS)
    return tuple(
        Target(node.fqdn, port.number, port.service, port.presents, has_agents, _uses(release, port))
        for port in release.ports
        if purpose in ("", port.purpose) or not port.purpose
    ) or tuple(Target(node.fqdn, port) for port in _USUAL_PORTS)


def _uses(release: Release, port: Port) -> str:
    """Return when the release presents the certificate of its web server; empty for a port of another purpose."""
    return release.uses.text if port.purpose in ("", TOMCAT_ECDSA.service) else ""


def _served(report: PortReport, at: datetime) -> Served:
    target = report.target
    return Served(target.host, target.port, report.verdict, fingerprint_of(report), report.serial_number, at, at)
