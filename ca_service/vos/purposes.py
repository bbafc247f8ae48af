"""The certificate purposes of a VOS node, in Cisco's words, and the names that nodes give themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ca_service.errors import InvalidInput, Rule

PURPOSE_UNKNOWN: Final = Rule(
    "purpose.unknown",
    "There is no purpose \u201c{service}\u201d here.",
    "Use one of: {known}.",
)


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose on the upload page: the leaf goes to `service`, its authorities to `trust` first."""

    service: str
    trust: str

    @property
    def trust_unit(self) -> str:
        """The name of the trust store on the command line of a node: tomcat for tomcat-trust."""
        return self.trust.removesuffix("-trust")


TOMCAT_ECDSA: Final = Purpose("tomcat-ECDSA", "tomcat-trust")
CALLMANAGER_ECDSA: Final = Purpose("CallManager-ECDSA", "CallManager-trust")
PURPOSES: Final = {purpose.service: purpose for purpose in (TOMCAT_ECDSA, CALLMANAGER_ECDSA)}

# A node puts -EC (one server) or -EC-ms (multi-server) behind its host name, because the EC and the
# RSA certificate live in one trust store that keeps one certificate per name (CUCM Security Guide 14;
# the place of -EC in a single-server name is not confirmed by Cisco's documents).
_SUFFIX: Final = re.compile(r"-(?:EC-ms|EC|ms)\Z")
_MULTI_SERVER: Final = re.compile(r"-(?:EC-)?ms\Z")


def get_purpose(service: str) -> Purpose:
    """Return the purpose of this name; raises InvalidInput if there is none."""
    if service not in PURPOSES:
        raise InvalidInput(PURPOSE_UNKNOWN.at("/purpose", service=service[:40], known=", ".join(PURPOSES)))
    return PURPOSES[service]


def host_name(common_name: str) -> str:
    """Return the name under which clients reach the node: the common name without -EC, -ms, -EC-ms."""
    host, dot, domain = common_name.partition(".")
    return _SUFFIX.sub("", host) + dot + domain


def is_multi_server(common_name: str) -> bool:
    """Return whether the common name says that the request is for all nodes of a cluster."""
    return _MULTI_SERVER.search(common_name.partition(".")[0]) is not None
