"""Reverse proxies: the `X-Forwarded-` headers that count, which are those of named peers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("ca_service.web")

_FOR: Final = "HTTP_X_FORWARDED_FOR"
_PROTO: Final = "HTTP_X_FORWARDED_PROTO"
_HOST: Final = "HTTP_X_FORWARDED_HOST"
_SCHEMES: Final = ("http", "https")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class BehindProxies:
    """The application as its clients see it: with their address, scheme and host, as named proxies report them.

    A proxy appends the address of its peer to X-Forwarded-For, or sets the header to it, so only the end of the list
    is reliable. It is read from the right, at most `count` entries: the first that is not itself a named proxy is the
    client. Without a named proxy as peer, no header counts.
    """

    def __init__(self, application: WSGIApplication, count: int, networks: Iterable[str]) -> None:
        self._application = application
        self._count = count
        self._networks: Sequence[Network] = tuple(map(ip_network, networks))
        self._has_warned = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        if self._is_proxy(_address(environ.get("REMOTE_ADDR", ""))):
            self._believe(environ)
        elif _FOR in environ and not self._has_warned:
            self._has_warned = True  # once in each process, because every client can send the header
            _log.warning(
                "X-Forwarded-For from %s is ignored, because web.proxy_networks does not contain this address",
                environ.get("REMOTE_ADDR"),
            )
        return self._application(environ, start_response)

    def _believe(self, environ: WSGIEnvironment) -> None:
        hops, client = self._client(_values(environ, _FOR))
        if client is not None:
            environ["REMOTE_ADDR"] = str(client)
        proto, host = (_of_hop(_values(environ, name), hops) for name in (_PROTO, _HOST))
        if proto in _SCHEMES:
            environ["wsgi.url_scheme"] = proto
        if host:
            environ["HTTP_HOST"] = host

    def _client(self, told: Sequence[str]) -> tuple[int, Address | None]:
        """Return the number of proxies in front, and the address that the outermost of them reports."""
        hops, client = 0, None
        for text in reversed(told[-self._count :]):
            hops += 1
            found = _address(text)
            if found is None:  # a proxy may report "unknown" (RFC 7239, 6.2)
                break
            client = found
            if not self._is_proxy(found):
                break
        return max(1, hops), client

    def _is_proxy(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _values(environ: WSGIEnvironment, name: str) -> list[str]:
    return [value.strip() for value in environ.get(name, "").split(",")] if name in environ else []


def _of_hop(values: Sequence[str], hops: int) -> str:
    """Return the value of the outermost proxy; a proxy that sets the header, and does not append, leaves one value."""
    return values[-min(hops, len(values))] if values else ""


def _address(text: str) -> Address | None:
    """Return the address in `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`, or None. Mapped IPv4 becomes IPv4."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
