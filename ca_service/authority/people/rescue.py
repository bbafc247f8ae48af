"""Knows how somebody who is locked out is let in again.

A reset does four things, each of which can be repeated: it voids the password and makes a link, which
ends all sessions, in one transaction; then it forgets second factors, known browsers and failures. A
crash in between leaves an account that nobody can enter with what was known before; run it again.
"""

from __future__ import annotations

from datetime import datetime

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.factors import SecondFactors
from ca_service.authority.people.links import Links, NewLink
from ca_service.authority.people.sessions import Sessions
from ca_service.authority.people.store import AttemptStore
from ca_service.authority.people.throttle import subject_of
from ca_service.authority.ports import Clock


class Rescue:
    """What an administrator does for others."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        accounts: Accounts,
        sessions: Sessions,
        factors: SecondFactors,
        links: Links,
        clock: Clock,
    ) -> None:
        self._attempts = attempts
        self._accounts = accounts
        self._sessions = sessions
        self._factors = factors
        self._links = links
        self._clock = clock

    def waits_until(self, actor: Actor, name: str) -> datetime | None:
        """Until when somebody has to wait before the next attempt at this account, if anybody has."""
        account = self._accounts.managed(actor, name)
        return self._attempts.waits_until(subject_of(account.name), self._clock())

    def unlock(self, actor: Actor, name: str) -> None:
        """End the wait after failed attempts, wherever they came from; raises NotFound."""
        require(actor, Action.ACCOUNTS)
        account = self._accounts.get(name)
        event = AuditEvent.by(actor, self._clock(), Event.ACCOUNT_UNLOCKED, account.name)
        self._attempts.unlock(subject_of(account.name), event)

    def reset_factors(self, actor: Actor, name: str) -> None:
        """Forget the second factors of somebody who has lost them, and end their sessions."""
        require(actor, Action.ACCOUNTS)
        self._sessions.end_all(actor, name)
        self._factors.reset(actor, name)

    def reset(self, actor: Actor, name: str) -> NewLink:
        """Let somebody begin again, with a link for a new password and without second factors."""
        made = self._links.replace_password(actor, name)
        self._factors.reset(actor, name)
        self._sessions.forget_browsers(made.account)
        self.unlock(actor, name)
        return made
