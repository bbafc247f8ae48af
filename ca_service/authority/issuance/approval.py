"""Knows the rules by which a request is approved without a person: they are data, and they explain themselves.

A rule says for whom and for what it holds. Each condition that it names has to be met, those that it does not
name hold for everybody; the first rule that holds decides. Where none does, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ca_service.authority.access.permissions import Actor, Role
from ca_service.errors import Finding, note
from ca_service.pki.names import is_dns_name

_BELOW: Final = "*."
_DNS: Final = "DNS:"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is approved automatically. An empty condition is none.

    `names` are DNS names: `uc.example.com` covers itself, `*.uc.example.com` everything below it. They have to
    cover every name of the certificate, the parent domain that a VOS node puts in as well. `tokens` are labels.
    """

    name: str
    profiles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    accounts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


#: What holds where the settings say nothing else: who may approve the requests of others gets their own at once.
DEFAULT_RULES: Final = (Rule("approvers", roles=(Role.APPROVER, Role.ADMINISTRATOR)),)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule looks at: the profile, each name as `DNS:uccx1.example.com`, and the hosts of the common names."""

    profile: str
    names: tuple[str, ...]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """Why a request needs no person: the rule, and what of it was met."""

    rule: str
    reasons: tuple[Finding, ...]


def find_approval(rules: Sequence[Rule], actor: Actor, asked: Asked) -> Approval | None:
    """Why the actor gets this at once; None where a person has to decide.

    The operator at the command line of this machine always does: whoever can read the keys needs nobody's leave.
    """
    if actor.account_id is None:
        return Approval("operator", (note("approval.operator", "", "the operator of this machine asks"),))
    return next(
        (Approval(rule.name, tuple(_reasons(rule, actor))) for rule in rules if _holds(rule, actor, asked)), None
    )


def in_words(reasons: Sequence[Finding]) -> str:
    """The reasons in one line of English: `the requester is anna and the profile is one of vos`."""
    return " and ".join(reason.detail for reason in reasons)


def is_pattern(text: str) -> bool:
    """Whether this can stand in `Rule.names`."""
    return is_dns_name(text.removeprefix(_BELOW))


def _holds(rule: Rule, actor: Actor, asked: Asked) -> bool:
    named = (
        (rule.profiles, asked.profile),
        (rule.roles, actor.role),
        (rule.accounts, actor.name),
        (rule.tokens, actor.token),
    )
    return all(not wanted or found in wanted for wanted, found in named) and _covers(rule.names, asked)


def _covers(patterns: Sequence[str], asked: Asked) -> bool:
    """Whether all names are covered. An address, or what is no name at all, never is."""
    if not patterns:
        return True
    names = [name.removeprefix(_DNS) if name.startswith(_DNS) else "" for name in asked.names]
    return bool(names) and all(any(_is_under(name, each) for each in patterns) for name in (*names, *asked.hosts))


def _is_under(name: str, pattern: str) -> bool:
    name, pattern = name.lower(), pattern.lower()
    if not is_dns_name(name.removeprefix(_BELOW)):
        return False
    return name.endswith(pattern[1:]) if pattern.startswith(_BELOW) else name == pattern


def _reasons(rule: Rule, actor: Actor) -> Iterator[Finding]:
    if rule.names:
        yield note("approval.names", "", "every name is covered by {names}", names=", ".join(rule.names))
    if rule.accounts:
        yield note("approval.account", "", "the requester is {name}", name=actor.name)
    if rule.roles:
        yield note("approval.role", "", "the requester has the role {role}", role=actor.role.value)
    if rule.tokens:
        yield note("approval.token", "", "it came with the token \u201c{token}\u201d", token=actor.token)
    if rule.profiles:
        yield note("approval.profile", "", "the profile is one of {profiles}", profiles=", ".join(rule.profiles))
