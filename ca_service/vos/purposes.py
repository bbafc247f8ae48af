"""The certificate purposes of a VOS node, in Cisco's words.

Those that are signed here, and those that are not with the reason, are data: `data/purposes.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.vos.knowledge import Fact, fact, table

PURPOSE_UNKNOWN: Final = Rule(
    "purpose.unknown",
    "There is no purpose \u201c{service}\u201d here.",
    "Use one of: {known}.",
)
PURPOSE_UNSIGNED: Final = Rule("purpose.unsigned", "{reason}", "{remedy}")


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose on the upload page: the leaf goes to `service`, its authorities to `trust` first.

    `is_multi_server` says whether one certificate can be for all nodes of a cluster, `allows_wildcard` whether Cisco
    asks for a wildcard there, `is_met_by_users` whether browsers or Jabber meet it.
    """

    service: str
    trust: str
    about: Fact
    is_multi_server: bool = True
    allows_wildcard: bool = False
    is_met_by_users: bool = True

    @property
    def trust_unit(self) -> str:
        """The name of the trust store on the command line of a node: tomcat for tomcat-trust."""
        return self.trust.removesuffix("-trust")


@dataclass(frozen=True, slots=True)
class UnsignedPurpose:
    """A purpose whose certificates are not issued here: why, and what to do instead."""

    service: str
    reason: Fact
    remedy: str

    def finding(self, pointer: str = "/purpose") -> Finding:
        """Return the error for a CSR of this purpose."""
        return PURPOSE_UNSIGNED.at(pointer, reason=self.reason.text, remedy=self.remedy)


PURPOSES: Final = {
    row["service"]: Purpose(
        row["service"],
        row["trust"],
        fact(row),
        row.get("is_multi_server", True),
        row.get("allows_wildcard", False),
        row.get("is_met_by_users", True),
    )
    for row in table("purposes")["purpose"]
}
UNSIGNED_PURPOSES: Final = {
    row["service"]: UnsignedPurpose(row["service"], fact(row), row["remedy"]) for row in table("purposes")["unsigned"]
}
TOMCAT_ECDSA: Final = PURPOSES["tomcat-ECDSA"]
CALLMANAGER_ECDSA: Final = PURPOSES["CallManager-ECDSA"]


def get_purpose(service: str, pointer: str = "/purpose") -> Purpose:
    """Return the purpose of this name; raises InvalidInput if there is none, or none that is signed here."""
    if service in UNSIGNED_PURPOSES:
        raise InvalidInput(UNSIGNED_PURPOSES[service].finding(pointer))
    if service not in PURPOSES:
        raise InvalidInput(PURPOSE_UNKNOWN.at(pointer, service=service[:40], known=", ".join(PURPOSES)))
    return PURPOSES[service]
