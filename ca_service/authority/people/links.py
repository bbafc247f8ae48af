"""Links to choose one's own password, and help for people who cannot sign in any more.

States: open (24 hours, one per account, stored as a hash) -> used, replaced, expired, or ended by
a new password. An invited account has no password until its link is used. Creating an account or
removing its password is one transaction with storing the link; so is setting the password with using
up the link: of two people who use one link, the second gets an error.

A reset does four things, each of which can be repeated: it removes the password and creates a link, which
ends all sessions, in one transaction; then it deletes second factors, known browsers and failures. A
crash in between leaves an account that none of the old credentials opens; run the reset again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.access.credentials import checked_account_name, checked_mail_address, hash_secret
from ca_service.authority.access.permissions import Action, Actor, Role, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import ACCOUNT_OWN, Accounts
from ca_service.authority.people.factors import SecondFactors
from ca_service.authority.people.passwords import NO_PASSWORD, Passwords
from ca_service.authority.people.records import AccountLink, AccountRecord
from ca_service.authority.people.sessions import Sessions
from ca_service.authority.people.store import AccountStore, AttemptStore, account_link_invalid
from ca_service.authority.people.throttle import subject_of
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict

_LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewLink:
    """A new link. `secret` is shown once and never stored."""

    account: AccountRecord
    secret: str


class Links:
    """Creates and uses the links of all accounts."""

    def __init__(self, store: AccountStore, accounts: Accounts, passwords: Passwords, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._clock = clock

    def invite(self, actor: Actor, name: str, role: Role, mail_address: str = "") -> NewLink:
        """Create an account whose owner chooses the password. Raises InvalidInput, Conflict if the name is taken."""
        require(actor, Action.ACCOUNTS)
        kept, secret, now = checked_account_name(name), secrets.token_urlsafe(32), self._clock()
        address = checked_mail_address(mail_address)
        account = AccountRecord(0, kept, role, NO_PASSWORD, 0, now, mail_address=address)
        event = AuditEvent.by(actor, now, Event.ACCOUNT_CREATED, kept, role=role.value, by="link")
        return NewLink(self._store.add_account(account, event, link=self._link(0, secret)), secret)

    def replace_password(self, actor: Actor, name: str) -> NewLink:
        """Remove the password of an account, end its sessions, and create a link for a new password.

        Raises Conflict for one's own account: an administrator can change their own password directly.
        """
        require(actor, Action.ACCOUNTS)
        account, secret = self._accounts.get(name), secrets.token_urlsafe(32)
        if account.id == actor.account_id:
            raise Conflict.because(ACCOUNT_OWN)
        changed = replace(account, password_hash=NO_PASSWORD, session_epoch=account.session_epoch + 1)
        event = AuditEvent.by(actor, self._clock(), Event.ACCOUNT_LINK_MADE, account.name)
        self._store.update_account(changed, event, link=self._link(account.id, secret))
        return NewLink(changed, secret)

    def check(self, secret: str) -> AccountRecord:
        """Return the account of this link. Raises NotFound."""
        link = self._store.find_link(hash_secret(secret))
        account = self._store.find_account_by_id(link.account_id) if link else None
        if link is None or account is None or account.disabled_at or link.expires_at <= self._clock():
            raise account_link_invalid()
        return account

    def use(self, secret: str, password: str, origin: str) -> AccountRecord:
        """Set the password and use up the link. Raises NotFound for the link, InvalidInput for the password."""
        account = self.check(secret)
        hashed = self._passwords.hash(account.name, password)
        changed = replace(account, password_hash=hashed, session_epoch=account.session_epoch + 1)
        actor = replace(account.actor, origin=origin)
        event = AuditEvent.by(actor, self._clock(), Event.PASSWORD_CHANGED, account.name, by="link")
        self._store.update_account(changed, event, used_link=hash_secret(secret))
        return changed

    def _link(self, account_id: int, secret: str) -> AccountLink:
        return AccountLink(account_id, hash_secret(secret), self._clock() + _LIFETIME)


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
