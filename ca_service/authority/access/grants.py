"""Limits of a token: its scopes, and the names and profiles that it is restricted to.

A grant only takes away: the role of the account has to allow an action as well. permissions.py lists
which scope allows which actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ca_service.authority.access.allowed_names import not_covered
from ca_service.errors import Finding, Rule
from ca_service.pki.profiles import VOS

TOKEN_NAME: Final = Rule(
    "token.name",
    "This token does not cover {name}.",
    "It covers {allowed}. Use a token that covers every name in the CSR, or create a CSR with fewer names.",
)
TOKEN_NAME_PARENT: Final = Rule(
    "token.name-parent",
    "This token does not cover {name}, the parent domain that a node adds to its CSR.",
    "It covers {allowed}. Create a token that includes the parent domain, or create the CSR with an empty "
    "Parent Domain.",
)

TOKEN_PROFILE: Final = Rule(
    "token.profile",
    "This token may not have certificates of the profile {profile}.",
    "Request the profile {allowed}, or use a token without this limit.",
)

_SHOWN: Final = 5  # names in one sentence


@dataclass(frozen=True, slots=True)
class Grant:
    """The limits of the actor's token. Empty `names` or `profiles` set no limit."""

    token_id: int
    scopes: frozenset[str]
    names: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    def sees(self, profile: str, names: Sequence[str], host: str) -> bool:
        """Return whether a certificate of this profile and with these names may be shown: all of them are allowed."""
        return not any(self.faults(profile, names or (f"DNS:{host}",)))

    def faults(self, profile: str, names: Sequence[str], subject_hosts: Sequence[str] = ()) -> Iterator[Finding]:
        """Yield the reasons why the token may not have a certificate of this profile.

        `names` are its alternative names, `DNS:uccx1.example.com`; `subject_hosts` are the hosts in its
        subject, written alike. A parent domain is never allowed because of a host in the subject.
        """
        if self.profiles and profile not in self.profiles:
            yield _profile(profile, self.profiles)
        if not self.names:
            return
        outside = not_covered(self.names, names, beside_hosts=profile == VOS.name)
        for number, name in enumerate(names):
            if name in outside:
                yield _name(f"/subject_alternative_name/{number}", name, self.names, profile)
        for name in not_covered(self.names, subject_hosts, beside_hosts=False):
            yield _name("/subject", name, self.names, profile)


def _profile(profile: str, allowed: Sequence[str]) -> Finding:
    return TOKEN_PROFILE.at("/profile", profile=profile, allowed=", ".join(allowed))


def _name(pointer: str, name: str, allowed: Sequence[str], profile: str) -> Finding:
    value = name.partition(":")[2]
    rule = TOKEN_NAME_PARENT if _is_parent_domain(value.lower(), allowed, profile) else TOKEN_NAME
    return rule.at(pointer, name=value, allowed=", ".join(allowed[:_SHOWN]) + (" ..." if len(allowed) > _SHOWN else ""))


def _is_parent_domain(name: str, allowed: Sequence[str], profile: str) -> bool:
    """Return whether a node has added this name to its CSR itself: the parent domain of a name that is allowed."""
    return profile == VOS.name and any(each.endswith(f".{name}") and not each.startswith("*") for each in allowed)
