"""Values of accounts and sign-in that the stores take and return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.ports import CLOCK_TOLERANCE

ATTEMPTS_COUNT_FOR: Final = timedelta(days=1)
LONGEST_WAIT: Final = timedelta(hours=1)  # after failed attempts
STEP_SECONDS: Final = 30  # of a code from an authenticator app
#: A used time step that is later than the present one by more than this was stored while the clock was ahead.
UNBELIEVABLE_STEPS: Final = int(CLOCK_TOLERANCE.total_seconds()) // STEP_SECONDS + 2
LONGEST_SESSION: Final = timedelta(hours=168)  # the upper limit of the setting
PENDING_SESSION: Final = timedelta(minutes=10)  # a session that waits for its second factor
BROWSER_KNOWN_FOR: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account of a person or a script. `session_epoch` grows when all sessions end.

    `mail_address` gets the messages about requests that concern the account; empty for none.
    """

    id: int
    name: str
    role: Role
    password_hash: str
    session_epoch: int
    created_at: datetime
    disabled_at: datetime | None = None
    mail_address: str = ""

    @property
    def actor(self) -> Actor:
        """The account as an actor."""
        return Actor(self.id, self.name, self.role)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """An API token; `hash` is the SHA-256 of the secret, `prefix` its first characters.

    `scopes` are those that it was created with; empty names, profiles or networks set no limit.
    """

    id: int
    account_id: int
    label: str
    prefix: str
    hash: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @property
    def grant(self) -> Grant:
        """The limits of the token within the role of its account."""
        return Grant(self.id, frozenset(self.scopes), self.names, self.profiles)

    def state(self, now: datetime) -> Literal["valid", "revoked", "expired"]:
        """Return the state of the token at this moment."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "valid"


@dataclass(frozen=True, slots=True)
class SetupLink:
    """The right to create the first administrator, once, until `expires_at`."""

    hash: str
    expires_at: datetime


PeopleSort = Literal["name", "newest"]


@dataclass(frozen=True, slots=True)
class Visit:
    """The origin of a sign-in: address, name of the browser, and the secret of a known browser."""

    address: str = ""
    user_agent: str = ""
    browser: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A signed-in browser. `hash` is the SHA-256 of the secret in its cookie.

    It is valid while `epoch` is that of its account. Until `is_complete`, the second step is missing and it
    allows nothing. `method` is how its owner signed in, `confirmed_at` the last authentication, `seen_at`
    roughly the last use.
    """

    id: int
    hash: str
    account_id: int
    epoch: int
    is_complete: bool
    method: str
    address: str
    user_agent: str
    created_at: datetime
    seen_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A valid session, with its account."""

    record: SessionRecord
    account: AccountRecord


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of attempts. `subject` identifies the account for `unlock`; both are SHA-256.

    `wait` returns the pause after so many failures.
    """

    key: str
    subject: str
    wait: Callable[[int], timedelta]


@dataclass(frozen=True, slots=True)
class AccountLink:
    """The right to choose the password of an account, once, until `expires_at`; one for each account."""

    account_id: int
    hash: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PeopleQuery:
    """A search for accounts: `text` in the name or the role."""

    text: str = ""
    sort: PeopleSort = "name"
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A page of accounts, and the cursor of the next page, empty on the last."""

    items: tuple[AccountRecord, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class TotpRecord:
    """The authenticator app of an account: its encrypted secret, and the last time step that was used.

    Until `confirmed_at` it is only offered, and protects nothing.
    """

    account_id: int
    sealed: bytes
    last_step: int = 0
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PasskeyRecord:
    """A passkey (WebAuthn, level 2): `credential_id` in base64url, the public key as COSE."""

    id: int
    account_id: int
    credential_id: str
    public_key: bytes
    sign_count: int
    label: str
    created_at: datetime
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChallengeRecord:
    """A challenge that a passkey has signed: it counts no more until `expires_at`, when it is forgotten."""

    hash: str
    account_id: int | None
    expires_at: datetime
