"""Help for people who cannot sign in any more.

A reset does four things, each of which can be repeated: it removes the password and creates a link, which
ends all sessions, in one transaction; then it deletes second factors, known browsers and failures. A
crash in between leaves an account that none of the old credentials opens; run the reset again.
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
    """Unlocks and resets the accounts of others, for administrators."""

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
        """Return until when attempts at this account have to wait, or None."""
        account = self._accounts.managed(actor, name)
        return self._attempts.waits_until(subject_of(account.name), self._clock())

    def unlock(self, actor: Actor, name: str) -> None:
        """End the wait after failed attempts from anywhere. Raises NotFound."""
        require(actor, Action.ACCOUNTS)
        account = self._accounts.get(name)
        event = AuditEvent.by(actor, self._clock(), Event.ACCOUNT_UNLOCKED, account.name)
        self._attempts.unlock(subject_of(account.name), event)

    def reset_factors(self, actor: Actor, name: str) -> None:
        """Remove all second factors of an account whose owner has lost them, and end its sessions."""
        require(actor, Action.ACCOUNTS)
        self._sessions.end_all(actor, name)
        self._factors.reset(actor, name)

    def reset(self, actor: Actor, name: str) -> NewLink:
        """Reset access to an account: a link for a new password, and no second factors."""
        made = self._links.replace_password(actor, name)
        self._factors.reset(actor, name)
        self._sessions.forget_browsers(made.account)
        self.unlock(actor, name)
        return made
