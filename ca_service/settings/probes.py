"""Settings of probes: the hosts and addresses that this service connects to."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from ca_service.authority.access.allowed_names import kept_pattern
from ca_service.authority.fleet.connections import ProbeRules
from ca_service.settings.notices import Networks
from ca_service.settings.section import Section, joined, split


def _patterns(value: str) -> str:
    found = [kept_pattern(part) for part in split(value)]
    if None in found:
        raise ValueError("must be host names, such as uccx1.example.com, *.uc.example.com, 192.0.2.7")
    return ", ".join(part for part in found if part)


def _ports(value: str) -> str:
    found = split(value)
    if not all(part.isascii() and part.isdigit() and len(part) <= 5 and 0 < int(part) < 65536 for part in found):
        raise ValueError("must be ports, such as 443, 8443")
    return ", ".join(found)


Ports = Annotated[str, BeforeValidator(joined), AfterValidator(_ports)]
Patterns = Annotated[str, BeforeValidator(joined), AfterValidator(_patterns)]


class ProbeSettings(Section):
    """The hosts, addresses and ports of APIs that may be looked at, and whether that happens every day."""

    names: Patterns = ""
    networks: Networks = ""
    api_ports: Ports = "443, 8443"
    daily: bool = True

    @property
    def rules(self) -> ProbeRules:
        """Return the rules for targets."""
        return ProbeRules(split(self.names), split(self.networks), tuple(map(int, split(self.api_ports))))
