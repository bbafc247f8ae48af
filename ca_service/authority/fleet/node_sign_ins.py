"""Sign-ins to nodes: each is in the audit log before the password is sent, and a refused one has to wait.

The driver would otherwise relay guesses, from this machine and without a trace here, and lock the accounts of nodes.
The wait is a counter of sign-in attempts, so it holds for every process, and after a restart. Each call of a run sends
the password, and before each call it is stored, as if the node had refused it:

    FREE     --wait, with the event of the run if this is its first call; then the password is sent-->  WAITING
    WAITING  --the node answers the call, and not with 401, or was not reached-->  FREE
    WAITING  --five minutes-->  FREE

So a crash, a database that fails after the answer, and a node that does not answer what was sent leave the wait. A run
that cannot store it makes no further call. A user waits under every identity of the node (node_contact.py): another
name of the node is no way around it. A sign-in is made under the lease of its node (run_leases.py), so no other process
has one at the same time.

Wrong passwords at many nodes make one of our accounts wait, and not the users of the nodes alone:

    COUNTING  --the third password that a node refuses-->  WAITING
    WAITING   --15 minutes, doubled up to an hour-->  COUNTING: the next refused password makes it wait again
    COUNTING  --a day without a refused password-->  as at the beginning
    WAITING   --an administrator unlocks the account-->  as at the beginning

These are counted after the answer: an account has runs on many nodes at a time. The operator at the command line of
this machine has no account, and could connect to the nodes anyway.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.fleet.node_contact import NODE_SIGN_IN, Contact, Unanswered
from ca_service.authority.fleet.run_leases import NODE_LEASE_LOST, STORING_SECONDS
from ca_service.authority.people.records import LONGEST_WAIT, Counter
from ca_service.authority.people.store import AttemptStore
from ca_service.authority.people.throttle import Curve, subject_of
from ca_service.authority.ports import Clock, is_believable
from ca_service.deadline import limited
from ca_service.errors import CAServiceError, NotAllowed, Rule, TooManyAttempts

NODE_WAIT: Final = Rule(
    "node.wait",
    "{host} refused this user a moment ago, or did not answer after the password was sent. Nothing was sent.",
    "Check name and password on the node itself, and try again in {seconds} seconds.",
)

NODE_ACCOUNT_WAIT: Final = Rule(
    "node.account-wait",
    "Nodes refused several passwords that your account sent. Nothing was sent to {host}.",
    "Check names and passwords on the nodes, and try again in {seconds} seconds, after {until} UTC. An administrator "
    "can end the wait: `ca-service user unlock NAME`.",
)

WAIT: Final = timedelta(minutes=5)
_OF_ACCOUNTS: Final = Curve(3, timedelta(minutes=15), LONGEST_WAIT)


class SignIn:
    """The sign-in of a run: one user to one node. It is open while the node may still refuse what was sent."""

    def __init__(self, attempts: AttemptStore, clock: Clock, host: str, counters: Sequence[Counter]) -> None:
        self._attempts = attempts
        self._clock = clock
        self._host = host
        self._counters = counters
        self._is_open = False

    def begin(self, tried: AuditEvent | None = None) -> None:
        """Store the wait, before the password is sent. Raises TooManyAttempts if there is one already. Idempotent."""
        if not self._is_open:
            with limited(STORING_SECONDS):
                self._begin(self._clock(), tried)
            self._is_open = True

    def _begin(self, now: datetime, tried: AuditEvent | None) -> None:
        until = self._waits_until(now)
        if until is None:
            self._attempts.clear(self._counters)  # one of a clock that was ahead would keep this one from counting
            until = self._attempts.count(self._counters, now, tried)
        if until is not None:
            seconds = math.ceil((until - now).total_seconds())
            raise TooManyAttempts.because(NODE_WAIT, host=self._host, seconds=seconds)

    def _waits_until(self, now: datetime) -> datetime | None:
        found = [self._attempts.waits_until(counter.key, now) for counter in self._counters]
        return max((until for until in found if until is not None and is_believable(until - WAIT, now)), default=None)

    def accept(self) -> None:
        """End the wait: the node has answered a call. Idempotent."""
        if self._is_open:
            with limited(STORING_SECONDS):
                self._attempts.take_back(self._counters)
            self._is_open = False


class NodeSignIns:
    """Records sign-ins to nodes, and remembers those that were refused."""

    def __init__(self, events: EventStore, attempts: AttemptStore, clock: Clock) -> None:
        self._events = events
        self._attempts = attempts
        self._clock = clock

    @contextmanager
    def attempt(self, actor: Actor, contact: Contact, user: str) -> Iterator[SignIn]:
        """Record a sign-in; the credentials are sent in this block. Raises TooManyAttempts after a refusal."""
        host, counters = contact.place.host, [_counter(identity, user) for identity in contact.identities]
        with limited(STORING_SECONDS):
            self._require_no_account_wait(actor, host)
        sign_in = SignIn(self._attempts, self._clock, host, counters)
        sign_in.begin(AuditEvent.by(actor, self._clock(), Event.NODE_SIGN_IN_TRIED, host, user=user))
        try:
            yield sign_in
        except CAServiceError as error:  # anything else is like a crash: the answer is not known
            if isinstance(error, NotAllowed) and error.rule == NODE_SIGN_IN.id:
                with limited(STORING_SECONDS):
                    self._refuse(
                        actor,
                        counters,
                        AuditEvent.by(actor, self._clock(), Event.NODE_SIGN_IN_REFUSED, host, user=user),
                    )
            elif not isinstance(error, Unanswered) and error.rule != NODE_LEASE_LOST.id:  # the wait may be another's
                with suppress(CAServiceError):  # without the database the wait ends by itself
                    sign_in.accept()
            raise

    def _require_no_account_wait(self, actor: Actor, host: str) -> None:
        now, account = self._clock(), _account(actor)
        until = self._attempts.waits_until(account.key, now) if account else None
        if until is not None:
            seconds = math.ceil((until - now).total_seconds())
            raise TooManyAttempts.because(NODE_ACCOUNT_WAIT, host=host, seconds=seconds, until=f"{until:%H:%M:%S}")

    def _refuse(self, actor: Actor, counters: Sequence[Counter], refused: AuditEvent) -> None:
        """Record a refusal, and begin the wait unless it has been there since before the call."""
        if self._attempts.count(counters, refused.at, refused) is not None:
            self._events.add_event(refused)
        if account := _account(actor):
            delayed = AuditEvent.by(actor, refused.at, Event.NODE_SIGN_INS_DELAYED, actor.name)
            with suppress(CAServiceError):  # the wait at the node is stored: its refusal is the answer
                self._attempts.count([account], refused.at, delayed)


def _counter(identity: str, user: str) -> Counter:
    """Return the counter of a user of a node; its first failure begins the wait."""
    key = _digest("node", identity, user.casefold())
    return Counter(key, "", lambda _: WAIT)


def _account(actor: Actor) -> Counter | None:
    """Return the counter of an account, at all nodes; the operator has none."""
    if actor.account_id is None:
        return None
    key = _digest("account at nodes", str(actor.account_id))
    return Counter(key, subject_of(actor.name), _OF_ACCOUNTS.wait)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
