"""The edges of probes: a prober that answers from a dictionary, and a store that forgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryptography import x509

from ca_service.authority.fleet.probing import Served
from ca_service.vos.served import Ending, Handshake, Offer, Target


@dataclass(slots=True)
class FakeProber:
    """Presents these chains by (host, port); ports without one are closed. Remembers whom it has connected to."""

    chains: dict[tuple[str, int], tuple[x509.Certificate, ...]] = field(default_factory=dict)
    rsa: dict[tuple[str, int], tuple[x509.Certificate, ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    connected: list[tuple[str, int, str]] = field(default_factory=list)
    own: tuple[str, ...] = ()

    def resolve(self, host: str) -> tuple[str, ...]:
        """See the port."""
        return self.addresses.get(host, ("192.0.2.7",))

    def is_own(self, address: str) -> bool:
        """See the port."""
        return address in self.own

    def probe(self, ports: Sequence[tuple[Target, str]]) -> Iterator[tuple[Target, tuple[Handshake, ...]]]:
        """See the port."""
        for target, address in ports:
            self.connected.append((target.host, target.port, address))
            yield target, tuple(self._handshakes((target.host, target.port), address))

    def _handshakes(self, place: tuple[str, int], address: str) -> Iterator[Handshake]:
        if not address:
            yield Handshake(Offer.ECDSA_12, Ending.UNKNOWN_HOST)
            return
        if place not in self.chains and place not in self.rsa:
            yield Handshake(Offer.ECDSA_12, Ending.REFUSED)
            return
        for offer in Offer:
            found = (self.chains if offer.is_ecdsa else self.rsa).get(place, ())
            yield Handshake(offer, Ending.SERVED if found else Ending.DECLINED, found)


class InMemoryServedStore:
    """The port without a database."""

    def __init__(self) -> None:
        self._entries = list[Served]()

    def record(self, found: Sequence[Served]) -> None:
        """See the port."""
        for each in found:
            at = [number for number, old in enumerate(self._entries) if (old.host, old.port) == (each.host, each.port)]
            last = self._entries[at[-1]] if at else None
            if last and (last.verdict, last.fingerprint) == (each.verdict, each.fingerprint):
                self._entries[at[-1]] = replace(last, seen_at=each.seen_at)
            else:
                self._entries.append(each)

    def list_served(self, host: str) -> tuple[Served, ...]:
        """See the port."""
        return tuple(each for each in reversed(self._entries) if each.host == host)[:100]
