"""Signing in, in memory, and what a test needs of it and does not care about."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, Final

import pyotp

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.people.passkeys import RelyingParty
from ca_service.authority.people.records import (
    ATTEMPTS_COUNT_FOR,
    BROWSER_KNOWN_FOR,
    LONGEST_SESSION,
    LONGEST_WAIT,
    PENDING_SESSION,
    UNBELIEVABLE_STEPS,
    ChallengeRecord,
    Counter,
    OpenSession,
    PasskeyRecord,
    SessionRecord,
    TotpRecord,
    Visit,
)
from ca_service.authority.people.signing_in import Proof, SigningIn
from ca_service.authority.people.store import AccountStore, AttemptStore, FactorStore, SessionStore, passkey_known
from ca_service.authority.ports import is_believable
from ca_service.errors import NotAuthenticated, NotReady
from ca_service.keystore.secret_box import FACTOR_KEY_MISSING
from tests.support.fakes import NOON

PARTY: Final = RelyingParty("localhost", "http://localhost")


def code_of(secret: str, at: datetime) -> str:
    """What an app shows at this time."""
    return pyotp.TOTP(secret.replace(" ", "")).at(at)


def proof(**shown: str) -> Proof:
    """What somebody shows."""
    return Proof(PARTY, **shown)


def can_sign_in(signing_in: SigningIn, name: str, password: str) -> bool:
    """Whether name and password open something."""
    try:
        return bool(signing_in.with_password(name, password, Visit()))
    except NotAuthenticated:
        return False


def session_record(account_id: int, **changes: Any) -> SessionRecord:
    """A session that was just opened."""
    record = SessionRecord(0, "hash", account_id, 0, True, "password", "192.0.2.1", "Browser/1", NOON, NOON, NOON)
    return replace(record, **changes)


def passkey_record(account_id: int, **changes: Any) -> PasskeyRecord:
    """A passkey whose bytes mean nothing."""
    return replace(PasskeyRecord(0, account_id, "name", b"public key", 0, "laptop", NOON), **changes)


@dataclass(slots=True)
class _Tally:
    subject: str
    failures: int
    last_at: datetime
    blocked_until: datetime | None = None


class InMemoryAttemptStore:
    """Attempts in a dictionary."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self._tallies: dict[str, _Tally] = {}
        self._lock = threading.Lock()

    def count(self, counters: Sequence[Counter], at: datetime, delayed: AuditEvent | None) -> datetime | None:
        """See the port."""
        with self._lock:
            for each in self._tallies.values():
                if not is_believable(each.last_at, at):
                    has_waited = each.blocked_until is not None and each.blocked_until > each.last_at
                    each.blocked_until = at + LONGEST_WAIT if has_waited else None
                    each.last_at = at
            fresh = {key: each for key, each in self._tallies.items() if each.last_at > at - ATTEMPTS_COUNT_FOR}
            self._tallies = fresh
            waits = [fresh[each.key].blocked_until for each in counters if each.key in fresh]
            waiting = [until for until in waits if until and until > at]
            if waiting:
                return max(waiting)
            began = [self._add(each, at) for each in counters]
            self.events += [delayed] if delayed and any(began) else []
            return None

    def _add(self, counter: Counter, at: datetime) -> bool:
        tally = self._tallies.setdefault(counter.key, _Tally(counter.subject, 0, at))
        tally.failures, tally.last_at = tally.failures + 1, at
        tally.blocked_until = at + counter.wait(tally.failures)
        return tally.blocked_until > at

    def take_back(self, counters: Sequence[Counter]) -> None:
        """See the port."""
        for tally in (self._tallies[each.key] for each in counters if each.key in self._tallies):
            if tally.failures:
                tally.failures, tally.blocked_until = tally.failures - 1, None

    def clear(self, counters: Sequence[Counter]) -> None:
        """See the port."""
        for counter in counters:
            self._tallies.pop(counter.key, None)

    def unlock(self, subject: str, event: AuditEvent) -> None:
        """See the port."""
        self._tallies = {key: each for key, each in self._tallies.items() if each.subject != subject}
        self.events.append(event)

    def waits_until(self, subject: str, at: datetime) -> datetime | None:
        """See the port."""
        found = [each.blocked_until for key, each in self._tallies.items() if subject in (key, each.subject)]
        waits = max((until for until in found if until and until > at), default=None)
        return min(waits, at + LONGEST_WAIT) if waits else None


class InMemorySessionStore:
    """Sessions in a list, for the accounts of this store."""

    def __init__(self, accounts: AccountStore) -> None:
        self.events: list[AuditEvent] = []
        self._accounts = accounts
        self._sessions: list[SessionRecord] = []
        self._browsers: dict[tuple[int, str], datetime] = {}
        self._numbers = count(1)

    def add_session(
        self, session: SessionRecord, browser_hash: str, event: AuditEvent | None, replaces: str = ""
    ) -> None:
        """See the port."""
        self._sessions = [each for each in self._sessions if not _is_over(each, session, replaces)]
        self._sessions.append(replace(session, id=next(self._numbers)))
        if event is not None:
            self._browsers = {
                key: seen
                for key, seen in self._browsers.items()
                if key[0] != session.account_id or seen >= session.created_at - BROWSER_KNOWN_FOR
            }
            self._browsers[session.account_id, browser_hash] = session.created_at
            self.events.append(event)

    def find_session(self, session_hash: str) -> OpenSession | None:
        """See the port."""
        found = next((each for each in self._sessions if each.hash == session_hash), None)
        account = self._accounts.find_account_by_id(found.account_id) if found else None
        if found is None or account is None or account.disabled_at or account.session_epoch != found.epoch:
            return None
        return OpenSession(found, account)

    def note_seen(self, session_hash: str, at: datetime) -> None:
        """See the port."""
        self._change(session_hash, seen_at=at)

    def note_confirmed(self, session_hash: str, at: datetime, event: AuditEvent) -> None:
        """See the port."""
        self._change(session_hash, confirmed_at=at)
        self.events.append(event)

    def list_sessions(self, account_id: int, epoch: int) -> tuple[SessionRecord, ...]:
        """See the port."""
        found = [each for each in self._sessions if each.account_id == account_id and each.epoch == epoch]
        complete = [each for each in found if each.is_complete]
        return tuple(sorted(complete, key=lambda each: (each.seen_at, each.id), reverse=True))

    def end_sessions(
        self, account_id: int, event: AuditEvent, *, only: int | None = None, but: str | None = None
    ) -> int:
        """See the port."""
        ended = [
            each
            for each in self._sessions
            if each.account_id == account_id and only in (None, each.id) and each.hash != but
        ]
        self._sessions = [each for each in self._sessions if each not in ended]
        self.events += [event] if ended else []
        return len(ended)

    def knows_browser(self, account_id: int, browser_hash: str) -> bool:
        """See the port."""
        return (account_id, browser_hash) in self._browsers

    def forget_browsers(self, account_id: int) -> None:
        """See the port."""
        self._browsers = {key: seen for key, seen in self._browsers.items() if key[0] != account_id}

    def _change(self, session_hash: str, **values: Any) -> None:
        self._sessions = [replace(each, **values) if each.hash == session_hash else each for each in self._sessions]


def _is_over(each: SessionRecord, new: SessionRecord, replaces: str) -> bool:
    age = new.created_at - each.created_at
    return each.account_id == new.account_id and (
        each.hash == replaces
        or each.epoch != new.epoch
        or age > LONGEST_SESSION
        or (not each.is_complete and age > PENDING_SESSION)
    )


class InMemoryFactorStore:
    """Factors, codes and challenges in dictionaries."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self._apps: dict[int, TotpRecord] = {}
        self._passkeys: dict[int, PasskeyRecord] = {}
        self._codes: dict[int, set[str]] = {}
        self._challenges: dict[str, ChallengeRecord] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    def find_totp(self, account_id: int) -> TotpRecord | None:
        """See the port."""
        return self._apps.get(account_id)

    def offer_totp(self, record: TotpRecord) -> bool:
        """See the port."""
        found = self._apps.get(record.account_id)
        if found is not None and found.confirmed_at is not None:
            return False
        self._apps[record.account_id] = record
        return True

    def confirm_totp(self, record: TotpRecord, codes: Collection[str], event: AuditEvent) -> bool:
        """See the port."""
        found = self._apps.get(record.account_id)
        if found is None or found.confirmed_at is not None or found.sealed != record.sealed:
            return False
        self._apps[record.account_id] = record
        self._add_codes(record.account_id, codes, event)
        return True

    def use_step(self, account_id: int, step: int) -> bool:
        """See the port."""
        with self._lock:
            found = self._apps.get(account_id)
            if found is None or step <= found.last_step <= step + UNBELIEVABLE_STEPS:
                return False
            self._apps[account_id] = replace(found, last_step=step)
            return True

    def remove_totp(self, account_id: int, event: AuditEvent) -> bool:
        """See the port."""
        return self._removed(account_id, self._apps.pop(account_id, None), event)

    def list_passkeys(self, account_id: int) -> tuple[PasskeyRecord, ...]:
        """See the port."""
        return tuple(each for each in self._passkeys.values() if each.account_id == account_id)

    def find_passkey(self, credential_id: str) -> PasskeyRecord | None:
        """See the port."""
        return next((each for each in self._passkeys.values() if each.credential_id == credential_id), None)

    def add_passkey(self, record: PasskeyRecord, codes: Collection[str], event: AuditEvent) -> None:
        """See the port."""
        if self.find_passkey(record.credential_id):
            raise passkey_known()
        number = next(self._numbers)
        self._passkeys[number] = replace(record, id=number)
        self._add_codes(record.account_id, codes, event)

    def use_passkey(self, record: PasskeyRecord, sign_count: int, at: datetime) -> bool:
        """See the port."""
        found = self._passkeys.get(record.id)
        if found is None or found.sign_count != record.sign_count:
            return False
        self._passkeys[record.id] = replace(found, sign_count=sign_count, last_used_at=at)
        return True

    def remove_passkey(self, account_id: int, passkey_id: int, event: AuditEvent) -> bool:
        """See the port."""
        found = self._passkeys.get(passkey_id)
        if found is None or found.account_id != account_id:
            return False
        return self._removed(account_id, self._passkeys.pop(passkey_id), event)

    def count_codes(self, account_id: int) -> int:
        """See the port."""
        return len(self._codes.get(account_id, ()))

    def replace_codes(self, account_id: int, codes: Collection[str], event: AuditEvent) -> None:
        """See the port."""
        self._codes[account_id] = set()
        self._add_codes(account_id, codes, event)

    def use_code(self, account_id: int, code: str, event: AuditEvent) -> bool:
        """See the port."""
        if code not in self._codes.get(account_id, ()):
            return False
        self._codes[account_id].discard(code)
        self.events.append(event)
        return True

    def remove_all(self, account_id: int, event: AuditEvent) -> bool:
        """See the port."""
        gone = [self._apps.pop(account_id, None)]
        gone += [self._passkeys.pop(each.id) for each in self.list_passkeys(account_id)]  # type: ignore[misc]
        return self._removed(account_id, next(filter(None, gone), None), event)

    def with_factor(self, account_ids: Collection[int]) -> frozenset[int]:
        """See the port."""
        apps = {number for number, each in self._apps.items() if each.confirmed_at}
        return frozenset(account_ids) & (apps | {each.account_id for each in self._passkeys.values()})

    def use_challenge(self, record: ChallengeRecord, at: datetime) -> bool:
        """See the port."""
        self._challenges = {key: each for key, each in self._challenges.items() if each.expires_at > at}
        return self._challenges.setdefault(record.hash, record) is record

    def _add_codes(self, account_id: int, codes: Collection[str], event: AuditEvent) -> None:
        self._codes.setdefault(account_id, set()).update(codes)
        self.events.append(event)

    def _removed(self, account_id: int, gone: object, event: AuditEvent) -> bool:
        if gone is None:
            return False
        if account_id not in self._apps and not self.list_passkeys(account_id):
            self._codes.pop(account_id, None)
        self.events.append(event)
        return True


class InMemorySecretBox:
    """Encrypts by writing the purpose in front; `is_lost` is a secret box whose key is gone."""

    def __init__(self) -> None:
        self.is_lost = False

    def encrypt(self, secret: bytes, purpose: str) -> bytes:
        """See the port."""
        return purpose.encode() + b" " + secret[::-1]

    def decrypt(self, encrypted: bytes, purpose: str) -> bytes:
        """See the port."""
        found, _, rest = encrypted.partition(b" ")
        if self.is_lost or found != purpose.encode():
            raise NotReady.because(FACTOR_KEY_MISSING, path="memory")
        return rest[::-1]


@dataclass(frozen=True, slots=True)
class PeopleStores:
    """What signing in is kept in."""

    accounts: AccountStore
    attempts: AttemptStore
    sessions: SessionStore
    factors: FactorStore


def stores_on(accounts: AccountStore) -> PeopleStores:
    """All of them in memory, beside these accounts."""
    return PeopleStores(accounts, InMemoryAttemptStore(), InMemorySessionStore(accounts), InMemoryFactorStore())
