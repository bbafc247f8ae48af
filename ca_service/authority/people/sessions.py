"""Sessions: how they start, what ends them, and how recently their owner was re-authenticated.

States: pending (the first step succeeded, the second is still to come) -> open -> gone. A pending
session allows nothing. The second step creates another session under another secret and deletes the
pending one, in one transaction. A session is gone when it is ended, when the epoch of its account
has grown (password, role, disabling), when the account is disabled, after its lifetime, and after
too long without use. Its row may remain until its account signs in the next time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.access.credentials import hash_secret
from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.records import PENDING_SESSION, AccountRecord, OpenSession, SessionRecord, Visit
from ca_service.authority.people.store import SessionStore
from ca_service.authority.ports import Clock, is_believable
from ca_service.errors import NotFound, Rule

SESSION_UNKNOWN: Final = Rule(
    "session.unknown",
    "{account} has no session {number}.",
    "It has already ended. Reload the list.",
)

_FRESH_FOR: Final = timedelta(minutes=10)
_SEEN_IS_WRITTEN_EVERY: Final = timedelta(minutes=5)
_MAX_USER_AGENT: Final = 200
_MAX_ADDRESS: Final = 64


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The longest lifetime of a session, and its longest time without use."""

    lifetime: timedelta = timedelta(hours=8)
    idle: timedelta = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class SignInResult:
    """The result of a sign-in step: an open or a pending session. Both secrets are for cookies and never stored."""

    account: AccountRecord
    is_complete: bool
    secret: str
    browser: str


class Sessions:
    """Opens, finds and ends the sessions of all accounts."""

    def __init__(self, store: SessionStore, accounts: Accounts, clock: Clock, limits: SessionLimits) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        self._limits = limits

    def open(
        self, account: AccountRecord, method: str, visit: Visit, *, replaces: str = "", is_confirmed: bool = True
    ) -> SignInResult:
        """Open a session; the pending session of this secret is deleted.

        Without `is_confirmed` the person was not authenticated just now, so sensitive actions ask first.
        """
        actor = replace(account.actor, origin=visit.address)
        event = AuditEvent.by(actor, self._clock(), Event.SIGNED_IN, account.name, method=method)
        confirmed_at = event.at if is_confirmed else event.at - _FRESH_FOR
        return self._add(account, method, visit, event=event, replaces=hash_secret(replaces), confirmed_at=confirmed_at)

    def open_pending(self, account: AccountRecord, method: str, visit: Visit) -> SignInResult:
        """Open a pending session after the first step; the second has to follow within ten minutes."""
        return self._add(account, method, visit, event=None)

    def find(self, secret: str) -> OpenSession | None:
        """Return the session of this secret, if it is valid, or None."""
        found = self._store.find_session(hash_secret(secret))
        if found is None or not found.record.is_complete or self._is_over(found.record):
            return None
        record, now = found.record, self._clock()
        if now - record.seen_at >= _SEEN_IS_WRITTEN_EVERY:
            self._store.note_seen(record.hash, now)
        return found

    def find_pending(self, secret: str) -> OpenSession | None:
        """Return the session of this secret if only the second step is missing, or None."""
        found = self._store.find_session(hash_secret(secret))
        if found is None or found.record.is_complete:
            return None
        created_at, now = found.record.created_at, self._clock()
        return found if is_believable(created_at, now) and now - created_at <= PENDING_SESSION else None

    def is_fresh(self, session: OpenSession) -> bool:
        """Return whether its owner was authenticated within the last ten minutes."""
        confirmed_at, now = session.record.confirmed_at, self._clock()
        return is_believable(confirmed_at, now) and now - confirmed_at < _FRESH_FOR

    def confirm(self, session: OpenSession, method: str, visit: Visit) -> None:
        """Record that its owner was re-authenticated now."""
        actor = replace(session.account.actor, origin=visit.address)
        event = AuditEvent.by(actor, self._clock(), Event.SIGN_IN_CONFIRMED, session.account.name, method=method)
        self._store.note_confirmed(session.record.hash, event.at, event)

    def list_of(self, actor: Actor, account_name: str) -> tuple[SessionRecord, ...]:
        """Return the valid sessions of an account, the last used first."""
        account = self._accounts.managed(actor, account_name)
        found = self._store.list_sessions(account.id, account.session_epoch)
        return tuple(record for record in found if not self._is_over(record))

    def sign_out(self, session: OpenSession, visit: Visit) -> None:
        """End this session and no other, so that a copied cookie is worthless."""
        actor = replace(session.account.actor, origin=visit.address)
        event = AuditEvent.by(actor, self._clock(), Event.SIGNED_OUT, session.account.name)
        self._store.end_sessions(session.account.id, event, only=session.record.id)

    def end(self, actor: Actor, account_name: str, session_id: int) -> None:
        """End one session of an account. Raises NotFound for an unknown number."""
        account = self._accounts.managed(actor, account_name)
        if not self._store.end_sessions(account.id, self._ended(actor, account), only=session_id):
            raise NotFound.because(SESSION_UNKNOWN, account=account.name, number=session_id)

    def end_others(self, actor: Actor, session: OpenSession) -> int:
        """End all other sessions of the actor's own account; return their number."""
        require(actor, Action.OWN_ACCOUNT)
        event = self._ended(actor, session.account)
        return self._store.end_sessions(session.account.id, event, but=session.record.hash)

    def end_all(self, actor: Actor, account_name: str) -> int:
        """End all sessions of an account; return their number."""
        account = self._accounts.managed(actor, account_name)
        return self._store.end_sessions(account.id, self._ended(actor, account))

    def knows(self, account: AccountRecord, visit: Visit) -> bool:
        """Return whether this account was signed in to from this browser before."""
        return bool(visit.browser) and self._store.knows_browser(account.id, hash_secret(visit.browser))

    def forget_browsers(self, account: AccountRecord) -> None:
        """Forget all known browsers of the account."""
        self._store.forget_browsers(account.id)

    def _is_over(self, record: SessionRecord) -> bool:
        now = self._clock()
        if not is_believable(record.created_at, now) or not is_believable(record.seen_at, now):
            return True
        return now - record.created_at > self._limits.lifetime or now - record.seen_at > self._limits.idle

    def _add(
        self,
        account: AccountRecord,
        method: str,
        visit: Visit,
        *,
        event: AuditEvent | None,
        replaces: str = "",
        confirmed_at: datetime | None = None,
    ) -> SignInResult:
        secret, now = secrets.token_urlsafe(32), self._clock()
        browser = visit.browser or secrets.token_urlsafe(32)
        record = SessionRecord(
            id=0,
            hash=hash_secret(secret),
            account_id=account.id,
            epoch=account.session_epoch,
            is_complete=event is not None,
            method=method,
            address=_printable(visit.address, _MAX_ADDRESS),
            user_agent=_printable(visit.user_agent, _MAX_USER_AGENT),
            created_at=now,
            seen_at=now,
            confirmed_at=confirmed_at or now,
        )
        self._store.add_session(record, hash_secret(browser), event, replaces)
        return SignInResult(account, record.is_complete, secret, browser)

    def _ended(self, actor: Actor, account: AccountRecord) -> AuditEvent:
        return AuditEvent.by(actor, self._clock(), Event.SESSIONS_ENDED, account.name)


def _printable(text: str, limit: int) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:limit]
