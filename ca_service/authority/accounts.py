"""Knows people, their passwords, API tokens and the set-up link; not how they are transported."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ca_service.authority.audit import AuditEvent, Event
from ca_service.authority.credentials import (
    MAX_LABEL,
    MAX_PASSWORD,
    checked_account_name,
    checked_label,
    checked_password,
    checked_token_days,
    hash_secret,
    kept_name,
    loggable_name,
    password_bytes,
)
from ca_service.authority.permissions import Action, Actor, Role, require
from ca_service.authority.ports import AccountStore, Clock
from ca_service.authority.records import AccountRecord, SetupLink, TokenRecord
from ca_service.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, blocking

__all__ = ["MAX_LABEL", "MAX_PASSWORD", "Accounts", "NewToken"]

_SETUP_LIFETIME: Final = timedelta(hours=24)
_TOKEN_PREFIX: Final = "ca_"  # noqa: S105 - what every token begins with, so that scanners know it
_SHOWN_CHARACTERS: Final = 10
_USE_IS_WRITTEN_EVERY: Final = timedelta(minutes=10)
_HASHES_AT_ONCE: Final = 2  # each takes 64 MiB and a processor


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `secret` is shown once and kept nowhere."""

    record: TokenRecord
    secret: str


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

    def create_first(self, setup_secret: str, name: str, password: str) -> AccountRecord:
        """Create the first administrator, and use up the set-up link with it."""
        self.check_setup_link(setup_secret)
        account = self._new(name, Role.ADMINISTRATOR, password)
        event = self._event(Event.ACCOUNT_CREATED, account.name, account.name, role=account.role.value)
        return self._store.add_account(account, event, setup_hash=hash_secret(setup_secret))

    def create(self, actor: Actor, name: str, role: Role, password: str) -> AccountRecord:
        """Create an account; raises InvalidInput for its name or password, Conflict if the name is taken."""
        require(actor, Action.ACCOUNTS)
        account = self._new(name, role, password)
        event = self._event(Event.ACCOUNT_CREATED, actor.name, account.name, role=role.value)
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

    def find_session(self, account_id: int, session_epoch: int) -> AccountRecord | None:
        """The account of a session, if that session still counts."""
        account = self._store.find_account_by_id(account_id)
        if account is None or account.disabled_at or account.session_epoch != session_epoch:
            return None
        return account

    def sign_in(self, name: str, password: str) -> AccountRecord:
        """The account of this name and password; raises NotAuthenticated without saying which was wrong."""
        account = self._find(name)
        if not self._is_right(account, password) or account is None or account.disabled_at:
            tried = account.name if account else loggable_name(name)
            self._store.add_event(self._event(Event.SIGN_IN_FAILED, "anonymous", tried))
            raise NotAuthenticated.because(
                "sign-in.wrong",
                "Name or password is wrong.",
                "Try again. An administrator can set a new password: `ca-service user password NAME`.",
            )
        self._store.add_event(self._event(Event.SIGNED_IN, account.name, account.name))
        return account

    def sign_out(self, actor: Actor) -> AccountRecord:
        """End all sessions of the actor's account, so that a copied cookie is worth nothing afterwards."""
        require(actor, Action.OWN_ACCOUNT)
        return self._change(actor, self.get(actor.name), Event.SIGNED_OUT)

    def set_password(self, actor: Actor, name: str, password: str) -> AccountRecord:
        """Give an account a new password and end all its sessions; one's own, or any as administrator."""
        account = self._managed(actor, name)
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

    def create_token(self, actor: Actor, account_name: str, label: str, days: int) -> NewToken:
        """Make an API token that acts as this account for `days` days."""
        account = self._managed(actor, account_name)
        label, lifetime = checked_label(label), timedelta(days=checked_token_days(days))
        secret, now = _TOKEN_PREFIX + secrets.token_urlsafe(32), self._clock()
        record = TokenRecord(
            id=0,
            account_id=account.id,
            label=label,
            prefix=secret[:_SHOWN_CHARACTERS],
            hash=hash_secret(secret),
            created_at=now,
            expires_at=now + lifetime,
        )
        event = self._event(Event.TOKEN_CREATED, actor.name, account.name, prefix=record.prefix)
        return NewToken(self._store.add_token(record, event), secret)

    def list_tokens(self, actor: Actor, account_name: str) -> tuple[TokenRecord, ...]:
        """The tokens of an account, newest first."""
        account = self._managed(actor, account_name)
        return self._store.list_tokens(account.id)

    def revoke_token(self, actor: Actor, account_name: str, token_id: int) -> None:
        """End a token at once; raises NotFound if the account has none of that number."""
        account = self._managed(actor, account_name)
        token = next((found for found in self._store.list_tokens(account.id) if found.id == token_id), None)
        if token is None:
            raise NotFound.because(
                "token.unknown",
                "{account} has no token {number}.",
                "The account page lists the tokens that there are, as does `ca-service token list`.",
                account=account.name,
                number=token_id,
            )
        if token.revoked_at is None:
            event = self._event(Event.TOKEN_REVOKED, actor.name, account.name, prefix=token.prefix)
            self._store.revoke_token(token.id, event.at, event)

    def authenticate_token(self, secret: str) -> AccountRecord:
        """The account that a token acts for; raises NotAuthenticated."""
        token, now = self._store.find_token(hash_secret(secret)), self._clock()
        account = self._store.find_account_by_id(token.account_id) if token else None
        if token is None or account is None or token.revoked_at or token.expires_at <= now or account.disabled_at:
            raise NotAuthenticated.because(
                "token.invalid",
                "The token is unknown, revoked or expired.",
                "Make a new one on the account page or with `ca-service token create`, and send it as "
                "`Authorization: Bearer TOKEN`.",
            )
        if token.last_used_at is None or now - token.last_used_at >= _USE_IS_WRITTEN_EVERY:
            self._store.note_token_use(token.id, now)
        return account

    def _find(self, name: str) -> AccountRecord | None:
        kept = kept_name(name)
        return self._store.find_account(kept) if kept else None

    def _managed(self, actor: Actor, name: str) -> AccountRecord:
        """The account, if it is the actor's own or the actor is an administrator."""
        account = self._find(name)
        require(actor, Action.OWN_ACCOUNT if account and account.id == actor.account_id else Action.ACCOUNTS)
        return self.get(name)

    def _new(self, name: str, role: Role, password: str) -> AccountRecord:
        kept = checked_account_name(name)
        hashed = self._hasher.hash(password_bytes(checked_password(kept, password)))
        return AccountRecord(0, kept, role, hashed, 0, self._clock())

    def _change(self, actor: Actor, account: AccountRecord, event: Event) -> AccountRecord:
        """Store a changed account; a new epoch ends all its sessions."""
        changed = replace(account, session_epoch=account.session_epoch + 1)
        self._store.update_account(changed, self._event(event, actor.name, account.name))
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

    def _event(self, event: Event, actor: str, subject: str, **details: str | int) -> AuditEvent:
        return AuditEvent(self._clock(), event, actor, subject, details)
