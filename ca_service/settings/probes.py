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


Patterns = Annotated[str, BeforeValidator(joined), AfterValidator(_patterns)]


class ProbeSettings(Section):
    """The hosts and addresses that may be looked at, and whether that happens every day."""

    names: Patterns = ""
    networks: Networks = ""
    daily: bool = True

    @property
    def rules(self) -> ProbeRules:
        """Return the rules for targets."""
        return ProbeRules(split(self.names), split(self.networks))
