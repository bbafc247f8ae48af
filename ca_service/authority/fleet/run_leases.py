"""The lease of a run on a node. It is in the database: no two processes send passwords to one node at the same time.

    FREE    --`take`, by the first process-->  LEASED  --`release`, by the holder-->  FREE
    LEASED  --`extend`, by the holder, before each call of the node, each signature and each change of a slot-->  LEASED
    LEASED  --`until` has passed: the holder was killed-->  FREE

A run leases every identity of its node (node_contact.py), because another name or another spelling of the address leads
to the same node. A lease is longer than a call with what is stored before it, so it ends after the call of a holder
that was killed; a holder that finds another one in its place sends nothing more.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Protocol

from ca_service.authority.ports import Clock
from ca_service.deadline import limited
from ca_service.errors import Busy, CAServiceError, Conflict, Rule

NODE_BUSY: Final = Rule(
    "node.busy",
    "Another run on {host} is under way. Nothing was done.",
    "Try again when it has ended. If its process was killed, the node is free again after {minutes} minutes.",
)
NODE_LEASE_LOST: Final = Rule(
    "node.lease-lost",
    "The run on {host} was stopped for too long, and another run has begun.",
    "Nothing was sent after that. Look at the plan again when the other run has ended.",
)

STORING_SECONDS: Final = 30.0  # a call takes longer than requests may wait, so that storing has a time of its own
RUN_LEASE: Final = timedelta(minutes=3)  # a call has two minutes, and storing before it has its own
_RETRY_SECONDS: Final = 20


class LeaseStore(Protocol):
    """The leases of runs on nodes: those of the jobs, under names of their own."""

    def take(self, name: str, holder: str, now: datetime, until: datetime, before: datetime | None) -> bool:
        """See JobStore."""

    def extend(self, name: str, holder: str, until: datetime) -> bool:
        """See JobStore."""

    def forget(self, name: str, holder: str) -> bool:
        """See JobStore."""


class RunLease:
    """The lease of one run on a node with these identities."""

    def __init__(self, store: LeaseStore, clock: Clock, host: str, identities: Collection[str]) -> None:
        self._store = store
        self._clock = clock
        self._host = host
        self._holder = secrets.token_hex(8)
        self._names = sorted(map(_name_of, identities))  # in a fixed order: of two runs, one gets the node

    def take(self) -> None:
        """Begin the lease. Raises Busy if another run has the node; `release` gives back what was taken before that."""
        now = self._clock()
        with limited(STORING_SECONDS):
            if not all(self._store.take(name, self._holder, now, now + RUN_LEASE, None) for name in self._names):
                minutes = round(RUN_LEASE.total_seconds() / 60)
                raise Busy.because(NODE_BUSY, host=self._host, minutes=minutes, seconds=_RETRY_SECONDS)

    def extend(self) -> None:
        """Keep the node for one more step. Raises Conflict if the lease has ended, and another run has the node."""
        until = self._clock() + RUN_LEASE
        with limited(STORING_SECONDS):
            if not all(self._store.extend(name, self._holder, until) for name in self._names):
                raise Conflict.because(NODE_LEASE_LOST, host=self._host)

    def release(self) -> None:
        """End the lease. Without the database it ends by itself: the result of the run is worth more."""
        with suppress(CAServiceError), limited(STORING_SECONDS):
            for name in self._names:
                self._store.forget(name, self._holder)


def _name_of(identity: str) -> str:
    return f"node {hashlib.sha256(identity.encode()).hexdigest()[:32]}"
