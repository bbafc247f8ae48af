"""The ports of notices: a store, an outbox, channels, and sources of expirations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.notices.records import (
    Announcement,
    Expiring,
    Failure,
    Kind,
    Message,
    MessagePage,
    MessageQuery,
    Notice,
)


class Source(Protocol):
    """Things of these kinds that expire."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """All kinds of things that it may yield."""

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """Yield those that expire later than `after` and not later than `until`, the first to expire first."""


class Channel(Protocol):
    """A way to send messages."""

    @property
    def name(self) -> str:
        """The name of the channel: mail, webhook."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients, as they may be shown."""

    def send(self, message: Message) -> Failure | None:
        """Send the message; return None if the other side accepts it. Never raises for faults of the other side."""


def recipients_of(channels: Iterable[Channel]) -> tuple[tuple[str, str], ...]:
    """Return all that messages go to: (name of the channel, recipient)."""
    return tuple((channel.name, recipient) for channel in channels for recipient in channel.recipients)


class NoticeStore(Protocol):
    """The notices that were sent."""

    def list_notices(self, subject_ids: Collection[str]) -> tuple[Notice, ...]:
        """Return the notices about these things."""

    def list_newer(self, kinds: Collection[Kind], after: datetime) -> tuple[Notice, ...]:
        """Return the notices of these kinds that were written later than this."""

    def announce(self, announcements: Sequence[Announcement]) -> int:
        """Write notices with their messages in one transaction, except existing ones; return the number of new ones."""

    def save_counts(self, counts: Mapping[int, int]) -> None:
        """Store how many items expire within each number of days, in place of all earlier counts."""

    def list_counts(self) -> Mapping[int, int]:
        """Return the stored counts by number of days; empty before the first."""


class Outbox(Protocol):
    """The messages."""

    def list_messages(self, query: MessageQuery) -> MessagePage:
        """Return one page of a list. Raises InvalidInput for a foreign cursor."""

    def find_message(self, number: int) -> Message | None:
        """Return the message with this number, or None."""

    def count(self, state: str, limit: int) -> int:
        """Return the number of messages in this state, counted up to the limit."""

    def list_due(self, channels: Collection[str], now: datetime, limit: int) -> tuple[Message, ...]:
        """Return waiting messages of these channels that may be tried now, the one that has waited longest first."""

    def claim(self, message: Message, next_try_at: datetime) -> bool:
        """Count an attempt and block others until then; return False if the message has changed in the meantime."""

    def settle(self, message: Message) -> bool:
        """Store the result of a claimed attempt; return False if another attempt has started in the meantime."""

    def add_messages(self, messages: Sequence[Message], event: AuditEvent) -> tuple[Message, ...]:
        """Write messages without a notice, with their event; return them as stored."""

    def revive(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> int:
        """Set dead messages to waiting again; return their number. Without dead messages there is no event."""

    def forget(self, before: datetime) -> int:
        """Delete messages that were sent before that time; return their number."""
