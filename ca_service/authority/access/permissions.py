"""Knows which role may do what, and which scope of a token opens what; the one table, which the README shows
and the doors ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ca_service.authority.access.grants import Grant
from ca_service.errors import NotAllowed, Rule

TOKEN_SCOPE: Final = Rule(
    "token.scope",
    "This token does not permit {action}: its scopes are {scopes}.",
    "Use a token with one of these scopes: {needed}.",
)
TOKEN_NO_SCOPE: Final = Rule(
    "token.no-scope",
    "No token permits {action}; the scopes of this one are {scopes}.",
    "Sign in and use the pages.",
)

PERMISSION_MISSING: Final = Rule(
    "permission.missing",
    "{name} has the role {role}, which may not {action}.",
    "Ask an administrator for a role that may: {roles}.",
)
TOKEN_BOUNDED: Final = Rule(
    "token.bounded",
    "This token is for some names or profiles only; clusters and the queue are not divided by those.",
    "Use a token without such limits, or sign in and use the pages.",
)


class Role(StrEnum):
    """What a person or a token is trusted with."""

    REQUESTER = "requester"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Action(StrEnum):
    """What can be done here."""

    CHECK = "check requests"
    ISSUE = "submit requests"
    DECIDE = "approve and refuse requests"
    FLEET = "manage clusters and mark steps"
    REVOKE = "revoke certificates"
    READ = "read certificates"
    METRICS = "read the metrics"
    OWN_ACCOUNT = "manage the own account and its tokens"
    OWN_TOKEN = "see what the own token may"  # noqa: S105 - the name of an action
    ACCOUNTS = "manage accounts"
    AUTHORITY = "manage the authority"
    AUDIT = "read the record"


_EVERYBODY: Final = frozenset(Role)
_EVERYBODY_BUT_AUDITORS: Final = _EVERYBODY - {Role.AUDITOR}
PERMISSIONS: Final[dict[Action, frozenset[Role]]] = {
    Action.CHECK: _EVERYBODY,
    Action.READ: _EVERYBODY,
    Action.METRICS: _EVERYBODY,
    Action.OWN_ACCOUNT: _EVERYBODY,
    Action.OWN_TOKEN: _EVERYBODY,
    Action.ISSUE: _EVERYBODY_BUT_AUDITORS,
    Action.FLEET: _EVERYBODY_BUT_AUDITORS,
    Action.REVOKE: frozenset({Role.APPROVER, Role.ADMINISTRATOR}),
    Action.DECIDE: frozenset({Role.APPROVER, Role.ADMINISTRATOR}),
    Action.ACCOUNTS: frozenset({Role.ADMINISTRATOR}),
    Action.AUTHORITY: frozenset({Role.ADMINISTRATOR}),
    Action.AUDIT: frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token can be good for: the actions that it opens, and how a person is told."""

    actions: frozenset[Action]
    text: str


#: A row for each scope. What stands in none of them is done by people only, such as making tokens.
SCOPES: Final[dict[str, Scope]] = {
    "check": Scope(frozenset({Action.CHECK}), "check requests and certificates; nothing is stored"),
    "submit": Scope(frozenset({Action.CHECK, Action.ISSUE}), "check requests and have them signed"),
    "read": Scope(frozenset({Action.READ}), "list and fetch certificates"),
    "decide": Scope(frozenset({Action.DECIDE}), "approve and refuse requests"),
    "revoke": Scope(frozenset({Action.REVOKE}), "revoke certificates, and end holds"),
    "audit": Scope(frozenset({Action.AUDIT}), "read the record of what has happened"),
    "metrics": Scope(frozenset({Action.METRICS}), "read the metrics for Prometheus"),
    "fleet": Scope(frozenset({Action.CHECK, Action.READ, Action.FLEET}), "manage clusters and mark steps"),
}
_EVERY_TOKEN: Final = frozenset({Action.OWN_TOKEN})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting. `account_id` is None for the operator at the command line of this machine.

    `origin` is from where, as the record shows it: an address, "command line". `token` is the label of the API
    token that was shown, empty without one; `grant` is what that token may, None for everything that the role may.
    """

    account_id: int | None
    name: str
    role: Role
    origin: str = ""
    grant: Grant | None = None
    token: str = ""


#: The actor of background jobs. The colon keeps it apart from accounts.
SERVICE: Final = Actor(None, "service:jobs", Role.AUDITOR, "job")


def require(actor: Actor, action: Action) -> None:
    """Let the actor go on, or raise NotAllowed: the role may not, or the token has no scope for it."""
    if actor.role not in PERMISSIONS[action]:
        raise NotAllowed.because(
            PERMISSION_MISSING,
            name=actor.name,
            role=actor.role.value,
            action=action.value,
            roles=", ".join(sorted(role.value for role in PERMISSIONS[action])),
        )
    if actor.grant is not None and not _opens(actor.grant, action):
        raise _out_of_scope(actor.grant, action)


def require_unbounded(actor: Actor) -> None:
    """Let the actor go on, or raise NotAllowed: a token bounds names or profiles, by which nothing here is divided."""
    if actor.grant is not None and (actor.grant.names or actor.grant.profiles):
        raise NotAllowed.because(TOKEN_BOUNDED)


def _opens(grant: Grant, action: Action) -> bool:
    """Whether one of the scopes opens the action; a scope that is not known here opens nothing."""
    return action in _EVERY_TOKEN or any(action in SCOPES[scope].actions for scope in grant.scopes & SCOPES.keys())


def _out_of_scope(grant: Grant, action: Action) -> NotAllowed:
    needed = ", ".join(name for name, scope in SCOPES.items() if action in scope.actions)
    values = {"action": action.value, "scopes": ", ".join(sorted(grant.scopes))}
    if not needed:
        return NotAllowed.because(TOKEN_NO_SCOPE, **values)
    return NotAllowed.because(TOKEN_SCOPE, **values, needed=needed)
