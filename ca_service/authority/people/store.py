"""Knows what signing in needs from the edges: Protocols that storage and keystore fulfil."""

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
    """People, tokens and the set-up link. Every change takes its event along."""

    def count_accounts(self) -> int:
        """How many accounts there are."""

    def find_account(self, name: str) -> AccountRecord | None:
        """The account of this name."""

    def find_account_by_id(self, account_id: int) -> AccountRecord | None:
        """The account of this number."""

    def list_accounts(self) -> tuple[AccountRecord, ...]:
        """All accounts, by name."""

    def list_people(self, query: PeopleQuery) -> PeoplePage:
        """One page of a list; raises InvalidInput for a cursor that we did not hand out."""

    def add_account(
        self, account: AccountRecord, event: AuditEvent, *, setup_hash: str = "", link: AccountLink | None = None
    ) -> AccountRecord:
        """Add one, whose `id` is given here; with `setup_hash`, use up that set-up link as well.

        `link` is kept for the new account. Raises Conflict if the name is taken, NotFound if the
        set-up link is gone.
        """

    def update_account(
        self, account: AccountRecord, event: AuditEvent, *, link: AccountLink | None = None, used_link: str = ""
    ) -> None:
        """Replace role, password and disabling of an account, whose epoch has grown by one.

        A new password ends the link that is open; `link` takes its place; `used_link` is the hash
        of the one that is used up. Raises Conflict if the epoch has grown meanwhile, so that no two
        changes undo one another, or if no enabled administrator with a password would be left;
        NotFound if the link is gone.
        """

    def find_link(self, link_hash: str) -> AccountLink | None:
        """The link to choose a password that has this hash."""

    def add_token(self, token: TokenRecord, event: AuditEvent, *, at_most: int) -> TokenRecord:
        """Add a token, whose `id` is given here.

        Raises Conflict where its account has `at_most` tokens that are valid when it is made.
        """

    def note_token_use(self, token_id: int, at: datetime) -> None:
        """Keep when a token was used last."""

    def revoke_tokens(self, revocations: Sequence[tuple[int, AuditEvent]]) -> int:
        """End these tokens for good, each at the time of its event, in one transaction; how many it were.

        One that has been revoked meanwhile stays as it is, and has no second event.
        """

    def find_token(self, token_hash: str) -> TokenRecord | None:
        """The token with this hash."""

    def list_tokens(self, account_id: int) -> tuple[TokenRecord, ...]:
        """The tokens of an account, newest first."""

    def find_setup_link(self) -> SetupLink | None:
        """The set-up link that is open."""

    def save_setup_link(self, link: SetupLink, event: AuditEvent) -> None:
        """Replace the set-up link."""

    def add_event(self, event: AuditEvent) -> None:
        """Record something that changed nothing else, such as a failed sign-in."""


class SecretBox(Protocol):
    """Encrypts the secrets that the database keeps, such as those of authenticator apps."""

    def encrypt(self, secret: bytes, purpose: str) -> bytes:
        """Return the secret, encrypted. Only the same purpose decrypts it."""

    def decrypt(self, encrypted: bytes, purpose: str) -> bytes:
        """Return the secret; raises NotReady if the key is missing or is not the right one."""


class AttemptStore(Protocol):
    """Who has tried to sign in how often; counted before anything is verified."""

    def count(self, counters: Sequence[Counter], at: datetime, delayed: AuditEvent) -> datetime | None:
        """Count an attempt under all of these as if it failed, or none where one of them has to wait.

        Returns until when, in the latter case. Records `delayed` where a wait begins with this
        attempt. What was last counted a day ago or longer is forgotten.
        """

    def take_back(self, counters: Sequence[Counter]) -> None:
        """The attempt was good: it counts no more, and the wait that it began ends."""

    def clear(self, counters: Sequence[Counter]) -> None:
        """Forget all failures under these."""

    def unlock(self, subject: str, event: AuditEvent) -> None:
        """Forget all failures of an account, wherever they came from."""

    def waits_until(self, subject: str, at: datetime) -> datetime | None:
        """Until when somebody has to wait for this account, if anybody has."""


class SessionStore(Protocol):
    """Sessions and the browsers that are known to an account. Every change takes its event along."""

    def add_session(
        self, session: SessionRecord, browser_hash: str, event: AuditEvent | None, replaces: str = ""
    ) -> None:
        """Add one, remember its browser, and forget the session whose hash is `replaces`.

        Where a session is incomplete, its browser is not remembered. Sessions of the account that
        no longer count are forgotten.
        """

    def find_session(self, session_hash: str) -> OpenSession | None:
        """The session of this hash, if it is of the account's epoch, and the account is not disabled."""

    def note_seen(self, session_hash: str, at: datetime) -> None:
        """Keep when a session was last used."""

    def note_confirmed(self, session_hash: str, at: datetime, event: AuditEvent) -> None:
        """Keep when its person has last shown who they are."""

    def list_sessions(self, account_id: int, epoch: int) -> tuple[SessionRecord, ...]:
        """The complete sessions of an account, the last used first."""

    def end_sessions(
        self, account_id: int, event: AuditEvent, *, only: int | None = None, but: str | None = None
    ) -> int:
        """End all of an account, `only` the one of this number, or all `but` the one of this hash; how many.

        Ending the session of another account, or one that is gone, ends none and records nothing.
        """

    def knows_browser(self, account_id: int, browser_hash: str) -> bool:
        """Whether somebody has signed in to this account from that browser."""

    def forget_browsers(self, account_id: int) -> None:
        """Know no browser of the account any more."""


class FactorStore(Protocol):
    """Second factors, recovery codes and challenges. Every change takes its event along.

    Recovery codes go with the last second factor.
    """

    def find_totp(self, account_id: int) -> TotpRecord | None:
        """The authenticator app of an account, offered or confirmed."""

    def offer_totp(self, record: TotpRecord) -> bool:
        """Keep an offer in place of the one before; False, and nothing changes, where one is confirmed."""

    def confirm_totp(self, record: TotpRecord, codes: Collection[str], event: AuditEvent) -> bool:
        """Confirm the offer with this very secret, with hashes of recovery codes; False if it is gone."""

    def use_step(self, account_id: int, step: int) -> bool:
        """Use up a time step; False unless it is later than the last that was used."""

    def remove_totp(self, account_id: int, event: AuditEvent) -> bool:
        """Forget the app; False if there is none."""

    def list_passkeys(self, account_id: int) -> tuple[PasskeyRecord, ...]:
        """The passkeys of an account, oldest first."""

    def find_passkey(self, credential_id: str) -> PasskeyRecord | None:
        """The passkey of this name."""

    def add_passkey(self, record: PasskeyRecord, codes: Collection[str], event: AuditEvent) -> None:
        """Add one, with hashes of recovery codes; raises Conflict if it is known."""

    def use_passkey(self, record: PasskeyRecord, sign_count: int, at: datetime) -> bool:
        """Keep count and time of a use; False if it was used meanwhile, or is gone."""

    def remove_passkey(self, account_id: int, passkey_id: int, event: AuditEvent) -> bool:
        """Forget one; False if the account has none of that number."""

    def count_codes(self, account_id: int) -> int:
        """How many recovery codes are left."""

    def replace_codes(self, account_id: int, codes: Collection[str], event: AuditEvent) -> None:
        """Put these in place of all that were there."""

    def use_code(self, account_id: int, code: str, event: AuditEvent) -> bool:
        """Use up a recovery code by its hash; False if there is none."""

    def remove_all(self, account_id: int, event: AuditEvent) -> bool:
        """Forget all factors and codes of an account; False if there were none."""

    def with_factor(self, account_ids: Collection[int]) -> frozenset[int]:
        """Those of the accounts that have a second factor."""

    def add_challenge(self, record: ChallengeRecord, at: datetime) -> None:
        """Keep a challenge, and forget those that have expired at `at`."""

    def take_challenge(self, challenge_hash: str, at: datetime) -> ChallengeRecord | None:
        """Use up a challenge that has not expired at `at`."""


# What every store refuses, in the same words. A store calls these in the transaction in which it has read the values.


def setup_link_invalid() -> NotFound:
    """Return the error for a set-up link that cannot be used, or can be used no more."""
    return NotFound.because(SETUP_LINK_INVALID)


def account_link_invalid() -> NotFound:
    """Return the error for a link to choose a password that cannot be used, or can be used no more."""
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
    """Raise Conflict if the account has as many valid tokens as it may have."""
    if valid >= at_most:
        raise Conflict.because(TOKEN_TOO_MANY, limit=at_most)


def passkey_known() -> Conflict:
    """Return the error for a passkey that an account has already."""
    return Conflict.because(PASSKEY_KNOWN)
