"""Delivery of messages: claimed one by one, tried again at growing intervals, finally dead.

Delivery is at least once, always under the same id, so that a recipient recognises a duplicate; see `records`
for the states and for what a crash leaves.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.notices.ports import Channel, Outbox, recipients_of
from ca_service.authority.notices.records import (
    LONGEST_PAUSE,
    Failure,
    Message,
    MessagePage,
    MessageQuery,
    MessageState,
)
from ca_service.authority.notices.texts import trial_message
from ca_service.authority.notices.updates import AccountReader, personal_addresses
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, InvalidInput, NotFound, NotReady, Rule

MESSAGE_NOT_DEAD: Final = Rule(
    "message.not-dead",
    "None of these messages has failed: each was sent, or is still being tried.",
    "Wait: a waiting message is tried again automatically.",
)
NOTICES_NO_CHANNEL: Final = Rule(
    "notices.no-channel",
    "No channel is configured, so no message can be sent.",
    "Set mail.host, mail.sender and mail.recipients, or webhook.url and webhook.secret.",
)
MESSAGE_NONE_CHOSEN: Final = Rule(
    "message.none-chosen",
    "No message is selected.",
    "Select one.",
)
MESSAGE_UNKNOWN: Final = Rule(
    "message.unknown",
    "There is no message {number}.",
    "List the messages with `ca-service notices list` or on the page Notices.",
)

KEPT: Final = timedelta(days=400)  # how long sent messages are kept
MAX_ATTEMPTS: Final = 20  # about two days
_BATCH: Final = 50
_CLAIM: Final = timedelta(minutes=10)  # longer than any attempt
_FIRST_PAUSE: Final = timedelta(minutes=1)
_MAX_ERROR: Final = 200
_GONE: Final = Failure("this recipient is no longer configured, or the message no longer concerns them", is_final=True)

Chance = Callable[[], float]  # from 0 up to 1


class Deliveries:
    """Delivers messages, and lists them with their results."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        channels: Sequence[Channel],
        accounts: AccountReader,
        clock: Clock,
        chance: Chance,
        base_url: str,
    ) -> None:
        self._outbox = outbox
        self._channels = {channel.name: channel for channel in channels}
        self._accounts = accounts
        self._clock = clock
        self._chance = chance
        self._base_url = base_url

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The configured channels."""
        return tuple(self._channels.values())

    def deliver_due(self) -> int:
        """Try each message that is due; return how many were accepted."""
        sent = 0
        while due := self._outbox.list_due(tuple(self._channels), self._clock(), _BATCH):
            sent += sum(self._deliver(message) for message in due)
        return sent

    def _deliver(self, message: Message) -> bool:
        """Make one attempt; return False also when another process is making it."""
        if not self._outbox.claim(message, self._clock() + _CLAIM):
            return False
        tried = replace(message, attempts=message.attempts + 1)
        channel = self._channels[message.channel]
        failure = channel.send(tried) if self._is_wanted(message, channel) else _GONE
        self._outbox.settle(self._settled(tried, failure))
        return failure is None

    def _is_wanted(self, message: Message, channel: Channel) -> bool:
        """Return whether the recipient is configured, or is a person whom the message concerns, still today."""
        if message.recipient in channel.recipients:
            return True
        event, data = str(message.event["type"]), message.event.get("data")
        told = data if isinstance(data, Mapping) else {}
        return message.recipient.casefold() in personal_addresses(event, told, self._accounts.list_reachable())

    def _settled(self, tried: Message, failure: Failure | None) -> Message:
        now = self._clock()
        if failure is None:
            return replace(tried, state=MessageState.SENT, sent_at=now, last_error="")
        reason = failure.reason[:_MAX_ERROR]
        if failure.is_final or tried.attempts >= MAX_ATTEMPTS:
            return replace(tried, state=MessageState.DEAD, last_error=reason)
        return replace(tried, next_try_at=now + pause(tried.attempts, self._chance()), last_error=reason)

    def forget_old(self) -> int:
        """Delete messages that were sent long ago; return their number. The notices stay, so that none is repeated."""
        return self._outbox.forget(self._clock() - KEPT)

    def list_messages(self, actor: Actor, query: MessageQuery) -> MessagePage:
        """Return one page of the messages. Raises InvalidInput for a foreign cursor."""
        require(actor, Action.STATUS)
        return self._outbox.list_messages(query)

    def count(self, state: MessageState, limit: int) -> int:
        """Return the number of messages in this state, counted up to the limit."""
        return self._outbox.count(state.value, limit)

    def retry(self, actor: Actor, numbers: Sequence[int]) -> int:
        """Set dead messages to waiting again; return their number.

        Raises InvalidInput without numbers, NotFound for an unknown message, Conflict if none of them is dead.
        """
        require(actor, Action.AUTHORITY)
        if not numbers:
            raise InvalidInput(MESSAGE_NONE_CHOSEN.at("/message"))
        for number in numbers:
            if self._outbox.find_message(number) is None:
                raise NotFound.because(MESSAGE_UNKNOWN, number=number)
        told = ", ".join(map(str, numbers))
        event = AuditEvent.by(actor, self._clock(), Event.MESSAGES_RETRIED, "outbox", messages=told[:_MAX_ERROR])
        revived = self._outbox.revive(numbers, event.at, event)
        if not revived:
            raise Conflict.because(MESSAGE_NOT_DEAD)
        return revived

    def test(self, actor: Actor) -> tuple[Message, ...]:
        """Send a test message over every channel immediately; return the messages with their results.

        Raises NotReady without a channel.
        """
        require(actor, Action.AUTHORITY)
        to = recipients_of(self.channels)
        if not to:
            raise NotReady.because(NOTICES_NO_CHANNEL)
        now = self._clock()
        event = AuditEvent.by(actor, now, Event.NOTICES_TESTED, "outbox", messages=len(to))
        made = [trial_message(f"test-{secrets.token_hex(16)}", one, self._base_url, now) for one in to]
        stored = self._outbox.add_messages(made, event)
        for message in stored:
            self._deliver(message)
        return tuple(self._outbox.find_message(message.id) or message for message in stored)


def pause(attempts: int, chance: float) -> timedelta:
    """Return the pause after so many attempts: doubled each time up to a cap, spread by a fifth either way."""
    whole = min(_FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)
    return whole * (0.8 + 0.4 * chance)
