"""Names that a token may be limited to: how they are written, and which names they cover.

A plain name covers itself. `*.uc.example.com` covers every name below uc.example.com, one label or
several, but not uc.example.com itself: the limit is a part of the name space, like a delegation in DNS.
An address or a network covers addresses. Case is ignored. Names are compared as certificates hold them:
letters outside ASCII are written as A-labels (xn--..., RFC 5890).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from ca_service.pki import names

Network = IPv4Network | IPv6Network
_WILD: Final = "*."


def kept_pattern(typed: str) -> str | None:
    """Return the pattern in stored form, or None if it is not a pattern."""
    text = typed.strip().lower().removesuffix(".")
    network = as_network(text)
    if network is not None:
        return network_text(network)
    return text if names.is_dns_name(text.removeprefix(_WILD)) else None


def as_network(text: str) -> Network | None:
    """Return the network, or a single address as a network; None for anything else, such as 10.0.0.5/8."""
    if "%" in text:  # a zone is valid on one machine only
        return None
    try:
        return ip_network(text)
    except ValueError:
        return None


def network_text(network: Network) -> str:
    """Return the network as people write it: a single address without its prefix length."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def is_in(address: str, networks: Iterable[str]) -> bool:
    """Return whether one of these networks contains the address of a socket; False for an invalid address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found  # ::ffff:10.0.0.5, on a socket for both IP versions
    return any(found in network for network in map(as_network, networks) if network is not None)


def not_covered(patterns: Sequence[str], named: Sequence[str], *, beside_hosts: bool) -> tuple[str, ...]:
    """Return the names (`DNS:uccx1.example.com`, `IP:10.0.0.5`) that no pattern covers, in their order.

    With `beside_hosts` the pattern `*.example.com` covers `example.com` as well, but only beside a name
    below it: a VOS node puts its parent domain into every CSR and refuses a certificate without it.
    """
    covered = [name for name in named if any(_covers(pattern, name) for pattern in patterns)]
    parents = {_parent(pattern) for pattern in patterns if any(_covers(pattern, name) for name in covered)}
    also = parents if beside_hosts else set()
    return tuple(name for name in named if name not in covered and _folded(name) not in also)


def fragments(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return texts of which every covered name contains one, except for addresses in a network."""
    return tuple(pattern.removeprefix(_WILD) for pattern in patterns if not _is_wide(pattern))


def have_networks(patterns: Sequence[str]) -> bool:
    """Return whether one of the patterns is a network of more than one address."""
    return any(map(_is_wide, patterns))


def _is_wide(pattern: str) -> bool:
    network = as_network(pattern)
    return network is not None and network.num_addresses > 1


def _parent(pattern: str) -> str:
    """Return the domain of a wildcard, or an empty string for any other pattern."""
    return f"dns:{pattern.removeprefix(_WILD)}" if pattern.startswith(_WILD) else ""


def _covers(pattern: str, name: str) -> bool:
    kind, _, value = _folded(name).partition(":")
    if kind == "ip":
        return is_in(value, (pattern,))
    if kind != "dns":
        return False
    if not pattern.startswith(_WILD):
        return value == pattern
    return value.endswith(pattern.removeprefix("*")) and names.is_dns_name(
        value.removeprefix(_WILD)
    )  # not bank.com/.a.b


def _folded(name: str) -> str:
    return name.lower().removesuffix(".")
