"""Knows how often somebody may try to sign in: counted first, verified afterwards.

An attempt is counted under three counters, and refused while one of them says wait:

- name and address together: a few tries, then a wait that doubles up to an hour;
- the name, from wherever: many tries, then a wait that doubles up to a quarter of an hour. While it
  lasts nothing is counted, so that nobody can hold an account shut without an end;
- the address (of IPv6 the /64), whatever the name: as the name, for those who try many names.

A browser from which the account was signed in to before has a counter of its own in place of the
three, so that whoever fails elsewhere keeps its owner out at no time. Names count as they are typed,
whether there is such an account or not.

States of a counter: absent, counting, waiting. `attempt` moves it on, in one transaction and as if
the attempt had failed; a crash after it leaves one failure too many. What went well is taken back
afterwards, and a day without failures, or an administrator, makes it absent again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

from ca_service.authority.access.credentials import kept_name, loggable_name
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.records import Counter, Visit
from ca_service.authority.people.store import AttemptStore
from ca_service.authority.ports import Clock
from ca_service.errors import Rule, TooManyAttempts

SIGN_IN_WAIT: Final = Rule(
    "sign-in.wait",
    "There were too many attempts.",
    "Wait for {seconds} seconds, until {until} UTC, and try again. An administrator can end the wait: "
    "`ca-service user unlock NAME`.",
)

FREE_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """How long to wait after so many failures: nothing up to `free`, then `first`, doubled each time up to `most`."""

    free: int
    first: timedelta
    most: timedelta

    def wait(self, failures: int) -> timedelta:
        """The wait after this many failures."""
        doublings = failures - self.free
        return timedelta(0) if doublings < 0 else min(self.most, self.first * 2 ** min(doublings, 20))


_STEEP: Final = Curve(FREE_ATTEMPTS, timedelta(seconds=10), timedelta(hours=1))
_SLOW: Final = Curve(25, timedelta(seconds=30), timedelta(minutes=15))
_CROWD: Final = Curve(50, timedelta(seconds=30), timedelta(minutes=15))


class Throttle:
    """Counts attempts to show who one is."""

    def __init__(self, store: AttemptStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def attempt(self, name: str, visit: Visit, *, is_known: bool) -> tuple[Counter, ...]:
        """Count an attempt for this name; raises TooManyAttempts. `is_known`: the browser is one of the account's."""
        return self._count(name, visit, _for_browser(name, visit) if is_known else _for_name(name, visit))

    def attempt_unnamed(self, visit: Visit) -> tuple[Counter, ...]:
        """Count an attempt that names no account, as with a passkey."""
        return self._count("", visit, (_of_address(visit),))

    def attempt_again(self, name: str, session_hash: str, visit: Visit) -> tuple[Counter, ...]:
        """Count an attempt of somebody who has a session, to which only that session counts."""
        return self._count(name, visit, (Counter(_digest("session", session_hash), subject_of(name), _STEEP.wait),))

    def take_back(self, counters: Sequence[Counter]) -> None:
        """The attempt was a good step, but not yet the last: it does not count."""
        self._store.take_back(counters)

    def succeed(self, counters: Sequence[Counter]) -> None:
        """The attempt led to its end: what failed before for this account is forgotten, but not for the address."""
        self._store.take_back([each for each in counters if not each.subject])
        self._store.clear([each for each in counters if each.subject])

    def _count(self, name: str, visit: Visit, counters: Sequence[Counter]) -> tuple[Counter, ...]:
        now = self._clock()
        tried = loggable_name(name) if name else "passkey"
        delayed = AuditEvent(now, Event.SIGN_IN_DELAYED, "anonymous", tried, origin=visit.address)
        until = self._store.count(counters, now, delayed)
        if until is not None:
            raise TooManyAttempts.because(
                SIGN_IN_WAIT, seconds=math.ceil((until - now).total_seconds()), until=f"{until:%H:%M:%S}"
            )
        return tuple(counters)


def subject_of(name: str) -> str:
    """Under which an account's counters are found again, however its name is typed."""
    return _digest("account", _named(name))


def _for_name(name: str, visit: Visit) -> tuple[Counter, ...]:
    subject = subject_of(name)
    return (
        Counter(_digest("pair", _named(name), _network(visit.address)), subject, _STEEP.wait),
        Counter(_digest("name", _named(name)), subject, _SLOW.wait),
        _of_address(visit),
    )


def _for_browser(name: str, visit: Visit) -> tuple[Counter, ...]:
    return (Counter(_digest("browser", _named(name), visit.browser), subject_of(name), _STEEP.wait),)


def _of_address(visit: Visit) -> Counter:
    return Counter(_digest("address", _network(visit.address)), "", _CROWD.wait)


def _named(name: str) -> str:
    """What cannot be a name is all one name."""
    return kept_name(name) or ""


def _network(address: str) -> str:
    """The address, or the network that one customer gets of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or int(found) >> 64)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
