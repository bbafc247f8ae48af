"""Knows calendar feeds: an account has one at most, whose address is a secret, shown once and kept as a hash."""

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
    "Only an account can have a calendar.",
    "Sign in, and make it on the account page.",
)
CALENDAR_UNKNOWN: Final = Rule(
    "calendar.unknown",
    "There is no calendar at this address.",
    "Make a new address on the account page: the one before stops working then.",
)

MAX_EVENTS: Final = 1000
_REACH: Final = timedelta(days=1200)  # longer than any leaf lives


@dataclass(frozen=True, slots=True)
class Calendar:
    """The right to read the feed on behalf of an account; `hash` is the SHA-256 of the secret in its address."""

    account_id: int
    hash: str
    created_at: datetime


class CalendarStore(Protocol):
    """The calendars; every change takes its event along."""

    def find_calendar(self, account_id: int) -> Calendar | None:
        """The one of this account."""

    def find_by_hash(self, hash: str) -> Calendar | None:
        """The one with this hash."""

    def save_calendar(self, calendar: Calendar, event: AuditEvent) -> None:
        """Keep it in place of the one before."""

    def remove_calendar(self, account_id: int, event: AuditEvent) -> bool:
        """Forget it; False, and no event, if there is none."""


class Calendars:
    """The feeds of all accounts."""

    def __init__(self, store: CalendarStore, accounts: AccountStore, notices: Notices, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._notices = notices
        self._clock = clock

    def find(self, actor: Actor) -> Calendar | None:
        """The calendar of the actor's own account."""
        require(actor, Action.OWN_ACCOUNT)
        return self._store.find_calendar(_own(actor))

    def make(self, actor: Actor) -> str:
        """The secret of a new address, in place of the one before; it is kept nowhere."""
        require(actor, Action.OWN_ACCOUNT)
        secret = secrets.token_urlsafe(32)
        event = AuditEvent.by(actor, self._clock(), Event.CALENDAR_MADE, actor.name)
        self._store.save_calendar(Calendar(_own(actor), hash_secret(secret), event.at), event)
        return secret

    def revoke(self, actor: Actor) -> None:
        """End the address at once; nothing happens where there is none."""
        require(actor, Action.OWN_ACCOUNT)
        event = AuditEvent.by(actor, self._clock(), Event.CALENDAR_REVOKED, actor.name)
        self._store.remove_calendar(_own(actor), event)

    def read(self, secret: str) -> tuple[Expiring, ...]:
        """What ends, for whoever knows the secret of a calendar; raises NotFound for any other.

        It is found by its hash, so that how long it takes tells nothing of a secret.
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
