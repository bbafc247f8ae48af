"""Knows what notices need from the edges: a store, an outbox, channels, and sources of what ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.notices.records import (
    Announcement,
    Expiring,
    Failure,
    Message,
    MessagePage,
    MessageQuery,
    Notice,
)


class Source(Protocol):
    """Things of one kind that end."""

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """Those that end later than `after` and not later than `until`, the first to end first."""


class Channel(Protocol):
    """A way to somebody outside."""

    @property
    def name(self) -> str:
        """What it is called: mail, webhook."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """To whom it leads, as it may be shown."""

    def send(self, message: Message) -> Failure | None:
        """Hand the message over; None when the other side has taken it. Never raises for what the other side does."""


class NoticeStore(Protocol):
    """What was announced."""

    def list_notices(self, subject_ids: Collection[str]) -> tuple[Notice, ...]:
        """The notices about these."""

    def announce(self, announcements: Sequence[Announcement]) -> int:
        """Write notices with their messages in one transaction, but for those that are there; how many were new."""


class Outbox(Protocol):
    """The messages."""

    def list_messages(self, query: MessageQuery) -> MessagePage:
        """One page of a list; raises InvalidInput for a cursor that we did not hand out."""

    def find_message(self, number: int) -> Message | None:
        """The message of this number."""

    def count(self, state: str, limit: int) -> int:
        """How many are in this state, counted up to the limit."""

    def list_due(self, channels: Collection[str], now: datetime, limit: int) -> tuple[Message, ...]:
        """Those of these channels that wait and may be tried now, the one that has waited longest first."""

    def claim(self, message: Message, next_try_at: datetime) -> bool:
        """Count one attempt more, and keep others from it until then; False if it has changed meanwhile."""

    def settle(self, message: Message) -> bool:
        """Keep state, error and time of an attempt that was claimed; False if another one was begun meanwhile."""

    def add_messages(self, messages: Sequence[Message], event: AuditEvent) -> tuple[Message, ...]:
        """Write messages without a notice, with their event; as they are stored."""

    def revive(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> int:
        """Let dead ones wait again from the beginning; how many there were. No event where there were none."""

    def forget(self, before: datetime) -> int:
        """Remove what was sent before that time; how much that was."""
