"""Knows which role may do what; the one table, which the README shows and the doors ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ca_service.errors import NotAllowed


class Role(StrEnum):
    """What a person or a token is trusted with."""

    REQUESTER = "requester"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Action(StrEnum):
    """What can be done here."""

    CHECK = "check requests"
    ISSUE = "issue certificates"
    FLEET = "manage clusters and mark steps"
    REVOKE = "revoke certificates"
    READ = "read certificates"
    OWN_ACCOUNT = "manage the own account and its tokens"
    ACCOUNTS = "manage accounts"
    AUTHORITY = "manage the authority"


_EVERYBODY: Final = frozenset(Role)
_EVERYBODY_BUT_AUDITORS: Final = _EVERYBODY - {Role.AUDITOR}
PERMISSIONS: Final[dict[Action, frozenset[Role]]] = {
    Action.CHECK: _EVERYBODY,
    Action.READ: _EVERYBODY,
    Action.OWN_ACCOUNT: _EVERYBODY,
    Action.ISSUE: _EVERYBODY_BUT_AUDITORS,
    Action.FLEET: _EVERYBODY_BUT_AUDITORS,
    Action.REVOKE: frozenset({Role.APPROVER, Role.ADMINISTRATOR}),
    Action.ACCOUNTS: frozenset({Role.ADMINISTRATOR}),
    Action.AUTHORITY: frozenset({Role.ADMINISTRATOR}),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting. `account_id` is None for the operator at the command line of this machine.

    `origin` is from where, as the record shows it: an address, "command line".
    """

    account_id: int | None
    name: str
    role: Role
    origin: str = ""


def require(actor: Actor, action: Action) -> None:
    """Let the actor go on, or raise NotAllowed."""
    if actor.role not in PERMISSIONS[action]:
        raise NotAllowed.because(
            "permission.missing",
            "{name} has the role {role}, which may not {action}.",
            "Ask an administrator for a role that may: {roles}.",
            name=actor.name,
            role=actor.role.value,
            action=action.value,
            roles=", ".join(sorted(role.value for role in PERMISSIONS[action])),
        )
