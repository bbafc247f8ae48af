"""Stands in for what notices need: stores that forget, a channel that keeps what it is given, stores behind a fuse."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.jobs import JobRun
from ca_service.authority.notices.calendars import Calendar
from ca_service.authority.notices.records import (
    LONGEST_PAUSE,
    Announcement,
    Expiring,
    Failure,
    Kind,
    Message,
    MessagePage,
    MessageQuery,
    MessageState,
    Notice,
)
from ca_service.authority.ports import is_believable, latest_believable
from ca_service.vos.phrases import phrase
from tests.support.fakes import NOON, Fuse
from tests.support.paging import cursor_at, number_in

RECIPIENT: Final = "voice@example.com"


def expiring(days: float = 30, **changes: object) -> Expiring:
    """A leaf that ends in so many days, and has lived for long."""
    end = NOON + timedelta(days=days)
    start, step = NOON - timedelta(days=400), phrase("Renew {it}.", it="it")
    record = Expiring(Kind.LEAF, "0" * 40, "node1.example.com", start, end, "/certificates/0", step)
    return replace(record, **changes)  # type: ignore[arg-type]


def message(message_id: str = "notice-1", **changes: object) -> Message:
    """A message that waits."""
    record = Message(message_id, "mail", RECIPIENT, "It ends", "Soon.", {"type": "x"}, NOON, NOON)
    return replace(record, **changes)  # type: ignore[arg-type]


def notice(**changes: object) -> Notice:
    """That something was announced thirty days before its end."""
    record = Notice(Kind.LEAF, "0" * 40, NOON + timedelta(days=30), 30, NOON)
    return replace(record, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class ListedSource:
    """What ends is what the test says."""

    items: list[Expiring] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[Kind]:
        """See the port."""
        return frozenset(each.kind for each in self.items)

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """See the port."""
        found = [each for each in self.items if after < each.not_after <= until]
        return iter(sorted(found, key=lambda each: each.not_after))


@dataclass(slots=True)
class RecordingChannel:
    """Keeps the messages that it is given, unless it is told to fail."""

    name: str = "mail"
    recipients: tuple[str, ...] = (RECIPIENT,)
    failure: Failure | None = None
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> Failure | None:
        """See the port."""
        if self.failure is None:
            self.sent.append(message)
        return self.failure


class InMemoryJobStore:
    """The rows of the jobs in a dictionary."""

    def __init__(self) -> None:
        self._runs = dict[str, JobRun]()
        self._lock = threading.Lock()

    def list_runs(self) -> tuple[JobRun, ...]:
        """See the port."""
        return tuple(self._runs[name] for name in sorted(self._runs))

    def take(self, name: str, holder: str, now: datetime, until: datetime, before: datetime | None) -> bool:
        """See the port."""
        with self._lock:
            found = self._runs.setdefault(name, JobRun(name))
            is_odd = found.started_at is not None and not is_believable(found.started_at, now)
            is_free = found.until is None or found.until <= now or is_odd
            is_due = before is None or found.started_at is None or found.started_at <= before or is_odd
            if is_free and is_due:
                self._runs[name] = replace(found, holder=holder, until=until, started_at=now)
            return is_free and is_due

    def finish(self, run: JobRun) -> bool:
        """See the port."""
        with self._lock:
            found = self._runs.get(run.name)
            if found is None or found.holder != run.holder:
                return False
            succeeded = run.succeeded_at or found.succeeded_at
            self._runs[run.name] = replace(
                run, holder="", until=None, started_at=found.started_at, succeeded_at=succeeded
            )
            return True

    def extend(self, name: str, holder: str, until: datetime) -> bool:
        """See the port."""
        with self._lock:
            is_held = name in self._runs and self._runs[name].holder == holder
            if is_held:
                self._runs[name] = replace(self._runs[name], until=until)
            return is_held

    def forget(self, name: str, holder: str) -> bool:
        """See the port."""
        with self._lock:
            is_held = name in self._runs and self._runs[name].holder == holder
            if is_held:
                del self._runs[name]
            return is_held


class InMemoryNoticeStore:
    """Notices and messages in lists."""

    def __init__(self) -> None:
        self.notices = list[Notice]()
        self.messages = dict[int, Message]()
        self.events = list[AuditEvent]()
        self.counts = dict[int, int]()

    def save_counts(self, counts: Mapping[int, int]) -> None:
        """See the port."""
        self.counts = dict(counts)

    def list_counts(self) -> Mapping[int, int]:
        """See the port."""
        return self.counts

    def list_notices(self, subject_ids: Collection[str]) -> tuple[Notice, ...]:
        """See the port."""
        return tuple(each for each in self.notices if each.subject_id in subject_ids)

    def list_newer(self, kinds: Collection[Kind], after: datetime) -> tuple[Notice, ...]:
        """See the port."""
        return tuple(each for each in self.notices if each.kind in kinds and each.created_at > after)

    def announce(self, announcements: Sequence[Announcement]) -> int:
        """See the port."""
        return sum(self._announce(each) for each in announcements)

    def _announce(self, announcement: Announcement) -> bool:
        new = announcement.notice
        if any(replace(each, created_at=new.created_at) == new for each in self.notices):
            return False
        self.notices.append(new)
        for each in announcement.messages:
            self._add(each)
        return True

    def _add(self, message: Message) -> Message:
        number = max(self.messages, default=0) + 1
        self.messages[number] = replace(message, id=number)
        return self.messages[number]

    def list_messages(self, query: MessageQuery) -> MessagePage:
        """See the port; the cursor is the number behind which to go on, and the sort."""
        is_newest = query.sort == "newest"
        found = [each for each in self.messages.values() if _matches(each, query)]
        found.sort(key=lambda each: each.id, reverse=is_newest)
        if query.cursor:
            last = number_in(query.cursor, query.sort)
            found = [each for each in found if (each.id < last if is_newest else each.id > last)]
        page = tuple(found[: query.limit])
        return MessagePage(page, cursor_at(query.sort, page[-1].id) if len(found) > query.limit else "")

    def find_message(self, number: int) -> Message | None:
        """See the port."""
        return self.messages.get(number)

    def count(self, state: str, limit: int) -> int:
        """See the port."""
        return min(limit, sum(each.state.value == state for each in self.messages.values()))

    def list_due(self, channels: Collection[str], now: datetime, limit: int) -> tuple[Message, ...]:
        """See the port."""
        waiting = (each for each in self.messages.values() if each.state is MessageState.WAITING)
        odd = latest_believable(now) + 2 * LONGEST_PAUSE
        due = [each for each in waiting if not now < each.next_try_at <= odd and each.channel in channels]
        return tuple(sorted(due, key=lambda each: (each.next_try_at, each.id))[:limit])

    def claim(self, message: Message, next_try_at: datetime) -> bool:
        """See the port."""
        return self._change(message, attempts=message.attempts + 1, next_try_at=next_try_at)

    def settle(self, message: Message) -> bool:
        """See the port."""
        names = ("state", "next_try_at", "last_error", "sent_at")
        return self._change(message, **{name: getattr(message, name) for name in names})

    def _change(self, message: Message, **changes: object) -> bool:
        found = self.messages[message.id]
        if found.attempts != message.attempts or found.state is not MessageState.WAITING:
            return False
        self.messages[message.id] = replace(found, **changes)  # type: ignore[arg-type]
        return True

    def add_messages(self, messages: Sequence[Message], event: AuditEvent) -> tuple[Message, ...]:
        """See the port."""
        self.events.append(event)
        return tuple(self._add(each) for each in messages)

    def revive(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> int:
        """See the port."""
        dead = [self.messages[each] for each in numbers if self.messages[each].state is MessageState.DEAD]
        for each in dead:
            self.messages[each.id] = replace(each, state=MessageState.WAITING, attempts=0, next_try_at=now)
        self.events += [event] if dead else []
        return len(dead)

    def forget(self, before: datetime) -> int:
        """See the port."""
        old = [each.id for each in self.messages.values() if each.sent_at is not None and each.sent_at < before]
        for number in old:
            del self.messages[number]
        return len(old)


def _matches(message: Message, query: MessageQuery) -> bool:
    is_found = query.text.strip().lower() in f"{message.subject} {message.recipient}".lower()
    return is_found and query.state in ("", message.state.value)


class FusedNoticeStore(InMemoryNoticeStore):
    """The same behind a fuse, on what another one has kept."""

    def __init__(self, kept: InMemoryNoticeStore, fuse: Fuse) -> None:
        self.notices, self.messages, self.events = kept.notices, kept.messages, kept.events
        self._fuse = fuse

    def announce(self, announcements: Sequence[Announcement]) -> int:
        """See the port."""
        with self._fuse.step("announce"):
            return super().announce(announcements)

    def claim(self, message: Message, next_try_at: datetime) -> bool:
        """See the port."""
        with self._fuse.step("claim"):
            return super().claim(message, next_try_at)

    def settle(self, message: Message) -> bool:
        """See the port."""
        with self._fuse.step("settle"):
            return super().settle(message)


class InMemoryCalendarStore:
    """Calendars in a dictionary."""

    def __init__(self) -> None:
        self._calendars = dict[int, Calendar]()
        self.events = list[AuditEvent]()

    def find_calendar(self, account_id: int) -> Calendar | None:
        """See the port."""
        return self._calendars.get(account_id)

    def find_by_hash(self, hash: str) -> Calendar | None:
        """See the port."""
        return next((each for each in self._calendars.values() if each.hash == hash), None)

    def save_calendar(self, calendar: Calendar, event: AuditEvent) -> None:
        """See the port."""
        self._calendars[calendar.account_id] = calendar
        self.events.append(event)

    def remove_calendar(self, account_id: int, event: AuditEvent) -> bool:
        """See the port."""
        if self._calendars.pop(account_id, None) is None:
            return False
        self.events.append(event)
        return True
