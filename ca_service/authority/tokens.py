"""Knows API tokens: what scripts show instead of a password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ca_service.authority.accounts import Accounts
from ca_service.authority.audit import AuditEvent, Event
from ca_service.authority.credentials import MAX_LABEL, checked_label, checked_token_days, hash_secret
from ca_service.authority.permissions import Actor
from ca_service.authority.ports import AccountStore, Clock
from ca_service.authority.records import AccountRecord, TokenRecord
from ca_service.errors import NotAuthenticated, NotFound

__all__ = ["MAX_LABEL", "NewToken", "Tokens"]

_PREFIX: Final = "ca_"  # what every token begins with, so that scanners know it
_SHOWN_CHARACTERS: Final = 10
_USE_IS_WRITTEN_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `secret` is shown once and kept nowhere."""

    record: TokenRecord
    secret: str


class Tokens:
    """The tokens of all accounts."""

    def __init__(self, store: AccountStore, accounts: Accounts, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    def create(self, actor: Actor, account_name: str, label: str, days: int) -> NewToken:
        """Make an API token that acts as this account for `days` days."""
        account = self._accounts.managed(actor, account_name)
        label, lifetime = checked_label(label), timedelta(days=checked_token_days(days))
        secret, now = _PREFIX + secrets.token_urlsafe(32), self._clock()
        record = TokenRecord(
            id=0,
            account_id=account.id,
            label=label,
            prefix=secret[:_SHOWN_CHARACTERS],
            hash=hash_secret(secret),
            created_at=now,
            expires_at=now + lifetime,
        )
        event = AuditEvent.by(actor, now, Event.TOKEN_CREATED, account.name, prefix=record.prefix)
        return NewToken(self._store.add_token(record, event), secret)

    def list_of(self, actor: Actor, account_name: str) -> tuple[TokenRecord, ...]:
        """The tokens of an account, newest first."""
        account = self._accounts.managed(actor, account_name)
        return self._store.list_tokens(account.id)

    def revoke(self, actor: Actor, account_name: str, token_id: int) -> None:
        """End a token at once; raises NotFound if the account has none of that number."""
        account = self._accounts.managed(actor, account_name)
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
            event = AuditEvent.by(actor, self._clock(), Event.TOKEN_REVOKED, account.name, prefix=token.prefix)
            self._store.revoke_token(token.id, event.at, event)

    def authenticate(self, secret: str) -> AccountRecord:
        """The account that a token acts for; raises NotAuthenticated."""
        return self._authenticated(secret)[0]

    def actor_of(self, secret: str) -> Actor:
        """Who acts by showing a token; raises NotAuthenticated."""
        account, token = self._authenticated(secret)
        return replace(account.actor, token=token.label)

    def _authenticated(self, secret: str) -> tuple[AccountRecord, TokenRecord]:
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
        return account, token
