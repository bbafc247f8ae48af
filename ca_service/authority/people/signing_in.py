"""Authentication: password, second step, passkey, re-authentication; every attempt is counted first.

Each method verifies only after `Throttle` has counted, so that attempts at the same moment, from
any process, cannot exceed the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ca_service.authority.access.credentials import loggable_name
from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.factors import SecondFactors
from ca_service.authority.people.passkeys import Passkeys, RelyingParty
from ca_service.authority.people.passwords import NO_PASSWORD, Passwords
from ca_service.authority.people.records import AccountRecord, Counter, OpenSession, Visit
from ca_service.authority.people.sessions import Sessions, SignInResult
from ca_service.authority.people.store import AccountStore
from ca_service.authority.people.throttle import Throttle
from ca_service.authority.ports import Clock
from ca_service.errors import InvalidInput, NotAuthenticated, NotReady, Rule

SIGN_IN_OVER: Final = Rule(
    "sign-in.over",
    "The first step was too long ago, or is missing.",
    "Start again with name and password.",
)
SIGN_IN_NOT_SHOWN: Final = Rule(
    "sign-in.not-shown",
    "This does not prove your identity.",
    "Try again. Each code works once, so wait for the next. Without your device, use a recovery code, or ask an "
    "administrator: `ca-service user reset NAME`.",
)
SIGN_IN_WRONG: Final = Rule(
    "sign-in.wrong",
    "Name or password is wrong.",
    "Try again. An administrator can create a link for a new password: `ca-service user reset NAME`.",
)
PASSWORD_OLD: Final = Rule(
    "password.old",
    "The old password is wrong.",
    "Enter it again.",
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of an identity: one of password, code (of the app, or a recovery code) and answer of a passkey."""

    party: RelyingParty
    password: str = ""
    code: str = ""
    credential: str = ""


class SigningIn:
    """The ways to sign in."""

    def __init__(
        self,
        *,
        store: AccountStore,
        accounts: Accounts,
        passwords: Passwords,
        throttle: Throttle,
        sessions: Sessions,
        factors: SecondFactors,
        passkeys: Passkeys,
        clock: Clock,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._throttle = throttle
        self._sessions = sessions
        self._factors = factors
        self._passkeys = passkeys
        self._clock = clock

    def with_password(self, name: str, password: str, visit: Visit) -> SignInResult:
        """Sign in by name and password; with a second factor the session is pending.

        Raises NotAuthenticated without saying which of the two was wrong, TooManyAttempts.
        """
        account = self._accounts.find(name)
        is_known = account is not None and self._sessions.knows(account, visit)
        counted = self._throttle.attempt(name, visit, is_known=is_known)
        is_right = self._is_right(counted.counters, account.password_hash if account else NO_PASSWORD, password)
        if not is_right or account is None or account.disabled_at:
            raise counted.wait or self._failed(account.name if account else loggable_name(name), "password", visit)
        if self._factors.with_factor([account]):
            pending = self._sessions.open_pending(account, "password", visit)
            self._throttle.take_back(counted.counters)
            return pending
        if counted.wait:  # the same answer as to a wrong password
            self._throttle.take_back(counted.counters)
            raise counted.wait
        return self._opened(counted.counters, self._sessions.open(account, "password", visit))

    def from_elsewhere(self, account: AccountRecord, visit: Visit, *, is_afresh: bool) -> SignInResult:
        """Sign in the person whom the provider named; with a second factor here the session is pending.

        Only `is_afresh` says that they have just authenticated there: a provider may still remember them.
        """
        if self._factors.with_factor([account]):
            return self._sessions.open_pending(account, "oidc", visit)
        return self._sessions.open(account, "oidc", visit, is_confirmed=is_afresh)

    def second_step(self, secret: str, proof: Proof, visit: Visit) -> SignInResult:
        """Complete a sign-in after the first step, by a code or a passkey.

        `secret` is that of the pending session. Raises NotAuthenticated, TooManyAttempts.
        """
        pending = self._sessions.find_pending(secret)
        if pending is None:
            raise _begin_again()
        account = pending.account
        is_known = self._sessions.knows(account, visit)
        counters = self._throttle.attempt_second_step(account.name, visit, is_known=is_known)
        method = self._second_factor(account, proof, visit)
        if not method:
            raise self._failed(account.name, "second step", visit)
        steps = f"{pending.record.method}, {method}"
        return self._opened(counters, self._sessions.open(account, steps, visit, replaces=secret))

    def with_passkey(self, proof: Proof, visit: Visit) -> SignInResult:
        """Sign in by a passkey alone. Raises NotAuthenticated, TooManyAttempts."""
        counters = self._throttle.attempt_unnamed(visit, "passkey")
        try:
            account = self._store.find_account_by_id(self._passkeys.verify(proof.party, proof.credential))
        except NotAuthenticated:
            self._note_failure("(not recorded)", "passkey", visit)
            raise
        if account is None or account.disabled_at:
            raise self._failed(account.name if account else "(not recorded)", "passkey", visit)
        return self._opened(counters, self._sessions.open(account, "passkey", visit))

    def confirm(self, session: OpenSession, proof: Proof, visit: Visit) -> None:
        """Re-authenticate the owner of a session. Raises NotAuthenticated, TooManyAttempts."""
        account = session.account
        counters = self._throttle.attempt_again(account.name, session.record.hash, visit)
        if proof.password:
            is_right = self._is_right(counters, account.password_hash, proof.password)
            method = "password" if is_right else ""
        else:
            method = self._second_factor(account, proof, visit)
        if not method:
            raise self._failed(account.name, "confirmation", visit)
        self._sessions.confirm(session, method, visit)
        self._throttle.succeed(counters)

    def change_password(self, session: OpenSession, old: str, new: str, visit: Visit) -> SignInResult:
        """Change one's own password after checking the old one; all sessions end, and this browser gets a new one.

        Raises InvalidInput for either password, TooManyAttempts. A crash in between leaves the new
        password and no session.
        """
        account = session.account
        counters = self._throttle.attempt_again(account.name, session.record.hash, visit)
        if not self._is_right(counters, account.password_hash, old):
            raise InvalidInput(PASSWORD_OLD.at("/old_password"))
        self._throttle.succeed(counters)
        changed = self._accounts.set_password(_actor(account, visit), account.name, new)
        self._sessions.forget_browsers(changed)
        return self._sessions.open(changed, "password", visit)

    def _opened(self, counters: Sequence[Counter], result: SignInResult) -> SignInResult:
        """Take the attempts back and return the result: the session exists, whatever becomes of the counters."""
        self._throttle.succeed(counters)
        return result

    def _is_right(self, counters: Sequence[Counter], password_hash: str, password: str) -> bool:
        """Return whether the password is right. Raises NotReady, and does not count the attempt, if that is unknown."""
        try:
            return self._passwords.is_right(password_hash, password)
        except NotReady:
            self._throttle.take_back(counters)
            raise

    def _second_factor(self, account: AccountRecord, proof: Proof, visit: Visit) -> str:
        """Return which second factor proves the identity; empty if none does."""
        if proof.code:
            return self._factors.use_code(account, proof.code, visit.address)
        try:
            is_theirs = self._passkeys.verify(proof.party, proof.credential) == account.id
        except NotAuthenticated:
            is_theirs = False
        return "passkey" if is_theirs else ""

    def _failed(self, name: str, step: str, visit: Visit) -> NotAuthenticated:
        self._note_failure(name, step, visit)
        if step == "password":
            return NotAuthenticated.because(SIGN_IN_WRONG)
        return NotAuthenticated.because(SIGN_IN_NOT_SHOWN)

    def _note_failure(self, name: str, step: str, visit: Visit) -> None:
        at = self._clock()
        event = AuditEvent(at, Event.SIGN_IN_FAILED, "anonymous", name, {"step": step}, visit.address)
        self._store.add_event(event)


def _actor(account: AccountRecord, visit: Visit) -> Actor:
    return replace(account.actor, origin=visit.address)


def _begin_again() -> NotAuthenticated:
    return NotAuthenticated.because(SIGN_IN_OVER)
