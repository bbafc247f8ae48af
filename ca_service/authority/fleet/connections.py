"""Connections to nodes: the hosts and addresses that are allowed, and how many connections are open at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Protocol

from ca_service.authority.access.allowed_names import as_network, is_in, not_covered
from ca_service.authority.access.permissions import Actor
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
PROBE_BUSY: Final = Rule(
    "probe.busy",
    "Other connections to nodes are open. Nothing was done.",
    "Try again in {seconds} seconds.",
)

JOB: Final = "job"
_RETRY_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """The hosts and addresses that may be looked at, beside nodes and hosts with a certificate from here.

    Patterns as in the limits of tokens. Without networks, every address but those of this machine, of its links and of
    groups is allowed; with networks, those in one of them.
    """

    names: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


class Resolver(Protocol):
    """Finds addresses."""

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host; none if it is not known."""


class Connections:
    """Decides which hosts are connected to, and lets only some do it at a time."""

    def __init__(
        self,
        *,
        resolver: Resolver,
        ledger: Ledger,
        products: HostProductStore,
        clock: Clock,
        rules: ProbeRules,
        at_a_time: int,
    ) -> None:
        """`at_a_time`: turns in this process, fewer than its threads, because each holds one for minutes."""
        self._resolver = resolver
        self._ledger = ledger
        self._products = products
        self._clock = clock
        self._rules = rules
        self._turns = threading.BoundedSemaphore(at_a_time)

    @contextmanager
    def turn(self, actor: Actor) -> Iterator[None]:
        """Have a turn during this block. Raises Busy if too many have one; job and command line wait."""
        if not self._turns.acquire(blocking=actor.account_id is None):
            raise Busy.because(PROBE_BUSY, seconds=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._turns.release()

    def address(self, actor: Actor, host: str) -> str:
        """Return the one address that is used for all connections with a host; empty if the host is not known.

        Raises InvalidInput for a host or an address that may not be connected to. The operator at the command line of
        this machine could connect anyway.
        """
        is_operator = actor.account_id is None and actor.origin != JOB
        if not is_operator and not self._is_known(host):
            raise InvalidInput(PROBE_HOST.at("/hosts", host=host))
        addresses = self._resolver.resolve(host)
        if not is_operator:
            for address in addresses:
                if not self._is_allowed(address):
                    raise InvalidInput(PROBE_ADDRESS.at("/hosts", host=host, address=address))
        return addresses[0] if addresses else ""

    def _is_known(self, host: str) -> bool:
        kind = "IP" if as_network(host) else "DNS"
        if not not_covered(self._rules.names, [f"{kind}:{host}"], beside_hosts=False):
            return True
        return bool(self._products.find_products([host])) or self._ledger.find_current(host, self._clock()) is not None

    def _is_allowed(self, address: str) -> bool:
        if self._rules.networks:
            return is_in(address, self._rules.networks)
        found = ip_address(address.partition("%")[0])
        found = getattr(found, "ipv4_mapped", None) or found
        return not (found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified)
