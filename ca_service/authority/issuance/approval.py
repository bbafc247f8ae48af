"""Approval rules: they approve a request without a person, they are data, and they explain themselves.

A rule says whom and what it covers. Every condition that it states must be met; the first rule that matches decides.
If none matches, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ca_service.authority.access.permissions import Actor, Role
from ca_service.errors import Finding, Rule, Severity
from ca_service.pki.names import is_dns_name

APPROVAL_NAMES: Final = Rule(
    "approval.names",
    "every name is covered by {names}",
    "",
    Severity.NOTE,
)
APPROVAL_ACCOUNT: Final = Rule(
    "approval.account",
    "the requester is {name}",
    "",
    Severity.NOTE,
)
APPROVAL_ROLE: Final = Rule(
    "approval.role",
    "the requester has the role {role}",
    "",
    Severity.NOTE,
)
APPROVAL_TOKEN: Final = Rule(
    "approval.token",
    "the request was sent with the token \u201c{token}\u201d",
    "",
    Severity.NOTE,
)
APPROVAL_PROFILE: Final = Rule(
    "approval.profile",
    "the profile is one of {profiles}",
    "",
    Severity.NOTE,
)
APPROVAL_OPERATOR: Final = Rule(
    "approval.operator",
    "the requester is the operator of this machine",
    "",
    Severity.NOTE,
)

_BELOW: Final = "*."
_DNS: Final = "DNS:"


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """A rule that approves automatically. An empty condition always holds.

    `names` are DNS names: `uc.example.com` covers itself, `*.uc.example.com` everything below it. Together they must
    cover every name of the certificate, including the parent domain that a VOS node adds. They never cover `claims`.
    `tokens` are labels.
    """

    name: str
    profiles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    accounts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


#: The rules if the settings have none: approvers need no approval for their own requests.
DEFAULT_RULES: Final = (ApprovalRule("approvers", roles=(Role.APPROVER, Role.ADMINISTRATOR)),)


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts for the rules: the profile, each name as `DNS:uccx1.example.com`, the hosts of the common names.

    `claims` are the parts of the subject by which a server may grant rights to a client, such as `O=admins`;
    `was_refused` says that a person has refused this very CSR.
    """

    profile: str
    names: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    was_refused: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """An automatic approval: the rule, and the reasons that match its conditions."""

    rule: str
    reasons: tuple[Finding, ...]


def find_approval(rules: Sequence[ApprovalRule], actor: Actor, asked: Asked) -> Approval | None:
    """Return the rule that approves the request automatically, or None if a person must decide.

    The local operator is always approved: they can read the keys anyway. No rule overrides the decision of a person.
    """
    if actor.account_id is None:
        return Approval("operator", (APPROVAL_OPERATOR.at(),))
    if asked.was_refused:
        return None
    return next(
        (Approval(rule.name, tuple(_reasons(rule, actor))) for rule in rules if _holds(rule, actor, asked)), None
    )


def in_words(reasons: Sequence[Finding]) -> str:
    """Return the reasons on one line of English: `the requester is anna and the profile is one of vos`."""
    return " and ".join(reason.detail for reason in reasons)


def is_pattern(text: str) -> bool:
    """Return whether this is valid in `ApprovalRule.names`."""
    return is_dns_name(text.removeprefix(_BELOW))


def _holds(rule: ApprovalRule, actor: Actor, asked: Asked) -> bool:
    named = (
        (rule.profiles, asked.profile),
        (rule.roles, actor.role),
        (rule.accounts, actor.name),
        (rule.tokens, actor.token),
    )
    if asked.claims and (rule.names or _is_limited(actor)):
        return False
    return all(not wanted or found in wanted for wanted, found in named) and _covers(rule.names, asked)


def _is_limited(actor: Actor) -> bool:
    """Return whether the token of the actor is limited to names of hosts."""
    return actor.grant is not None and bool(actor.grant.names)


def _covers(patterns: Sequence[str], asked: Asked) -> bool:
    """Return whether all names are covered. An address, or text that is no name, never is."""
    if not patterns:
        return True
    names = [name.removeprefix(_DNS) if name.startswith(_DNS) else "" for name in asked.names]
    return bool(names) and all(any(_is_under(name, each) for each in patterns) for name in (*names, *asked.hosts))


def _is_under(name: str, pattern: str) -> bool:
    name, pattern = name.lower(), pattern.lower()
    if not is_dns_name(name.removeprefix(_BELOW)):
        return False
    return name.endswith(pattern[1:]) if pattern.startswith(_BELOW) else name == pattern


def _reasons(rule: ApprovalRule, actor: Actor) -> Iterator[Finding]:
    if rule.names:
        yield APPROVAL_NAMES.at(names=", ".join(rule.names))
    if rule.accounts:
        yield APPROVAL_ACCOUNT.at(name=actor.name)
    if rule.roles:
        yield APPROVAL_ROLE.at(role=actor.role.value)
    if rule.tokens:
        yield APPROVAL_TOKEN.at(token=actor.token)
    if rule.profiles:
        yield APPROVAL_PROFILE.at(profiles=", ".join(rule.profiles))
