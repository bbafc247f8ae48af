"""The ports of accounts and sign-in to storage and keystore."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, Protocol

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.records import (
    AccountLink,
    AccountRecord,
    ChallengeRecord,
    Counter,
    OpenSession,
    PasskeyRecord,
    PeoplePage,
    PeopleQuery,
    SessionRecord,
    SetupLink,
    TokenRecord,
    TotpRecord,
)
from ca_service.errors import Conflict, NotFound, Rule

SETUP_LINK_INVALID: Final = Rule(
    "setup-link.invalid",
    "This set-up link was used, has expired, or was replaced by a newer one.",
    "Sign in if you have an account. Otherwise run `ca-service user create`; if there is no account yet, restart "
    "the service and use the link that it prints.",
)
ACCOUNT_LINK_INVALID: Final = Rule(
    "account-link.invalid",
    "This link was used, has expired, or was replaced by a newer one.",
    "Sign in if you have already chosen a password. Otherwise ask an administrator for a new link.",
)
ACCOUNT_EXISTS: Final = Rule(
    "account.exists",
    "An account with the name {name} exists already.",
    "Choose another name, or set a new password for that account.",
)
ACCOUNT_CHANGED: Final = Rule(
    "account.changed",
    "Another administrator changed the account {name} at the same time.",
    "Check the account, and repeat the change if it is still needed.",
)
PASSKEY_KNOWN: Final = Rule(
    "passkey.known",
    "This passkey is already registered.",
    "Sign in with it, or choose another device.",
)
ACCOUNT_LAST_ADMINISTRATOR: Final = Rule(
    "account.last-administrator",
    "{name} is the last administrator who can sign in.",
    "Give another account the role administrator first.",
)
TOKEN_TOO_MANY: Final = Rule(
    "token.too-many",
    "The account has {limit} valid tokens, which is the maximum.",
    "Revoke the tokens that are no longer used: the list shows when each was last used.",
)


class AccountStore(Protocol):
    """Accounts, tokens and the set-up link. Every change includes its event."""

    def count_accounts(self) -> int:
        """Return the number of accounts."""

    def find_account(self, name: str) -> AccountRecord | None:
        """Return the account of this name, or None."""

    def find_account_by_id(self, account_id: int) -> AccountRecord | None:
        """Return the account with this number, or None."""

    def list_reachable(self) -> tuple[AccountRecord, ...]:
        """Return the enabled accounts with a mail address, by name, without those whose row cannot be read."""

    def list_accounts(self) -> tuple[AccountRecord, ...]:
        """Return all accounts, by name."""

    def list_people(self, query: PeopleQuery) -> PeoplePage:
        """Return one page of a list. Raises InvalidInput for a foreign cursor."""

    def add_account(
        self, account: AccountRecord, event: AuditEvent, *, setup_hash: str = "", link: AccountLink | None = None
    ) -> AccountRecord:
        """Add an account; the store sets its `id`. With `setup_hash`, use up that set-up link as well.

        `link` is stored for the new account. Raises Conflict if the name is taken, NotFound if the
        set-up link is gone.
        """

    def update_account(
        self, account: AccountRecord, event: AuditEvent, *, link: AccountLink | None = None, used_link: str = ""
    ) -> None:
        """Replace role, password and disabling of an account, whose epoch has grown by one; not its mail address.

        A new password ends the open link; `link` replaces it; `used_link` is the hash of the link to use up.
        Raises Conflict if the epoch has grown in the meantime, so that no change undoes another, or if no
        enabled administrator with a password would be left;
        NotFound if the link is gone.
        """

    def set_mail_address(self, account_id: int, address: str, event: AuditEvent) -> None:
        """Replace the mail address of an account; its sessions go on."""

    def find_link(self, link_hash: str) -> AccountLink | None:
        """Return the link to choose a password with this hash, or None."""

    def add_token(self, token: TokenRecord, event: AuditEvent, *, at_most: int) -> TokenRecord:
        """Add a token; the store sets its `id`.

        Raises Conflict if its account already has `at_most` valid tokens.
        """

    def note_token_use(self, token_id: int, at: datetime) -> None:
        """Store when a token was last used, unless that would have to wait for another writer."""

    def revoke_tokens(self, revocations: Sequence[tuple[int, AuditEvent]]) -> int:
        """Revoke these tokens, each at the time of its event, in one transaction; return their number.

        Idempotent: a token that was revoked in the meantime is unchanged and has no second event.
        """

    def find_token(self, token_hash: str) -> tuple[TokenRecord, AccountRecord] | None:
        """Return the token with this hash and its account, or None."""

    def list_tokens(self, account_id: int) -> tuple[TokenRecord, ...]:
        """Return the tokens of an account, newest first."""

    def find_setup_link(self) -> SetupLink | None:
        """Return the open set-up link, or None."""

    def save_setup_link(self, link: SetupLink, event: AuditEvent) -> None:
        """Replace the set-up link."""

    def add_event(self, event: AuditEvent) -> None:
        """Record an event that is not part of another change, such as a failed sign-in."""


class SecretBox(Protocol):
    """Encrypts the secrets that the database keeps, such as those of authenticator apps."""

    def encrypt(self, secret: bytes, purpose: str) -> bytes:
        """Return the secret, encrypted. Only the same purpose decrypts it."""

    def decrypt(self, encrypted: bytes, purpose: str) -> bytes:
        """Return the secret; raises NotReady if the key is missing or is not the right one."""


class AttemptStore(Protocol):
    """Counters of sign-in attempts; each attempt is counted before it is verified."""

    def count(self, counters: Sequence[Counter], at: datetime, delayed: AuditEvent | None) -> datetime | None:
        """Count an attempt under all of these as failed, or under none if one of them has to wait.

        Returns until when in the latter case. Records `delayed`, if there is one, when a wait begins with this attempt.
        Counters without an attempt for a day are deleted.
        """

    def take_back(self, counters: Sequence[Counter]) -> None:
        """Undo the count of a successful attempt, and the wait that it began."""

    def clear(self, counters: Sequence[Counter]) -> None:
        """Delete all failures under these counters."""

    def unlock(self, subject: str, event: AuditEvent) -> None:
        """Delete all failures of an account, from anywhere."""

    def waits_until(self, subject: str, at: datetime) -> datetime | None:
        """Return until when attempts of this account, or under the counter with this key, have to wait, or None."""


class SessionStore(Protocol):
    """Sessions, and the known browsers of an account. Every change includes its event."""

    def add_session(
        self, session: SessionRecord, browser_hash: str, event: AuditEvent | None, replaces: str = ""
    ) -> None:
        """Add a session, remember its browser, and delete the session whose hash is `replaces`.

        The browser of an incomplete session is not remembered. Invalid sessions of the account are
        deleted.
        """

    def find_session(self, session_hash: str) -> OpenSession | None:
        """Return the session with this hash if it has the account's epoch and the account is enabled, or None."""

    def note_seen(self, session_hash: str, at: datetime) -> None:
        """Store when a session was last used, unless that would have to wait for another writer."""

    def note_confirmed(self, session_hash: str, at: datetime, event: AuditEvent) -> None:
        """Store when its owner was last authenticated."""

    def list_sessions(self, account_id: int, epoch: int) -> tuple[SessionRecord, ...]:
        """Return the complete sessions of an account, the last used first."""

    def end_sessions(
        self, account_id: int, event: AuditEvent, *, only: int | None = None, but: str | None = None
    ) -> int:
        """End all sessions of an account, `only` the one with this number, or all `but` the one with this hash.

        Returns how many. Ending a session of another account, or one that is gone, ends none and records nothing.
        """

    def knows_browser(self, account_id: int, browser_hash: str) -> bool:
        """Return whether this account was signed in to from that browser."""

    def forget_browsers(self, account_id: int) -> None:
        """Forget all browsers of the account."""


class FactorStore(Protocol):
    """Second factors, recovery codes and used challenges. Every change includes its event.

    Recovery codes are deleted with the last second factor.
    """

    def find_totp(self, account_id: int) -> TotpRecord | None:
        """Return the authenticator app of an account, offered or confirmed, or None."""

    def offer_totp(self, record: TotpRecord) -> bool:
        """Store an offer in place of the previous one; return False, without a change, if an app is confirmed."""

    def confirm_totp(self, record: TotpRecord, codes: Collection[str], event: AuditEvent) -> bool:
        """Confirm the offer with exactly this secret, with hashes of recovery codes; return False if it is gone."""

    def use_step(self, account_id: int, step: int) -> bool:
        """Use up a time step; return False unless it is later than the last used one."""

    def remove_totp(self, account_id: int, event: AuditEvent) -> bool:
        """Delete the app; return False if there is none."""

    def list_passkeys(self, account_id: int) -> tuple[PasskeyRecord, ...]:
        """Return the passkeys of an account, oldest first."""

    def find_passkey(self, credential_id: str) -> PasskeyRecord | None:
        """Return the passkey with this credential id, or None."""

    def add_passkey(self, record: PasskeyRecord, codes: Collection[str], event: AuditEvent) -> None:
        """Add a passkey, with hashes of recovery codes. Raises Conflict if it is already registered."""

    def use_passkey(self, record: PasskeyRecord, sign_count: int, at: datetime) -> bool:
        """Store count and time of a use; return False if it was used in the meantime, or is gone."""

    def remove_passkey(self, account_id: int, passkey_id: int, event: AuditEvent) -> bool:
        """Delete a passkey; return False if the account has none with that number."""

    def count_codes(self, account_id: int) -> int:
        """Return the number of unused recovery codes."""

    def replace_codes(self, account_id: int, codes: Collection[str], event: AuditEvent) -> None:
        """Replace all recovery codes."""

    def use_code(self, account_id: int, code: str, event: AuditEvent) -> bool:
        """Use up a recovery code by its hash; return False if there is none."""

    def remove_all(self, account_id: int, event: AuditEvent) -> bool:
        """Delete all factors and codes of an account; return False if there were none."""

    def with_factor(self, account_ids: Collection[int]) -> frozenset[int]:
        """Return those of the accounts that have a second factor."""

    def use_challenge(self, record: ChallengeRecord, at: datetime) -> bool:
        """Store a used challenge; return False if it is there. Delete those that have expired at `at`."""


# Errors that every store raises, with one wording. A store calls these in the transaction that has read the values.


def setup_link_invalid() -> NotFound:
    """Return the error for an invalid set-up link."""
    return NotFound.because(SETUP_LINK_INVALID)


def account_link_invalid() -> NotFound:
    """Return the error for an invalid link to choose a password."""
    return NotFound.because(ACCOUNT_LINK_INVALID)


def account_exists(name: str) -> Conflict:
    """Return the error for the name of an account that exists."""
    return Conflict.because(ACCOUNT_EXISTS, name=name)


def account_changed(name: str) -> Conflict:
    """Return the error for the second of two changes that were made at the same time."""
    return Conflict.because(ACCOUNT_CHANGED, name=name)


def require_administrator_left(changed: AccountRecord, administrators: Collection[int]) -> None:
    """Raise Conflict if the change takes away the last administrator.

    `administrators` are the accounts with that role that can sign in before the change.
    """
    is_administrator = changed.role is Role.ADMINISTRATOR and changed.disabled_at is None
    if not is_administrator and set(administrators) == {changed.id}:
        raise Conflict.because(ACCOUNT_LAST_ADMINISTRATOR, name=changed.name)


def require_room_for_token(valid: int, at_most: int) -> None:
    """Raise Conflict if the account already has the maximum of valid tokens."""
    if valid >= at_most:
        raise Conflict.because(TOKEN_TOO_MANY, limit=at_most)


def passkey_known() -> Conflict:
    """Return the error for a passkey that is already registered."""
    return Conflict.because(PASSKEY_KNOWN)
