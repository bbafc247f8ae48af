"""The names in the CSR of a node, compared with the node from which it came."""

from __future__ import annotations

from collections.abc import Iterable

from ca_service.pki import names
from ca_service.pki.csr import CertificationRequest
from ca_service.vos.destinations import host_name, is_multi_server


def foreign_names(request: CertificationRequest, host: str, peers: Iterable[str]) -> tuple[str, ...]:
    """Return the names in a CSR that are not those of the node, in their order.

    A node asks for its own name and its parent domain, also as common name with -EC, -ms or -EC-ms behind the host
    name. A multi-server CSR, which its common name shows, also has the names of the `peers`: the nodes of its clusters.
    A common name that is no DNS name counts for nothing: no client compares it with a host.
    """
    nodes = {host}
    if any(map(is_multi_server, request.common_names)):
        nodes.update(peers)
    own = nodes | {node.partition(".")[2] for node in nodes if names.is_dns_name(node)}
    foreign = [text for text in request.names if _value(text) not in own]
    short = {node.partition(".")[0] for node in nodes}
    for name in request.common_names:
        if names.is_dns_name(name) and host_name(name).lower() not in own | short:
            foreign.append(f"CN={name}")
    return tuple(foreign)


def _value(text: str) -> str:
    """Return a name without its type, as it is compared; of a type that no node is called by, all of it."""
    kind, _, value = text.partition(":")
    return value.lower() if kind in ("DNS", "IP") else text
