"""Single sign-on: people sign in at an OpenID provider, which states their identity and groups.

An attempt is started, carried by the browser, and finished once: its state, nonce and verifier are
created here and match one answer of the provider. A crash before the end leaves nothing; the account, its
identity and the event are written in one transaction. Two first sign-ins of one person at the same time
get one account. A person is identified by issuer and subject only: names and mail addresses can
be reassigned. So a local account of the same name is never taken over.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from ca_service.authority.access.credentials import checked_account_name, is_mail_address
from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.passwords import NO_PASSWORD
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.authority.people.store import AccountStore
from ca_service.authority.people.throttle import Throttle
from ca_service.authority.ports import Clock
from ca_service.errors import CAServiceError, Conflict, NotAllowed, NotAuthenticated, NotReady, Rule

OIDC_NAME_TAKEN: Final = Rule(
    "oidc.name-taken",
    "The name {name} belongs to a local account, which is not linked to your sign-in at the provider.",
    "If the account is yours, sign in with its password. Otherwise ask the operator to choose another claim for "
    "names: oidc.name_claim.",
)
OIDC_TOKEN: Final = Rule(
    "oidc.token",
    "The answer of the sign-in service cannot be trusted: {reason}.",
    "Sign in again. If the error persists, tell the operator.",
)
OIDC_STATE: Final = Rule(
    "oidc.state",
    "This answer does not belong to a sign-in from this browser, or the sign-in took too long.",
    "Sign in again, and answer within ten minutes.",
)
OIDC_REFUSED: Final = Rule(
    "oidc.refused",
    "The sign-in service refused the sign-in ({code}).",
    "Sign in again, or ask the operator of the sign-in service.",
)
OIDC_NO_ROLE: Final = Rule(
    "oidc.no-role",
    "None of your groups has a role in this service.",
    "Ask for membership in a group that has one. Operator: check the claim {claim} and the setting oidc.roles.",
)
OIDC_DISABLED: Final = Rule(
    "oidc.disabled",
    "The account {name} is disabled.",
    "Ask an administrator: `ca-service user enable NAME`.",
)
OIDC_SET_UP_FIRST: Final = Rule(
    "oidc.set-up-first",
    "This authority has no administrator yet.",
    "Use the set-up link first, or `ca-service user create NAME --role administrator`.",
)
OIDC_NO_NAME: Final = Rule(
    "oidc.no-name",
    "The sign-in service did not send your name.",
    "Operator: let the service send the claim {claim}, or set oidc.name_claim to another one.",
)
OIDC_EMAIL: Final = Rule(
    "oidc.email",
    "The sign-in service has not verified your mail address.",
    "Verify it there, and sign in again.",
)

MAX_SUBJECT: Final = 255  # OpenID Connect Core, 2
_LIFETIME: Final = timedelta(minutes=10)
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in in progress: the values that the answer has to match. The browser carries it, signed by us.

    With `afresh` the person has to authenticate again, even if the provider still remembers them.
    """

    state: str
    nonce: str
    verifier: str
    begun_at: datetime
    afresh: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer in the browser's URL (RFC 6749, 4.1.2; RFC 9207); missing parameters are empty."""

    state: str
    code: str = ""
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """The identity of an account's owner: the subject at an issuer."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """The claims with the account name and with the groups, and the role of each group; the first match counts."""

    name_claim: str
    role_claim: str
    roles: Mapping[str, Role]


class IdentityProvider(Protocol):
    """An OpenID provider."""

    @property
    def issuer(self) -> str:
        """The identifier of the provider, a URL."""

    def begin(self, attempt: Attempt, redirect_uri: str) -> str:
        """Return the URL to send the browser to. Raises NotReady if the provider cannot be reached."""

    def finish(self, attempt: Attempt, redirect_uri: str, code: str) -> Mapping[str, object]:
        """Return the verified claims of the ID token for this code.

        Raises NotAuthenticated for an invalid answer, NotReady without one.
        """


class IdentityStore(Protocol):
    """Accounts with external identities."""

    def find_account(self, identity: ExternalIdentity) -> AccountRecord | None:
        """Return the account of this identity, or None."""

    def has_identity(self, account_id: int) -> bool:
        """Return whether this account has an external identity."""

    def add_account(self, identity: ExternalIdentity, account: AccountRecord, event: AuditEvent) -> AccountRecord:
        """Add an account for the identity, with its event; or return the one that another process has just added.

        Raises Conflict if the name is taken.
        """


def external_name_taken(name: str) -> Conflict:
    """Return the error for a name that belongs to an account without this identity: see IdentityStore."""
    return Conflict.because(OIDC_NAME_TAKEN, name=name)


class SingleSignOn:
    """Sign-in at the provider of this installation."""

    def __init__(
        self,
        *,
        provider: IdentityProvider,
        identities: IdentityStore,
        accounts: AccountStore,
        throttle: Throttle,
        rules: ClaimRules,
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._identities = identities
        self._accounts = accounts
        self._throttle = throttle
        self._rules = rules
        self._clock = clock

    @property
    def issuer(self) -> str:
        """The identifier of the provider, a URL."""
        return self._provider.issuer

    def is_external(self, account_id: int) -> bool:
        """Return whether this account signs in at the provider, and so has no password here."""
        return self._identities.has_identity(account_id)

    def begin(self, redirect_uri: str, *, afresh: bool = False) -> tuple[Attempt, str]:
        """Return a new attempt, and the URL to send the browser to. Raises NotReady."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = Attempt(state, nonce, verifier, self._clock(), afresh)
        return attempt, self._provider.begin(attempt, redirect_uri)

    def finish(self, attempt: Attempt | None, answer: Answer, redirect_uri: str, visit: Visit) -> AccountRecord:
        """Return the account of the answer's person, created at the first sign-in; its role is updated each time.

        Raises NotAuthenticated, NotAllowed, NotReady, TooManyAttempts, Conflict for a name that a local account has,
        and InvalidInput for one that no account can have. The caller deletes the attempt before.

        Without an attempt nothing is tried, so nothing counts: any page on the web can send such answers through the
        browsers of others, who would have to wait for it.
        """
        if attempt is None:
            raise _stale()
        counters = self._throttle.attempt_unnamed(visit, "OpenID provider")  # a failure writes an event
        try:
            account = self._finish(attempt, answer, redirect_uri, visit.address)
        except CAServiceError as error:
            details = {"by": self.issuer, "reason": error.rule}
            failed = AuditEvent(self._clock(), Event.SIGN_IN_FAILED, "anonymous", "(not known)", details, visit.address)
            self._accounts.add_event(failed)
            raise
        self._throttle.succeed(counters)
        return account

    def _finish(self, attempt: Attempt, answer: Answer, redirect_uri: str, origin: str) -> AccountRecord:
        if not self._fits(attempt, answer):
            raise _stale()
        if answer.error or not answer.code:
            raise _refused(answer.error)
        if answer.issuer and answer.issuer != self.issuer:
            raise untrusted("the answer comes from another issuer")
        claims = self._provider.finish(attempt, redirect_uri, answer.code)
        if attempt.afresh and not _is_since(claims.get("auth_time"), attempt.begun_at):
            raise untrusted("it has not asked you again")
        account = self._account(claims, origin)
        if account.disabled_at:
            raise NotAllowed.because(OIDC_DISABLED, name=account.name)
        return account

    def _fits(self, attempt: Attempt, answer: Answer) -> bool:
        is_ours = secrets.compare_digest(attempt.state.encode(), answer.state.encode("utf-8", "replace"))
        return is_ours and attempt.begun_at <= self._clock() < attempt.begun_at + _LIFETIME

    def _account(self, claims: Mapping[str, object], origin: str) -> AccountRecord:
        subject, role = str(claims["sub"]), self._role(claims)
        if not 1 <= len(subject) <= MAX_SUBJECT:
            raise untrusted("the subject is empty or too long")
        identity = ExternalIdentity(self.issuer, subject)
        account = self._identities.find_account(identity)
        if account is None:
            return self._new(identity, claims, role, origin)
        if account.disabled_at:
            return account
        account = account if account.role is role else self._with_role(account, role, origin)
        address = _verified_address(claims)
        return self._with_address(account, address, origin) if address else account

    def _new(self, identity: ExternalIdentity, claims: Mapping[str, object], role: Role, origin: str) -> AccountRecord:
        if role is not Role.ADMINISTRATOR and not self._accounts.count_accounts():
            raise NotReady.because(OIDC_SET_UP_FIRST)
        name = checked_account_name(self._name(claims))
        address = _verified_address(claims)
        account = AccountRecord(0, name, role, NO_PASSWORD, 0, self._clock(), mail_address=address)
        actor = replace(account.actor, origin=origin)
        event = AuditEvent.by(actor, self._clock(), Event.ACCOUNT_CREATED, name, role=role.value, by=identity.issuer)
        return self._identities.add_account(identity, account, event)

    def _with_role(self, account: AccountRecord, role: Role, origin: str) -> AccountRecord:
        """Return the account with another role; sessions under the old one end."""
        changed = replace(account, role=role, session_epoch=account.session_epoch + 1)
        actor = replace(account.actor, origin=origin)
        said = {"role": role.value, "before": account.role.value, "by": self.issuer}
        self._accounts.update_account(
            changed, AuditEvent.by(actor, self._clock(), Event.ACCOUNT_CHANGED, account.name, **said)
        )
        return changed

    def _with_address(self, account: AccountRecord, address: str, origin: str) -> AccountRecord:
        """Return the account with this mail address."""
        if address != account.mail_address:
            actor, said = replace(account.actor, origin=origin), {"mail_address": "changed", "by": self.issuer}
            event = AuditEvent.by(actor, self._clock(), Event.ACCOUNT_CHANGED, account.name, **said)
            self._accounts.set_mail_address(account.id, address, event)
        return replace(account, mail_address=address)

    def _role(self, claims: Mapping[str, object]) -> Role:
        """Return the role of the first group in the settings that the person belongs to."""
        told = claims.get(self._rules.role_claim)
        groups = {told} if isinstance(told, str) else set(filter(_is_text, told)) if isinstance(told, list) else set()
        for group, role in self._rules.roles.items():
            if group in groups:
                return role
        raise NotAllowed.because(OIDC_NO_ROLE, claim=self._rules.role_claim)

    def _name(self, claims: Mapping[str, object]) -> str:
        told = claims.get(self._rules.name_claim)
        if not isinstance(told, str):
            raise NotAllowed.because(OIDC_NO_NAME, claim=self._rules.name_claim)
        if self._rules.name_claim == "email" and claims.get("email_verified") is not True:
            raise NotAllowed.because(OIDC_EMAIL)
        return told


def _verified_address(claims: Mapping[str, object]) -> str:
    """Return the mail address if the provider has verified it (OpenID Connect Core, 5.1), or an empty text."""
    told = claims.get("email")
    is_verified = claims.get("email_verified") is True and isinstance(told, str) and is_mail_address(told)
    return str(told) if is_verified else ""


def untrusted(reason: str) -> NotAuthenticated:
    """Return the error for an invalid answer; `reason` is for the operator and contains nothing of the token."""
    return NotAuthenticated.because(OIDC_TOKEN, reason=reason)


def _is_since(auth_time: object, begun_at: datetime) -> bool:
    """Return whether the sign-in there (OpenID Connect Core, 2) came after the start of the attempt here."""
    is_time = isinstance(auth_time, int | float) and not isinstance(auth_time, bool)
    return is_time and float(str(auth_time)) >= (begun_at - _CLOCKS_DIFFER).timestamp()


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _stale() -> NotAuthenticated:
    return NotAuthenticated.because(OIDC_STATE)


def _refused(error: str) -> NotAuthenticated:
    return NotAuthenticated.because(OIDC_REFUSED, code=error if _ERROR_CODE.fullmatch(error) else "without a reason")
