"""Values of notices: what expires, when a notice is due, and the messages that carry it.

The states of a message:

    WAITING  --`claim` by a delivery-->  WAITING, one attempt more, with a pause before the next
    WAITING  --accepted by the other side-->  SENT
    WAITING  --permanent refusal, or too many attempts-->  DEAD  --an administrator retries-->  WAITING

A notice and its messages are written in one transaction, so that neither exists without the other. A crash before it
leaves nothing, and the next run writes both. A crash after the claim leaves a message that is tried again later, under
the same message id: a message may arrive twice, and the recipient can recognise the duplicate.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final

from ca_service.vos.phrases import Phrase

_DAY = timedelta(days=1)
LONGEST_PAUSE: Final = timedelta(hours=4)  # between two attempts to deliver a message, before it is spread


def days_left(not_after: datetime, now: datetime) -> int:
    """Return the days until the expiry, rounded up: 30 from thirty days to a little over twenty-nine."""
    return ceil((not_after - now) / _DAY)


def due(expiring: Expiring, days: Sequence[int], now: datetime, sent: Collection[int]) -> int | None:
    """Return the threshold of the notice that is due now, or None.

    Only the nearest threshold counts: after a pause one notice is sent, not one for each that was missed.
    """
    if now > expiring.not_after:
        return None
    passed = [each for each in _counting(expiring, days) if expiring.not_after - each * _DAY <= now]
    nearest = min(passed, default=None)
    return None if nearest in sent else nearest


def upcoming(expiring: Expiring, days: Sequence[int], now: datetime) -> datetime | None:
    """Return when the next notice is due, after now; None if all were sent."""
    moments = [expiring.not_after - each * _DAY for each in _counting(expiring, days)]
    return min((moment for moment in moments if moment > now), default=None)


def _counting(expiring: Expiring, days: Sequence[int]) -> list[int]:
    """Return the thresholds within its lifetime."""
    return [each for each in days if expiring.not_after - each * _DAY > expiring.since]


class Kind(StrEnum):
    """The kinds of things that notices are about: the first five expire, the others are news."""

    LEAF = "leaf"
    INTERMEDIATE = "intermediate"
    ROOT = "root"
    REVOCATION_LIST = "revocation list"
    OCSP_SIGNER = "OCSP signer"
    REQUEST = "request"
    DECISION = "decision"
    NOT_SERVED = "not served"


@dataclass(frozen=True, slots=True)
class Expiring:
    """A thing that expires at `not_after`, and what to do about it.

    `id` identifies it in at most 64 characters: a serial number, the id of an authority. Notices that would be due
    before `since`, when its life began, are not sent: they would announce what is short-lived by design
    immediately. `path` is its page, without the host.
    """

    kind: Kind
    id: str
    name: str
    since: datetime
    not_after: datetime
    path: str
    next_step: Phrase

    @property
    def key(self) -> tuple[Kind, str, datetime]:
        """The identity of this expiry: a CRL that is published again has another `not_after`."""
        return (self.kind, self.id, self.not_after)


@dataclass(frozen=True, slots=True)
class Notice:
    """A record that something was announced `days` before its expiry; there is at most one per threshold.

    Of news, `not_after` is the moment of submission or issuance, and `days` is 0.
    """

    kind: Kind
    subject_id: str
    not_after: datetime
    days: int
    created_at: datetime


class MessageState(StrEnum):
    """The state of a message."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to one recipient over one channel.

    `message_id` is the same at every attempt, in at most 64 characters that are valid in a header. `event` is the same
    as the text, for a program. `last_error` contains no secret.
    """

    message_id: str
    channel: str
    recipient: str
    subject: str
    text: str
    event: Mapping[str, object]
    created_at: datetime
    next_try_at: datetime
    id: int = 0
    state: MessageState = MessageState.WAITING
    attempts: int = 0
    last_error: str = ""
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """A search for messages: `text` in the subject or the recipient; an empty `state` means all."""

    text: str = ""
    state: str = ""
    sort: str = "newest"  # or oldest
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page of messages, and the cursor of the next page, empty on the last."""

    items: tuple[Message, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a message was not accepted, without secrets, and whether it is permanent."""

    reason: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notice with its messages: all are written, or none."""

    notice: Notice
    messages: tuple[Message, ...] = field(default=())
