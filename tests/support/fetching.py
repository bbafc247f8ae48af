"""Stands in for what others would fetch: answers by their address, and nothing else is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ca_service.errors import Unreachable
from ca_service.probe.fetching import PROBE_UNREACHABLE

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(slots=True)
class FakeFetcher:
    """The answers by their address; those to a POST are made from its body."""

    gets: dict[str, bytes] = field(default_factory=dict)
    posts: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)

    def get(self, url: str, headers: Mapping[str, str] = _NONE) -> bytes:  # noqa: ARG002 - the port's signature
        """See the port."""
        if url not in self.gets:
            raise _gone(url)
        return self.gets[url]

    def post(self, url: str, body: bytes, content_type: str) -> bytes:  # noqa: ARG002 - the port's signature
        """See the port."""
        if url not in self.posts:
            raise _gone(url)
        return self.posts[url](body)


def _gone(url: str) -> Unreachable:
    return Unreachable.because(PROBE_UNREACHABLE, url=url, reason="it is not running")
