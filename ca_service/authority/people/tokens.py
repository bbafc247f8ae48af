"""API tokens, which scripts send instead of a password.

A token is valid from its creation until it expires or is revoked, whichever comes first; neither can be
undone. It does not work while its account is disabled. A new password does not end it, because a script
and its owner are not the same; `revoke_all` does. Each change is one transaction with its event, so a
crash leaves it done or not done. The last use is written separately, at most every ten minutes, and a
crash loses no more than that.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ca_service.authority.access.allowed_names import is_in
from ca_service.authority.access.credentials import MAX_LABEL, checked_label, checked_token_days, hash_secret
from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.records import AccountRecord, TokenRecord
from ca_service.authority.people.store import AccountStore
from ca_service.authority.people.token_limits import TokenLimits, findings_of, require_none
from ca_service.authority.ports import Clock
from ca_service.errors import NotAllowed, NotAuthenticated, NotFound, Rule

TOKEN_NETWORK: Final = Rule(
    "token.network",
    "This token cannot be used from {address}.",
    "Use it from one of its networks. Behind a reverse proxy the operator has to set web.trusted_proxies "
    "and web.proxy_networks.",
)
TOKEN_NONE: Final = Rule(
    "token.none",
    "This request has no token.",
    "Send one: `Authorization: Bearer TOKEN`.",
)
TOKEN_UNKNOWN: Final = Rule(
    "token.unknown",
    "{account} has no token {number}.",
    "List the tokens on the page Account > API tokens or with `ca-service token list`.",
)
TOKEN_INVALID: Final = Rule(
    "token.invalid",
    "The token is unknown, revoked or expired.",
    "Create one under Account > API tokens or with `ca-service token create`, and send it as `Authorization: Bearer "
    "TOKEN`. The command line takes it from CA_SERVICE_TOKEN or --token-file.",
    title="This token is not valid here",
)

__all__ = ["MAX_LABEL", "MAX_TOKENS", "NewToken", "TokenLimits", "Tokens"]

MAX_TOKENS: Final = 50  # valid ones of one account
_USUAL: Final = TokenLimits()
_PREFIX: Final = "ca_"  # the start of every token, which secret scanners recognise
_SHOWN_CHARACTERS: Final = 10
_USE_IS_WRITTEN_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token. `secret` is shown once and never stored."""

    record: TokenRecord
    secret: str


class Tokens:
    """Creates, revokes and authenticates the tokens of all accounts."""

    def __init__(self, store: AccountStore, accounts: Accounts, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    def create(
        self, actor: Actor, account_name: str, label: str, days: int | str, limits: TokenLimits = _USUAL
    ) -> NewToken:
        """Create an API token that acts as this account for `days` days, within its limits.

        Raises InvalidInput with every invalid value, Conflict for an account with too many tokens.
        """
        account = self._accounts.managed(actor, account_name)
        _require_good(label, days, limits)
        kept, now, secret = limits.checked(), self._clock(), _PREFIX + secrets.token_urlsafe(32)
        record = TokenRecord(
            id=0,
            account_id=account.id,
            label=checked_label(label),
            prefix=secret[:_SHOWN_CHARACTERS],
            hash=hash_secret(secret),
            created_at=now,
            expires_at=now + timedelta(days=checked_token_days(days)),
            scopes=kept.scopes,
            names=kept.names,
            profiles=kept.profiles,
            networks=kept.networks,
        )
        event = AuditEvent.by(actor, now, Event.TOKEN_CREATED, account.name, prefix=record.prefix, **_told(record))
        return NewToken(self._store.add_token(record, event, at_most=MAX_TOKENS), secret)

    def list_of(self, actor: Actor, account_name: str) -> tuple[TokenRecord, ...]:
        """Return the tokens of an account, newest first."""
        account = self._accounts.managed(actor, account_name)
        return self._store.list_tokens(account.id)

    def get_own(self, actor: Actor) -> TokenRecord:
        """Return the token that the actor uses. Raises NotFound for an actor without a token."""
        require(actor, Action.OWN_TOKEN)
        for token in self._store.list_tokens(actor.account_id) if actor.account_id and actor.grant else ():
            if actor.grant and token.id == actor.grant.token_id:
                return token
        raise NotFound.because(TOKEN_NONE)

    def revoke(self, actor: Actor, account_name: str, token_id: int) -> None:
        """Revoke a token immediately. Raises NotFound if the account has none with that number."""
        account = self._accounts.managed(actor, account_name)
        token = next((found for found in self._store.list_tokens(account.id) if found.id == token_id), None)
        if token is None:
            raise NotFound.because(TOKEN_UNKNOWN, account=account.name, number=token_id)
        self._revoke(actor, account, [token])

    def revoke_all(self, actor: Actor, account_name: str) -> int:
        """Revoke all valid tokens of an account immediately; return their number."""
        account, now = self._accounts.managed(actor, account_name), self._clock()
        tokens = self._store.list_tokens(account.id)
        return self._revoke(actor, account, [token for token in tokens if token.state(now) == "valid"])

    def _revoke(self, actor: Actor, account: AccountRecord, tokens: Sequence[TokenRecord]) -> int:
        by = [
            (token.id, AuditEvent.by(actor, self._clock(), Event.TOKEN_REVOKED, account.name, prefix=token.prefix))
            for token in tokens
            if token.revoked_at is None
        ]
        return self._store.revoke_tokens(by) if by else 0

    def authenticate(self, secret: str, address: str = "") -> Actor:
        """Return the actor of this token at this address, which has to be the client's own.

        Raises NotAuthenticated for an invalid token, NotAllowed for an address outside its networks.
        """
        found, now = self._store.find_token(hash_secret(secret)), self._clock()
        if found is None:
            raise NotAuthenticated.because(TOKEN_INVALID)
        token, account = found
        if token.state(now) != "valid" or account.disabled_at:
            raise NotAuthenticated.because(TOKEN_INVALID)
        if token.networks and not is_in(address, token.networks):
            raise _wrong_network(address)
        if token.last_used_at is None or now - token.last_used_at >= _USE_IS_WRITTEN_EVERY:
            self._store.note_token_use(token.id, now)
        origin = f"token {token.prefix}, {address}" if address else f"token {token.prefix}"
        return replace(account.actor, origin=origin, token=token.label, grant=token.grant)


def _require_good(label: str, days: int | str, limits: TokenLimits) -> None:
    """Raise InvalidInput with every invalid value, so that a form can show all errors together."""
    require_none(*findings_of(lambda: checked_label(label), lambda: checked_token_days(days), lambda: limits.checked()))


def _wrong_network(address: str) -> NotAllowed:
    """Return the error without the allowed networks: the token may have been stolen."""
    return NotAllowed.because(TOKEN_NETWORK, address=address or "an unknown address")


def _told(record: TokenRecord) -> dict[str, str]:
    """Return the limits of a token for the audit log, without empty ones."""
    limits = {"scopes": record.scopes, "names": record.names, "profiles": record.profiles, "networks": record.networks}
    return {name: ", ".join(values) for name, values in limits.items() if values}
