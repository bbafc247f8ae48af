"""Knows the certificate purposes of a VOS node, in Cisco's words, and the names that nodes give themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose on the upload page: the leaf goes to `service`, its authorities to `trust` first."""

    service: str
    trust: str


TOMCAT_ECDSA: Final = Purpose("tomcat-ECDSA", "tomcat-trust")

# A node puts -EC (one server) or -EC-ms (multi-server) behind its host name, because the EC and the
# RSA certificate live in one trust store that keeps one certificate per name (CUCM Security Guide 14;
# the place of -EC in a single-server name is not confirmed by Cisco's documents).
_SUFFIX: Final = re.compile(r"-(?:EC-ms|EC|ms)\Z")


def host_name(common_name: str) -> str:
    """The name under which clients reach the node: the common name without -EC, -ms, -EC-ms."""
    host, dot, domain = common_name.partition(".")
    return _SUFFIX.sub("", host) + dot + domain
