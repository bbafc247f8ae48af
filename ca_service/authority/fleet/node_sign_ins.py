"""Sign-ins to nodes: each is in the audit log before the password is sent, and a refused one has to wait.

The driver would otherwise relay guesses, from this machine and without a trace here, and lock the accounts of nodes.
Waits are kept in memory: each process of the service has its own, and a restart ends them. The events are stored.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.fleet.node_contact import NODE_SIGN_IN
from ca_service.authority.ports import Clock
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

    def __init__(self, events: EventStore, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._until: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    @contextmanager
    def attempt(self, actor: Actor, host: str, user: str) -> Iterator[None]:
        """Record a sign-in; the credentials are sent in this block. Raises TooManyAttempts after a refusal."""
        key = (host, user.casefold())
        self._require_no_wait(host, key)
        with limited(_STORING_SECONDS):
            self._events.add_event(AuditEvent.by(actor, self._clock(), Event.NODE_SIGN_IN_TRIED, host, user=user))
        try:
            yield
        except NotAllowed as error:
            if error.rule == NODE_SIGN_IN.id:
                with self._lock:
                    self._until[key] = self._clock() + WAIT
            raise

    def _require_no_wait(self, host: str, key: tuple[str, str]) -> None:
        now = self._clock()
        with self._lock:
            self._until = {each: until for each, until in self._until.items() if until > now}
            until = self._until.get(key)
        if until is not None:
            raise TooManyAttempts.because(NODE_WAIT, host=host, seconds=math.ceil((until - now).total_seconds()))
