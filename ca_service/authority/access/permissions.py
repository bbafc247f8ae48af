"""Permissions: which role may do what, and which scope of a token allows what. The documentation shows this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ca_service.authority.access.grants import Grant
from ca_service.errors import NotAllowed, Rule

TOKEN_SCOPE: Final = Rule(
    "token.scope",
    "This token may not {action}: its scopes are {scopes}.",
    "Use a token with one of these scopes: {needed}.",
)
TOKEN_NO_SCOPE: Final = Rule(
    "token.no-scope",
    "No token may {action}; the scopes of this one are {scopes}.",
    "Sign in and use the pages.",
)

PERMISSION_MISSING: Final = Rule(
    "permission.missing",
    "{name} has the role {role}, which may not {action}.",
    "Ask an administrator for one of these roles: {roles}.",
)
TOKEN_BOUNDED: Final = Rule(
    "token.bounded",
    "This token is limited to some names or profiles. These limits do not apply to clusters or the queue.",
    "Use a token without these limits, or sign in and use the pages.",
)


class Role(StrEnum):
    """The role of an account."""

    REQUESTER = "requester"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Action(StrEnum):
    """An action that needs permission, worded to complete \u201cmay not ...\u201d."""

    CHECK = "check requests"
    ISSUE = "submit requests"
    DECIDE = "approve and refuse requests"
    FLEET = "manage clusters and mark steps"
    REVOKE = "revoke certificates"
    READ = "read certificates"
    METRICS = "read the metrics"
    OWN_ACCOUNT = "manage their own account and its tokens"
    OWN_TOKEN = "see their own token's permissions"  # noqa: S105 - the name of an action
    ACCOUNTS = "manage accounts"
    AUTHORITY = "manage the authority"
    AUDIT = "read the audit log"
    STATUS = "see health checks, jobs and notices"


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
    Action.STATUS: frozenset({Role.ADMINISTRATOR}),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of a token: the actions that it allows, and its description for people.

    `is_divided`: a token limited to names or profiles does and sees only what belongs to these. Another scope has no
    such parts, so it allows nothing to such a token.
    """

    actions: frozenset[Action]
    text: str
    is_divided: bool = True


#: One row per scope. Actions in no scope, such as creating tokens, need a signed-in person.
SCOPES: Final[dict[str, Scope]] = {
    "check": Scope(frozenset({Action.CHECK}), "check CSRs and certificates; nothing is stored"),
    "submit": Scope(frozenset({Action.CHECK, Action.ISSUE}), "check CSRs and have them signed"),
    "read": Scope(frozenset({Action.READ}), "list and fetch certificates"),
    "decide": Scope(frozenset({Action.DECIDE}), "approve and refuse requests"),
    "revoke": Scope(frozenset({Action.REVOKE}), "revoke certificates and release holds"),
    "audit": Scope(frozenset({Action.AUDIT}), "read the audit log", is_divided=False),
    "status": Scope(frozenset({Action.STATUS}), "see health checks, jobs and notices", is_divided=False),
    "metrics": Scope(frozenset({Action.METRICS}), "read the metrics for Prometheus", is_divided=False),
    "fleet": Scope(
        frozenset({Action.CHECK, Action.READ, Action.FLEET}),
        "manage clusters, mark steps, contact nodes",
        is_divided=False,
    ),
}
_EVERY_TOKEN: Final = frozenset({Action.OWN_TOKEN})


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or script that acts. `account_id` is None for the operator at the command line of this machine.

    `origin` is an address or "command line", as the audit log shows it. `token` is the label of the API token
    that was used, or empty; `grant` holds the limits of that token, or None without a token.
    """

    account_id: int | None
    name: str
    role: Role
    origin: str = ""
    grant: Grant | None = None
    token: str = ""


#: The actor of background jobs. The colon distinguishes it from every account.
SERVICE: Final = Actor(None, "service:jobs", Role.AUDITOR, "job")


def require(actor: Actor, action: Action) -> None:
    """Return if the actor may do this. Raises NotAllowed if the role or the scopes of the token do not allow it."""
    if actor.role not in PERMISSIONS[action]:
        raise NotAllowed.because(
            PERMISSION_MISSING,
            name=actor.name,
            role=actor.role.value,
            action=action.value,
            roles=", ".join(sorted(role.value for role in PERMISSIONS[action])),
        )
    if actor.grant is None or action in _EVERY_TOKEN:
        return
    opening = [SCOPES[name] for name in actor.grant.scopes & SCOPES.keys() if action in SCOPES[name].actions]
    if not opening:  # an unknown scope allows nothing
        raise _out_of_scope(actor.grant, action)
    if not any(scope.is_divided for scope in opening):
        require_unbounded(actor)


def may(actor: Actor, action: Action) -> bool:
    """Return whether the actor may do this."""
    try:
        require(actor, action)
    except NotAllowed:
        return False
    return True


def require_unbounded(actor: Actor) -> None:
    """Return unless a token limits the actor to names or profiles, which do not apply here. Raises NotAllowed."""
    if actor.grant is not None and (actor.grant.names or actor.grant.profiles):
        raise NotAllowed.because(TOKEN_BOUNDED)


def _out_of_scope(grant: Grant, action: Action) -> NotAllowed:
    needed = ", ".join(name for name, scope in SCOPES.items() if action in scope.actions)
    values = {"action": action.value, "scopes": ", ".join(sorted(grant.scopes))}
    if not needed:
        return NotAllowed.because(TOKEN_NO_SCOPE, **values)
    return NotAllowed.because(TOKEN_SCOPE, **values, needed=needed)
