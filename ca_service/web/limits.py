"""Limits of connections: how many there are, how much they hold in memory, and how long they may wait."""

from __future__ import annotations

import ipaddress
import resource
from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024 * 1024
_HELD_BYTES: Final = 128 * _MIB
_FILES_OF_PROCESS: Final = 64
_FILES_OF_THREAD: Final = 16  # a database connection has three; certificates and templates are read from files
_MAX_CONNECTIONS: Final = 4096
_MAX_OF_ADDRESS: Final = 256
_NETWORK_OF_CLIENT: Final = 64  # bits: with IPv6, one client has a whole network


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one worker: connections, bytes in memory, and how long a connection may wait in a state (seconds).

    A client that sends a body or takes an answer has `grace` seconds, and one more for each `bytes_per_second` that it
    has moved. `ahead_bytes` of a streamed answer are made before its client takes them; then its thread waits, see
    `Outbox`.
    """

    connections: int = 1000
    connections_of_address: int = 250
    caps_loopback: bool = False
    caps_addresses: bool = True
    body_bytes: int = 4 * _MIB
    held_bytes: int = _HELD_BYTES
    ahead_bytes: int = 8 * _MIB
    bytes_per_second: int = 4096
    ahead_bytes_per_second: int = 256 * 1024
    head: float = 10
    body: float = 60
    kept_alive: float = 5
    grace: float = 10
    linger: float = 2
    stop: float = 1

    @classmethod
    def of(cls, threads: int, max_upload_bytes: int, *, files: int, is_behind_proxy: bool) -> Limits:
        """Return the limits of a worker: as many connections as its limit of open files leaves room for.

        Behind a proxy all connections come from its address, so no address has a cap: the proxy knows the clients.
        """
        room = files - _FILES_OF_PROCESS - _FILES_OF_THREAD * threads
        is_unlimited = files == resource.RLIM_INFINITY
        connections = _MAX_CONNECTIONS if is_unlimited else max(2 * threads, min(_MAX_CONNECTIONS, room))
        return cls(
            connections=connections,
            connections_of_address=max(threads, min(_MAX_OF_ADDRESS, connections // 4)),
            caps_addresses=not is_behind_proxy,
            body_bytes=max_upload_bytes,
            held_bytes=max(_HELD_BYTES, 8 * max_upload_bytes),
        )

    def capped(self, address: str) -> str:
        """Return the client that this address counts for: itself, or its IPv6 network; empty: there is no cap.

        Loopback has none: a proxy on this machine, or programs of the operator, which would shut out one another.
        """
        parsed = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        if not self.caps_addresses or (mapped.is_loopback and not self.caps_loopback):
            return ""
        if mapped.version == 4:
            return str(mapped)
        return str(ipaddress.ip_network((mapped, _NETWORK_OF_CLIENT), strict=False))
