"""Sign-ins to nodes: each is in the audit log before the password is sent, and a refused one has to wait.

The driver would otherwise relay guesses, from this machine and without a trace here, and lock the accounts of nodes.
The wait is a counter of sign-in attempts, so it holds for every process, and after a restart:

    FREE     --the node answers 401; wait and event in one transaction-->  WAITING
    WAITING  --five minutes-->  FREE

A sign-in is made under the lease of its node (connections.py). So no other process signs in between the answer of the
node and the stored wait; a process that is killed in between leaves the lease, which is longer than the wait.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.fleet.node_contact import NODE_SIGN_IN
from ca_service.authority.people.records import Counter
from ca_service.authority.people.store import AttemptStore
from ca_service.authority.ports import Clock, is_believable
from ca_service.deadline import limited
from ca_service.errors import NotAllowed, Rule, TooManyAttempts

NODE_WAIT: Final = Rule(
    "node.wait",
    "{host} refused this user a moment ago. Nothing was sent.",
    "Check name and password on the node itself, and try again in {seconds} seconds.",
)

WAIT: Final = timedelta(minutes=5)
_STORING_SECONDS: Final = 30.0


class NodeSignIns:
    """Records sign-ins to nodes, and remembers those that were refused."""

    def __init__(self, events: EventStore, attempts: AttemptStore, clock: Clock) -> None:
        self._events = events
        self._attempts = attempts
        self._clock = clock

    @contextmanager
    def attempt(self, actor: Actor, host: str, user: str) -> Iterator[None]:
        """Record a sign-in; the credentials are sent in this block. Raises TooManyAttempts after a refusal."""
        counter = _counter(host, user)
        with limited(_STORING_SECONDS):
            self._require_no_wait(host, counter)
            self._events.add_event(AuditEvent.by(actor, self._clock(), Event.NODE_SIGN_IN_TRIED, host, user=user))
        try:
            yield
        except NotAllowed as error:
            if error.rule == NODE_SIGN_IN.id:
                self._begin_wait(
                    counter, AuditEvent.by(actor, self._clock(), Event.NODE_SIGN_IN_REFUSED, host, user=user)
                )
            raise

    def _require_no_wait(self, host: str, counter: Counter) -> None:
        now = self._clock()
        until = self._attempts.waits_until(counter.subject, now)
        if until is not None and is_believable(until - WAIT, now):
            raise TooManyAttempts.because(NODE_WAIT, host=host, seconds=math.ceil((until - now).total_seconds()))

    def _begin_wait(self, counter: Counter, refused: AuditEvent) -> None:
        with limited(_STORING_SECONDS):
            self._attempts.clear([counter])  # one of a clock that was ahead would keep this one from counting
            self._attempts.count([counter], refused.at, refused)


def _counter(host: str, user: str) -> Counter:
    """Return the counter of a user of a node; its first failure begins the wait."""
    key = hashlib.sha256("\0".join(("node", host, user.casefold())).encode("utf-8", "surrogatepass")).hexdigest()
    return Counter(key, key, lambda _: WAIT)
