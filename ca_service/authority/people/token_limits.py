"""Limits of a new token: scopes, names, profiles and networks, and their validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ca_service.authority.access.allowed_names import as_network, kept_pattern, network_text
from ca_service.authority.access.permissions import PERMISSIONS, SCOPES, Role
from ca_service.authority.people.records import TokenRecord
from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.pki.profiles import LEAF_PROFILES

TOKEN_TOO_MANY_NAMES: Final = Rule(
    "token.too-many-names",
    "You gave {count} names; {limit} are allowed.",
    "Use fewer, wider patterns, or create several tokens.",
)
TOKEN_TOO_MANY_NETWORKS: Final = Rule(
    "token.too-many-networks",
    "You gave {count} networks; {limit} are allowed.",
    "Use fewer, wider networks, or create several tokens.",
)

TOKEN_SCOPES: Final = Rule(
    "token.scopes",
    "The token needs a scope.",
    "Choose one or more: {known}.",
)
TOKEN_FLEET_BOUNDED: Final = Rule(
    "token.fleet-bounded",
    "The scope {scope} cannot be limited to names or profiles: it covers the whole installation.",
    "Remove the scope, or create a separate token for it.",
)
TOKEN_SCOPE_UNKNOWN: Final = Rule(
    "token.scope-unknown",
    "There is no scope \u201c{name}\u201d.",
    "Choose from: {known}.",
)
TOKEN_NAMES: Final = Rule(
    "token.names",
    "\u201c{text}\u201d is no name that a token can be limited to.",
    "Write uccx1.example.com for one host, *.uc.example.com for all below a domain, 10.0.0.5 or "
    "10.0.0.0/24 for addresses; letters other than a to z as xn--...",
)
TOKEN_PROFILES: Final = Rule(
    "token.profiles",
    "There is no profile \u201c{name}\u201d.",
    "Choose from: {known}.",
)
TOKEN_NETWORKS: Final = Rule(
    "token.networks",
    "\u201c{text}\u201d is no network.",
    "Write 10.0.0.0/8, 2001:db8::/32 or a single address; behind the length of the prefix all is zero.",
)

MAX_ENTRIES: Final = 50  # names, and networks, of one token
DEFAULT_SCOPES: Final = ("check", "submit", "read")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """The limits of a token. Empty names, profiles and networks set no limit; at least one scope is needed."""

    scopes: tuple[str, ...] = DEFAULT_SCOPES
    names: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def checked(self) -> TokenLimits:
        """Return the limits in stored form: in order, without duplicates. Raises InvalidInput with every fault."""
        require_none(*_scopes(self), *_names(self.names), *_profiles(self.profiles), *_networks(self.networks))
        return TokenLimits(
            tuple(name for name in SCOPES if name in self.scopes),
            _each_once(kept_pattern(name) for name in self.names),
            tuple(name for name in LEAF_PROFILES if name in self.profiles),
            _each_once(network_text(found) for text in self.networks if (found := as_network(text.strip()))),
        )


def scopes_for(role: Role) -> tuple[str, ...]:
    """Return the scopes with only actions that this role may do."""
    return tuple(name for name, scope in SCOPES.items() if all(role in PERMISSIONS[action] for action in scope.actions))


def known_scopes(token: TokenRecord) -> tuple[str, ...]:
    """Return the scopes of a token to show: those known to this program, in their order."""
    return tuple(name for name in SCOPES if name in token.scopes)


def require_none(*findings: Finding) -> None:
    """Raise InvalidInput with these findings, if there are any."""
    if findings:
        raise InvalidInput(*findings)


def findings_of(*checks: Callable[[], object]) -> Iterator[Finding]:
    """Yield the findings of all checks, each of which may raise InvalidInput."""
    for check in checks:
        try:
            check()
        except InvalidInput as error:
            yield from error.findings


def _each_once(values: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _scopes(limits: TokenLimits) -> Iterator[Finding]:
    known = ", ".join(SCOPES)
    if not limits.scopes:
        yield TOKEN_SCOPES.at("/scopes", known=known)
    for name in limits.scopes:
        if name not in SCOPES:
            yield TOKEN_SCOPE_UNKNOWN.at("/scopes", name=name[:_SHOWN], known=known)
    for name in limits.scopes:
        if name in SCOPES and not SCOPES[name].is_divided and (limits.names or limits.profiles):
            yield TOKEN_FLEET_BOUNDED.at("/scopes", scope=name)


def _names(typed: Sequence[str]) -> Iterator[Finding]:
    yield from _too_many(TOKEN_TOO_MANY_NAMES, "/names", typed)
    for number, text in enumerate(typed):
        if kept_pattern(text) is None:
            yield TOKEN_NAMES.at(f"/names/{number}", text=text[:_SHOWN])


def _profiles(typed: Sequence[str]) -> Iterator[Finding]:
    for name in typed:
        if name not in LEAF_PROFILES:
            yield TOKEN_PROFILES.at("/profiles", name=name[:_SHOWN], known=", ".join(LEAF_PROFILES))


def _networks(typed: Sequence[str]) -> Iterator[Finding]:
    yield from _too_many(TOKEN_TOO_MANY_NETWORKS, "/networks", typed)
    for number, text in enumerate(typed):
        if as_network(text.strip()) is None:
            yield TOKEN_NETWORKS.at(f"/networks/{number}", text=text[:_SHOWN])


def _too_many(rule: Rule, pointer: str, typed: Sequence[str]) -> Iterator[Finding]:
    if len(typed) > MAX_ENTRIES:
        yield rule.at(pointer, count=len(typed), limit=MAX_ENTRIES)
