"""Second factors: authenticator app (TOTP, RFC 6238), recovery codes, and the roles that need a factor.

An app is offered (its secret is stored encrypted, but protects nothing), then confirmed by a first code.
A new offer replaces the previous one; a crash between the two leaves an offer that the next replaces.
Recovery codes are created with the first factor, in its transaction, and deleted with the last.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import pyotp

from ca_service.authority.access.credentials import hash_secret
from ca_service.authority.access.permissions import Action, Actor, Role, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.records import STEP_SECONDS, AccountRecord, PasskeyRecord, TotpRecord
from ca_service.authority.people.store import FactorStore, SecretBox
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, InvalidInput, NotFound, Rule

TOTP_NOT_OFFERED: Final = Rule(
    "totp.not-offered",
    "No authenticator app is waiting for confirmation.",
    "Start again: another window has replaced or confirmed it.",
)
PASSKEY_UNKNOWN: Final = Rule(
    "passkey.unknown",
    "There is no passkey {number}.",
    "It was already removed. Check the list.",
)
TOTP_CODE: Final = Rule(
    "totp.code",
    "The code is not the current one of the app.",
    "Enter the six digits that the app shows now. If they are refused again, check the clock of the device.",
)
TOTP_ENROLLED: Final = Rule(
    "totp.enrolled",
    "This account already has an authenticator app.",
    "Remove it before you add another one.",
)
RECOVERY_CODES_NEEDLESS: Final = Rule(
    "recovery-codes.needless",
    "This account has no second factor yet, so it needs no recovery codes.",
    "Add an authenticator app or a passkey: the recovery codes come with it.",
)

_CODES: Final = 10
_CODE_BYTES: Final = 10  # 80 bits, for which a fast hash is enough
_WINDOW: Final = 1  # time steps before and after, for clocks that differ
_ISSUER: Final = "ca_service"


@dataclass(frozen=True, slots=True)
class TotpOffer:
    """The secret of an unconfirmed app, in base32 and as the URI of the QR code."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class FactorState:
    """The second factors of an account."""

    has_app: bool
    passkeys: tuple[PasskeyRecord, ...]
    codes_left: int

    @property
    def has_factor(self) -> bool:
        """Whether the account needs more than its password."""
        return self.has_app or bool(self.passkeys)


class SecondFactors:
    """Authenticator apps and recovery codes of all accounts; `required_of` are the roles that need a factor."""

    def __init__(
        self,
        store: FactorStore,
        accounts: Accounts,
        secret_box: SecretBox,
        clock: Clock,
        *,
        required_of: Collection[Role] = (),
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._secret_box = secret_box
        self._clock = clock
        self._required_of = frozenset(required_of)

    def state(self, account: AccountRecord) -> FactorState:
        """Return the second factors of the account."""
        found = self._store.find_totp(account.id)
        return FactorState(
            has_app=found is not None and found.confirmed_at is not None,
            passkeys=self._store.list_passkeys(account.id),
            codes_left=self._store.count_codes(account.id),
        )

    def is_lacking(self, account: AccountRecord) -> bool:
        """Return whether the account's role needs a second factor and the account has none."""
        return account.role in self._required_of and not self.with_factor([account])

    def with_factor(self, accounts: Collection[AccountRecord]) -> frozenset[int]:
        """Return the ids of those accounts that have a second factor."""
        return self._store.with_factor([account.id for account in accounts])

    def offer_app(self, actor: Actor) -> TotpOffer:
        """Offer a new app secret to the actor. Raises Conflict if an app is already confirmed."""
        account = self._own(actor)
        secret = _new_secret()
        sealed = self._secret_box.encrypt(secret.encode(), _purpose(account))
        if not self._store.offer_totp(TotpRecord(account.id, sealed)):
            raise Conflict.because(TOTP_ENROLLED)
        return TotpOffer(secret, _app_uri(secret, account.name))

    def pending_app(self, actor: Actor) -> TotpOffer | None:
        """Return the unconfirmed secret, to show it again, or None."""
        account = self._own(actor)
        found = self._store.find_totp(account.id)
        if found is None or found.confirmed_at is not None:
            return None
        secret = self._secret_box.decrypt(found.sealed, _purpose(account)).decode()
        return TotpOffer(secret, _app_uri(secret, account.name))

    def confirm_app(self, actor: Actor, code: str) -> tuple[str, ...]:
        """Add the app after its first code; return the recovery codes if this is the first factor.

        Raises InvalidInput for a wrong code, Conflict if no app was offered.
        """
        account, now = self._own(actor), self._clock()
        offer = self._store.find_totp(account.id)
        if offer is None or offer.confirmed_at is not None:
            raise _offer_gone()
        secret = self._secret_box.decrypt(offer.sealed, _purpose(account)).decode()
        step = _matching_step(secret, _typed(code), now)
        if step is None:
            raise _wrong_code()
        codes = self.first_codes(account)
        event = AuditEvent.by(actor, now, Event.FACTOR_ADDED, account.name, kind="authenticator app")
        confirmed = replace(offer, last_step=step, confirmed_at=now)
        if not self._store.confirm_totp(confirmed, list(map(hash_code, codes)), event):
            raise _offer_gone()
        return codes

    def remove_app(self, actor: Actor) -> None:
        """Remove the app, if there is one."""
        account = self._own(actor)
        event = AuditEvent.by(actor, self._clock(), Event.FACTOR_REMOVED, account.name, kind="authenticator app")
        self._store.remove_totp(account.id, event)

    def new_codes(self, actor: Actor) -> tuple[str, ...]:
        """Replace all recovery codes by new ones, and return them. Raises Conflict without a second factor."""
        account = self._own(actor)
        if not self.with_factor([account]):
            raise Conflict.because(RECOVERY_CODES_NEEDLESS)
        codes = _new_codes()
        event = AuditEvent.by(actor, self._clock(), Event.RECOVERY_CODES_MADE, account.name)
        self._store.replace_codes(account.id, list(map(hash_code, codes)), event)
        return codes

    def first_codes(self, account: AccountRecord) -> tuple[str, ...]:
        """Return recovery codes for the first factor; none if the account already has some."""
        return () if self._store.count_codes(account.id) else _new_codes()

    def use_code(self, account: AccountRecord, code: str, origin: str) -> str:
        """Use up a code of the app or a recovery code; return its kind, or an empty string if it is wrong."""
        typed = _typed(code)
        if len(typed) != 6:
            actor = replace(account.actor, origin=origin)
            event = AuditEvent.by(actor, self._clock(), Event.RECOVERY_CODE_USED, account.name)
            return "recovery code" if self._store.use_code(account.id, hash_code(typed), event) else ""
        found = self._store.find_totp(account.id)
        if found is None or found.confirmed_at is None:
            return ""
        secret = self._secret_box.decrypt(found.sealed, _purpose(account)).decode()
        step = _matching_step(secret, typed, self._clock())
        return "authenticator app" if step is not None and self._store.use_step(account.id, step) else ""

    def reset(self, actor: Actor, account_name: str) -> bool:
        """Remove all second factors of an account whose owner has lost them; return whether there were any."""
        require(actor, Action.ACCOUNTS)
        account = self._accounts.get(account_name)
        event = AuditEvent.by(actor, self._clock(), Event.FACTOR_REMOVED, account.name, kind="all")
        return self._store.remove_all(account.id, event)

    def _own(self, actor: Actor) -> AccountRecord:
        require(actor, Action.OWN_ACCOUNT)
        return self._accounts.get(actor.name)


def hash_code(code: str) -> str:
    """Return the hash of a recovery code, in any way of typing it."""
    return hash_secret(_typed(code))


def _typed(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isascii() and letter.isalnum())[:64]


def _new_codes() -> tuple[str, ...]:
    texts = (base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode() for _ in range(_CODES))
    return tuple("-".join(text[place : place + 4] for place in range(0, len(text), 4)) for text in texts)


def _purpose(account: AccountRecord) -> str:
    return f"totp:{account.id}"


def _wrong_code() -> InvalidInput:
    return InvalidInput(TOTP_CODE.at("/code"))


def _offer_gone() -> Conflict:
    return Conflict.because(TOTP_NOT_OFFERED)


def no_such_passkey(number: int) -> NotFound:
    """Return the error for a passkey id that the account does not have."""
    return NotFound.because(PASSKEY_UNKNOWN, number=number)


def _new_secret() -> str:
    """Return a secret of 160 bits in base32 (RFC 4226, section 4, R6)."""
    return pyotp.random_base32()


def _app_uri(secret: str, account_name: str) -> str:
    """Return the URI in the QR code for the app."""
    return pyotp.TOTP(secret, name=account_name, issuer=_ISSUER).provisioning_uri()


def _matching_step(secret: str, code: str, at: datetime) -> int | None:
    """Return the time step of the code, if it is one of those around `at`, or None."""
    totp, now = pyotp.TOTP(secret), int(at.timestamp()) // STEP_SECONDS
    steps = range(now - _WINDOW, now + _WINDOW + 1)
    return next(
        (step for step in steps if secrets.compare_digest(totp.generate_otp(step).encode(), code.encode())), None
    )
