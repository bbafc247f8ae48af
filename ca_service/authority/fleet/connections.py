"""Connections to nodes: the hosts and addresses that are allowed, how many are open at a time, one run on a node.

Turns are counted in each process. A run on a node has a lease for all processes as well (run_leases.py).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Protocol

from ca_service.authority.access.allowed_names import as_network, not_covered
from ca_service.authority.access.permissions import Actor
from ca_service.authority.fleet.run_leases import LeaseStore, RunLease
from ca_service.authority.issuance.store import HostProductStore, Ledger
from ca_service.authority.ports import Clock
from ca_service.errors import Busy, InvalidInput, Rule

PROBE_HOST: Final = Rule(
    "probe.host",
    "{host} is not a host that this service looks at.",
    "It looks at the nodes of clusters and at hosts with a certificate from here. The operator can add names to the "
    "settings: probe.names.",
)
PROBE_ADDRESS: Final = Rule(
    "probe.address",
    "{host} has the address {address}, which this service does not connect to.",
    "The operator can allow it in the settings: probe.networks.",
)
NODE_PORT: Final = Rule(
    "node.port",
    "Port {port} of {host} is none on which this service looks for the API of a node.",
    "Use one of these: {ports}. The operator can allow others in the settings: probe.api_ports.",
)
PROBE_BUSY: Final = Rule(
    "probe.busy",
    "Other connections to nodes are open. Nothing was done.",
    "Try again in {seconds} seconds.",
)

JOB: Final = "job"
_NAMES_AT_A_TIME: Final = 16
API_PORTS: Final = (443, 8443)
_RETRY_SECONDS: Final = 20
_JOB_SECONDS: Final = 5.0  # all jobs run in one thread, and others are due
#: Never a node: what leads to another address, as NAT64 does, what is reserved, and the metadata of cloud providers.
_NEVER: Final = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
            # EC2, Alibaba, Azure, Oracle, Google; the others use a link-local address
            *("fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd20:ce::254/128"),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """The hosts and addresses that may be looked at, beside nodes and hosts with a certificate from here.

    Patterns as in the limits of tokens. Without networks, every address is allowed but those of this machine, links,
    groups, what is reserved, what leads to another address, and the metadata of cloud providers; with networks, those
    in one of them. The exceptions are allowed only by a network that has one address, or no address of a node.
    `api_ports` are those of the API of nodes; none for all.
    """

    names: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    api_ports: tuple[int, ...] = API_PORTS


class Resolver(Protocol):
    """Finds addresses."""

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host; none if it is not known."""

    def is_own(self, address: str) -> bool:
        """Return whether the address is one of this machine, on any of its interfaces."""


class Connections:
    """Decides which hosts are connected to, and lets only some do it at a time."""

    def __init__(
        self,
        *,
        resolver: Resolver,
        ledger: Ledger,
        products: HostProductStore,
        leases: LeaseStore,
        clock: Clock,
        rules: ProbeRules,
        at_a_time: int,
    ) -> None:
        """`at_a_time`: turns in this process, fewer than its threads, because each holds one for minutes."""
        self._resolver = resolver
        self._ledger = ledger
        self._products = products
        self._leases = leases
        self._clock = clock
        self._rules = rules
        self._turns = threading.BoundedSemaphore(at_a_time)
        self._job_seconds = _JOB_SECONDS

    @contextmanager
    def turn(self, actor: Actor) -> Iterator[None]:
        """Have a turn during this block.

        Raises Busy if too many have one; the job waits for some seconds, the command line until it has one.
        """
        if actor.origin == JOB:
            has_turn = self._turns.acquire(timeout=self._job_seconds)
        else:
            has_turn = self._turns.acquire(blocking=actor.account_id is None)
        if not has_turn:
            raise Busy.because(PROBE_BUSY, seconds=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def run_turn(self, actor: Actor, host: str, identities: Collection[str]) -> Iterator[RunLease]:
        """Have a turn for the only run on a node with these identities, in all processes.

        Raises Busy as `turn` does, and for another run.
        """
        lease = RunLease(self._leases, self._clock, host, identities)
        with self.turn(actor):
            try:
                lease.take()
                yield lease
            finally:
                lease.release()

    def address(self, actor: Actor, host: str) -> str:
        """Return the one address that is used for all connections with a host; empty if the host is not known.

        Raises InvalidInput for a host or an address that may not be connected to. The operator at the command line of
        this machine could connect anyway.
        """
        self._require_known(actor, host)
        return self._first(actor, host, self._resolver.resolve(host))

    def addresses(self, actor: Actor, hosts: Collection[str]) -> dict[str, str]:
        """Return the address of each host, looked up at the same time, because a name server may be slow.

        Raises as `address` does, but leaves out hosts to which the job may not connect.
        """
        found, known = dict[str, str](), list[str]()
        for host in hosts:
            with _leaving_out(actor):
                self._require_known(actor, host)
                known.append(host)
        with ThreadPoolExecutor(_NAMES_AT_A_TIME, thread_name_prefix="resolve") as pool:
            for host, addresses in zip(known, pool.map(self._resolver.resolve, known), strict=True):
                with _leaving_out(actor):
                    found[host] = self._first(actor, host, addresses)
        return found

    def _require_known(self, actor: Actor, host: str) -> None:
        if not _is_operator(actor) and not self._is_known(host):
            raise InvalidInput(PROBE_HOST.at("/hosts", host=host))

    def _first(self, actor: Actor, host: str, addresses: Sequence[str]) -> str:
        """Return the first address, or empty. Raises InvalidInput if one of them may not be connected to."""
        for address in addresses:
            if not _is_operator(actor) and not self._is_allowed(address):
                raise InvalidInput(PROBE_ADDRESS.at("/hosts", host=host, address=address))
        return addresses[0] if addresses else ""

    def require_api_port(self, actor: Actor, host: str, port: int) -> None:
        """Raise InvalidInput for a port on which the API of a node is not looked for."""
        if self._rules.api_ports and port not in self._rules.api_ports and not _is_operator(actor):
            ports = ", ".join(map(str, self._rules.api_ports))
            raise InvalidInput(NODE_PORT.at("/port", host=host, port=port, ports=ports))

    def _is_known(self, host: str) -> bool:
        kind = "IP" if as_network(host) else "DNS"
        if not not_covered(self._rules.names, [f"{kind}:{host}"], beside_hosts=False):
            return True
        return bool(self._products.find_products([host])) or self._ledger.find_current(host, self._clock()) is not None

    def _is_allowed(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        found = getattr(found, "ipv4_mapped", None) or found
        networks = [network for network in map(ip_network, self._rules.networks) if found in network]
        is_special = found.is_loopback or found.is_link_local or found.is_multicast or found.is_reserved
        if is_special or any(found in never for never in _NEVER) or self._resolver.is_own(str(found)):
            return any(_is_meant(network) for network in networks)
        return bool(networks) or not self._rules.networks


def _is_meant(network: IPv4Network | IPv6Network) -> bool:
    """Return whether a network allows what is no node: it has one address, or no address of a node.

    The network of the nodes often has this machine in it, and 0.0.0.0/0 has everything.
    """
    has_no_node = any(network[0] in never and network[-1] in never for never in _NEVER)
    return network.num_addresses == 1 or network.is_loopback or network.is_link_local or has_no_node


def _leaving_out(actor: Actor) -> AbstractContextManager[None]:
    """Leave out a host that is refused, for the job; people get the error."""
    return suppress(InvalidInput) if actor.origin == JOB else nullcontext()


def _is_operator(actor: Actor) -> bool:
    return actor.account_id is None and actor.origin != JOB
