"""Throttling of sign-in attempts: counted first, verified afterwards.

An attempt is counted under three counters, and refused while one of them says wait:

- name and address together: a few tries, then a wait that doubles up to an hour;
- the name, from anywhere: many tries, then a wait that doubles up to a quarter of an hour. During the
  wait the name counts nothing. An attacker with many addresses can keep it waiting all the same, so the
  right password still leads on to a second factor: its attempts have a counter of their own, which only
  a person with the password reaches;
- the address (of IPv6 the /64), for any name: like the name, against attempts with many names.

A browser that has signed in to the account before has a counter of its own in place of the
three, so that failures elsewhere never lock out the owner. Names count as they are typed,
whether there is such an account or not.

States of a counter: absent, counting, waiting. `attempt` moves it on, in one transaction and as if
the attempt had failed; a crash after it leaves one failure too many, and so does a busy database.
A success is taken back afterwards; a day without failures, or an administrator, makes it absent again.
To the caller none of this is a part of the sign-in: `deadline.unnoted`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

from ca_service import deadline
from ca_service.authority.access.credentials import kept_name, loggable_name
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.records import LONGEST_WAIT, Counter, Visit
from ca_service.authority.people.store import AttemptStore
from ca_service.authority.ports import Clock
from ca_service.errors import Busy, Interrupted, Rule, TooManyAttempts

SIGN_IN_WAIT: Final = Rule(
    "sign-in.wait",
    "There were too many attempts.",
    "Wait for {seconds} seconds, until {until} UTC, and try again. An administrator can end the wait: "
    "`ca-service user unlock NAME`.",
)

FREE_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """The wait after failures: none up to `free`, then `first`, doubled each time up to `most`."""

    free: int
    first: timedelta
    most: timedelta

    def wait(self, failures: int) -> timedelta:
        """Return the wait after this many failures."""
        doublings = failures - self.free
        return timedelta(0) if doublings < 0 else min(self.most, self.first * 2 ** min(doublings, 20))


_STEEP: Final = Curve(FREE_ATTEMPTS, timedelta(seconds=10), LONGEST_WAIT)
_SLOW: Final = Curve(25, timedelta(seconds=30), timedelta(minutes=15))
_CROWD: Final = Curve(50, timedelta(seconds=30), timedelta(minutes=15))


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of an attempt. `wait` is the refusal that applies unless a second factor follows, or None."""

    counters: tuple[Counter, ...]
    wait: TooManyAttempts | None = None


class Throttle:
    """Counts sign-in attempts and makes them wait."""

    def __init__(self, store: AttemptStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def attempt(self, name: str, visit: Visit, *, is_known: bool) -> Counted:
        """Count an attempt with a password. `is_known`: the account knows this browser.

        Raises TooManyAttempts. If only the name has to wait, for failures from elsewhere, the error is the `wait` of
        the result, and the attempt counts for this address.
        """
        tried = loggable_name(name)
        if is_known:
            return Counted(self._count(tried, visit, _for_browser(name, visit)))
        here = _from_here(name, visit)
        try:
            return Counted(self._count(tried, visit, (*here, _anywhere("name", name))))
        except TooManyAttempts as wait:
            if self._must_wait(tried, visit, here):
                raise
            return Counted(here, wait)

    def attempt_second_step(self, name: str, visit: Visit, *, is_known: bool) -> tuple[Counter, ...]:
        """Count an attempt with a second factor, after the right password. Raises TooManyAttempts."""
        counters = (*_from_here(name, visit), _anywhere("second step", name))
        return self._count(loggable_name(name), visit, _for_browser(name, visit) if is_known else counters)

    def attempt_unnamed(self, visit: Visit, means: str) -> tuple[Counter, ...]:
        """Count an attempt without an account name; `means` says with what, for the audit log."""
        return self._count(means, visit, (_of_address(visit),))

    def attempt_again(self, name: str, session_hash: str, visit: Visit) -> tuple[Counter, ...]:
        """Count a re-authentication, for which only its session counts."""
        return self._count(
            loggable_name(name), visit, (Counter(_digest("session", session_hash), subject_of(name), _STEEP.wait),)
        )

    def take_back(self, counters: Sequence[Counter]) -> None:
        """Undo the count of a successful step that is not the last, unless the database is busy."""
        with suppress(Busy, Interrupted), deadline.unnoted():
            self._store.take_back(counters)

    def succeed(self, counters: Sequence[Counter]) -> None:
        """Record a complete sign-in, after its session exists, unless the database is busy.

        Earlier failures for this account are deleted, but not those of the address.
        """
        with suppress(Busy, Interrupted), deadline.unnoted():
            self._store.clear([each for each in counters if each.subject])
            self._store.take_back([each for each in counters if not each.subject])

    def _count(self, tried: str, visit: Visit, counters: Sequence[Counter]) -> tuple[Counter, ...]:
        until = self._must_wait(tried, visit, counters)
        if until is not None:
            raise TooManyAttempts.because(
                SIGN_IN_WAIT, seconds=math.ceil((until - self._clock()).total_seconds()), until=f"{until:%H:%M:%S}"
            )
        return tuple(counters)

    def _must_wait(self, tried: str, visit: Visit, counters: Sequence[Counter]) -> datetime | None:
        """Count an attempt and return None, or return until when it has to wait."""
        now = self._clock()
        delayed = AuditEvent(now, Event.SIGN_IN_DELAYED, "anonymous", tried, origin=visit.address)
        with deadline.unnoted():
            return self._store.count(counters, now, delayed)


def subject_of(name: str) -> str:
    """Return the subject of an account's counters, for any spelling of its name."""
    return _digest("account", _named(name))


def _from_here(name: str, visit: Visit) -> tuple[Counter, ...]:
    pair = Counter(_digest("pair", _named(name), _network(visit.address)), subject_of(name), _STEEP.wait)
    return (pair, _of_address(visit))


def _anywhere(step: str, name: str) -> Counter:
    return Counter(_digest(step, _named(name)), subject_of(name), _SLOW.wait)


def _for_browser(name: str, visit: Visit) -> tuple[Counter, ...]:
    return (Counter(_digest("browser", _named(name), visit.browser), subject_of(name), _STEEP.wait),)


def _of_address(visit: Visit) -> Counter:
    return Counter(_digest("address", _network(visit.address)), "", _CROWD.wait)


def _named(name: str) -> str:
    """Return the name; everything that cannot be a name counts as one name."""
    return kept_name(name) or ""


def _network(address: str) -> str:
    """Return the address, or for IPv6 the network that one customer gets."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or int(found) >> 64)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
