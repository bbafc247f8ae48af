"""Knows the frozen values of what ends, of the notices about it, and of the messages that carry them.

The states of a message, and who moves it:

    WAITING  --`claim`, by the one who delivers-->  WAITING, one attempt more, not to be tried again for a while
    WAITING  --it was taken over by the other side-->  SENT
    WAITING  --refused for good, or too many attempts-->  DEAD  --an administrator retries-->  WAITING

A notice and its messages are written in one transaction, so that none is without the other. A crash before it leaves
nothing, and the next round writes both. A crash after the claim leaves a message that is tried again later, under the
same message id: what was sent and not noted is sent twice at most, and whoever receives it can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ca_service.vos.phrases import Phrase


class Kind(StrEnum):
    """What can end."""

    LEAF = "leaf"
    INTERMEDIATE = "intermediate"
    ROOT = "root"
    REVOCATION_LIST = "revocation list"
    OCSP_SIGNER = "OCSP signer"


@dataclass(frozen=True, slots=True)
class Expiring:
    """Something that ends at `not_after`, and what to do about it.

    `id` is the same as long as it is the same thing, in at most 64 characters: a serial number, the id of an authority.
    `since` is when it began: notices that would be due before that are not sent, so that what is short-lived by design
    is not announced at once. `path` is its page, without the host.
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
        """What tells it from all others: a list that is published again ends at another time."""
        return (self.kind, self.id, self.not_after)


@dataclass(frozen=True, slots=True)
class Notice:
    """That something was announced `days` before its end; there is one for each threshold at most."""

    kind: Kind
    subject_id: str
    not_after: datetime
    days: int
    created_at: datetime


class MessageState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to one recipient over one channel.

    `message_id` is the same at every attempt, in at most 64 characters that can stand in a header. `event` is the same
    as the text, for a program. `last_error` names no secret.
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
    """Which messages to list: `text` in the subject or the recipient; `state` empty for all."""

    text: str = ""
    state: str = ""
    sort: str = "newest"  # or oldest
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of a list, and the cursor of the next page, empty on the last."""

    items: tuple[Message, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not taken over: in words without a secret, and whether another attempt is in vain."""

    reason: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notice with the messages that carry it: all are written, or none."""

    notice: Notice
    messages: tuple[Message, ...] = field(default=())
