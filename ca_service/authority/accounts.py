"""Knows people, their passwords and the set-up link; not how they are transported."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ca_service.authority.audit import AuditEvent, Event
from ca_service.authority.credentials import (
    MAX_PASSWORD,
    checked_account_name,
    checked_password,
    hash_secret,
    kept_name,
    loggable_name,
    password_bytes,
)
from ca_service.authority.permissions import Action, Actor, Role, require
from ca_service.authority.ports import AccountStore, Clock
from ca_service.authority.records import AccountRecord, SetupLink
from ca_service.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, blocking

__all__ = ["MAX_PASSWORD", "Accounts"]

_SETUP_LIFETIME: Final = timedelta(hours=24)
_HASHES_AT_ONCE: Final = 2  # each takes 64 MiB and a processor


class Accounts:
    """Who there is, and how they show it."""

    def __init__(self, store: AccountStore, hasher: PasswordHasher, clock: Clock) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._hashing = threading.BoundedSemaphore(_HASHES_AT_ONCE)

    def make_setup_link(self) -> str | None:
        """A secret for the one-time set-up link, or None once there is an account.

        The link before it stops working.
        """
        if self._store.count_accounts():
            return None
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        event = AuditEvent(now, Event.SETUP_LINK_MADE, "operator", "setup-link")
        self._store.save_setup_link(SetupLink(hash_secret(secret), now + _SETUP_LIFETIME), event)
        return secret

    def check_setup_link(self, secret: str) -> None:
        """Raise NotFound unless this set-up link can be used."""
        if self._store.count_accounts():
            raise NotFound.because(
                "setup-link.invalid",
                "There is an account already, so no set-up link works any more.",
                "Sign in; whoever has no account asks an administrator for one, or runs `ca-service user create`.",
            )
        link = self._store.find_setup_link()
        wanted = link is not None and secrets.compare_digest(link.hash, hash_secret(secret))
        if link is None or not wanted or link.expires_at <= self._clock():
            raise NotFound.because(
                "setup-link.invalid",
                "This set-up link has expired, or was replaced by a newer one.",
                "Start the service again and use the link that it prints, or run `ca-service user create`.",
            )

    def create_first(self, setup_secret: str, name: str, password: str, origin: str = "") -> AccountRecord:
        """Create the first administrator, and use up the set-up link with it."""
        self.check_setup_link(setup_secret)
        account = self._new(name, Role.ADMINISTRATOR, password)
        actor = replace(account.actor, origin=origin)
        event = self._event(actor, Event.ACCOUNT_CREATED, account.name, role=account.role.value)
        return self._store.add_account(account, event, setup_hash=hash_secret(setup_secret))

    def create(self, actor: Actor, name: str, role: Role, password: str) -> AccountRecord:
        """Create an account; raises InvalidInput for its name or password, Conflict if the name is taken."""
        require(actor, Action.ACCOUNTS)
        account = self._new(name, role, password)
        event = self._event(actor, Event.ACCOUNT_CREATED, account.name, role=role.value)
        return self._store.add_account(account, event)

    def list_accounts(self, actor: Actor) -> tuple[AccountRecord, ...]:
        """All accounts, by name."""
        require(actor, Action.ACCOUNTS)
        return self._store.list_accounts()

    def get(self, name: str) -> AccountRecord:
        """The account of this name; raises NotFound."""
        account = self._find(name)
        if account is None:
            raise NotFound.because(
                "account.unknown",
                "There is no account {name}.",
                "`ca-service user list` shows those that there are.",
                name=name[:64],
            )
        return account

    def managed(self, actor: Actor, name: str) -> AccountRecord:
        """The account, if it is the actor's own or the actor is an administrator; raises NotFound."""
        account = self._find(name)
        require(actor, Action.OWN_ACCOUNT if account and account.id == actor.account_id else Action.ACCOUNTS)
        return self.get(name)

    def find_session(self, account_id: int, session_epoch: int) -> AccountRecord | None:
        """The account of a session, if that session still counts."""
        account = self._store.find_account_by_id(account_id)
        if account is None or account.disabled_at or account.session_epoch != session_epoch:
            return None
        return account

    def sign_in(self, name: str, password: str, origin: str = "") -> AccountRecord:
        """The account of this name and password; raises NotAuthenticated without saying which was wrong."""
        account = self._find(name)
        if not self._is_right(account, password) or account is None or account.disabled_at:
            tried = account.name if account else loggable_name(name)
            self._store.add_event(AuditEvent(self._clock(), Event.SIGN_IN_FAILED, "anonymous", tried, origin=origin))
            raise NotAuthenticated.because(
                "sign-in.wrong",
                "Name or password is wrong.",
                "Try again. An administrator can set a new password: `ca-service user password NAME`.",
            )
        self._store.add_event(self._event(replace(account.actor, origin=origin), Event.SIGNED_IN, account.name))
        return account

    def sign_out(self, actor: Actor) -> AccountRecord:
        """End all sessions of the actor's account, so that a copied cookie is worth nothing afterwards."""
        require(actor, Action.OWN_ACCOUNT)
        return self._change(actor, self.get(actor.name), Event.SIGNED_OUT)

    def set_password(self, actor: Actor, name: str, password: str) -> AccountRecord:
        """Give an account a new password and end all its sessions; one's own, or any as administrator."""
        account = self.managed(actor, name)
        hashed = self._hasher.hash(password_bytes(checked_password(account.name, password)))
        return self._change(actor, replace(account, password_hash=hashed), Event.PASSWORD_CHANGED)

    def set_disabled(self, actor: Actor, name: str, disabled: bool) -> AccountRecord:
        """Lock an account out, with its sessions and tokens, or let it in again."""
        require(actor, Action.ACCOUNTS)
        account = self.get(name)
        if account.id == actor.account_id:
            raise Conflict.because(
                "account.own",
                "Nobody can lock out the own account.",
                "Let another administrator do it, so that one always stays.",
            )
        return self._change(
            actor, replace(account, disabled_at=self._clock() if disabled else None), Event.ACCOUNT_CHANGED
        )

    def change_password(self, actor: Actor, old: str, new: str) -> AccountRecord:
        """Change one's own password, for which the old one is asked."""
        account = self.get(actor.name)
        if not self._is_right(account, old):
            raise InvalidInput(
                blocking("password.old", "/old_password", "The old password is wrong.", "Type it again.")
            )
        return self.set_password(actor, actor.name, new)

    def _find(self, name: str) -> AccountRecord | None:
        kept = kept_name(name)
        return self._store.find_account(kept) if kept else None

    def _new(self, name: str, role: Role, password: str) -> AccountRecord:
        kept = checked_account_name(name)
        hashed = self._hasher.hash(password_bytes(checked_password(kept, password)))
        return AccountRecord(0, kept, role, hashed, 0, self._clock())

    def _change(self, actor: Actor, account: AccountRecord, event: Event) -> AccountRecord:
        """Store a changed account; a new epoch ends all its sessions."""
        changed = replace(account, session_epoch=account.session_epoch + 1)
        self._store.update_account(changed, self._event(actor, event, account.name))
        return changed

    def _is_right(self, account: AccountRecord | None, password: str) -> bool:
        """Whether the password is the account's; without an account a hash is made in vain, to take as long."""
        with self._hashing:
            if account is None:
                self._hasher.hash(password_bytes(password))
                return False
            try:
                return self._hasher.verify(account.password_hash, password_bytes(password))
            except (VerificationError, InvalidHashError):
                return False

    def _event(self, actor: Actor, event: Event, subject: str, **details: str | int) -> AuditEvent:
        return AuditEvent.by(actor, self._clock(), event, subject, **details)
