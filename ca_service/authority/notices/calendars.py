"""Calendar feeds: each account has at most one, whose secret address is shown once and stored as a hash."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from ca_service.authority.access.credentials import hash_secret
from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.records import Expiring
from ca_service.authority.people.store import AccountStore
from ca_service.authority.ports import Clock
from ca_service.errors import NotAllowed, NotFound, Rule

CALENDAR_NO_ACCOUNT: Final = Rule(
    "calendar.no-account",
    "Only an account can have a calendar link.",
    "Sign in, and create the link on the account page.",
)
CALENDAR_UNKNOWN: Final = Rule(
    "calendar.unknown",
    "There is no calendar at this address.",
    "Create a new calendar link on the account page. The previous link then stops working.",
)

MAX_EVENTS: Final = 1000
_REACH: Final = timedelta(days=1200)  # longer than the lifetime of any leaf


@dataclass(frozen=True, slots=True)
class Calendar:
    """The right to read the feed of an account; `hash` is the SHA-256 of the secret in its address."""

    account_id: int
    hash: str
    created_at: datetime


class CalendarStore(Protocol):
    """The calendars; every change includes its event."""

    def find_calendar(self, account_id: int) -> Calendar | None:
        """Return the calendar of this account, or None."""

    def find_by_hash(self, hash: str) -> Calendar | None:
        """Return the calendar with this hash, or None."""

    def save_calendar(self, calendar: Calendar, event: AuditEvent) -> None:
        """Store a calendar in place of the account's previous one."""

    def remove_calendar(self, account_id: int, event: AuditEvent) -> bool:
        """Delete a calendar; return False, without an event, if there is none."""


class Calendars:
    """The calendar feeds of all accounts."""

    def __init__(self, store: CalendarStore, accounts: AccountStore, notices: Notices, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._notices = notices
        self._clock = clock

    def find(self, actor: Actor) -> Calendar | None:
        """Return the calendar of the actor's own account, or None."""
        require(actor, Action.OWN_ACCOUNT)
        return self._store.find_calendar(_own(actor))

    def make(self, actor: Actor) -> str:
        """Create a new address in place of the previous one; return its secret, which is never stored."""
        require(actor, Action.OWN_ACCOUNT)
        secret = secrets.token_urlsafe(32)
        event = AuditEvent.by(actor, self._clock(), Event.CALENDAR_MADE, actor.name)
        self._store.save_calendar(Calendar(_own(actor), hash_secret(secret), event.at), event)
        return secret

    def revoke(self, actor: Actor) -> None:
        """Revoke the address immediately; does nothing without one."""
        require(actor, Action.OWN_ACCOUNT)
        event = AuditEvent.by(actor, self._clock(), Event.CALENDAR_REVOKED, actor.name)
        self._store.remove_calendar(_own(actor), event)

    def read(self, secret: str) -> tuple[Expiring, ...]:
        """Return the expirations for the owner of this secret. Raises NotFound for an unknown secret.

        The lookup uses the hash, so its duration reveals nothing about a secret.
        """
        calendar = self._store.find_by_hash(hash_secret(secret))
        account = self._accounts.find_account_by_id(calendar.account_id) if calendar else None
        if account is None or account.disabled_at:
            raise NotFound.because(CALENDAR_UNKNOWN)
        require(account.actor, Action.READ)
        found = (*self._notices.ending(MAX_EVENTS, _REACH), *self._notices.firsts().values())
        return tuple(dict.fromkeys(found))


def _own(actor: Actor) -> int:
    if actor.account_id is None:
        raise NotAllowed.because(CALENDAR_NO_ACCOUNT)
    return actor.account_id
