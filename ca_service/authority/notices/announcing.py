"""Announcing: finds the due notices, and writes each of them once with its messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.notices.ports import Channel, NoticeStore, recipients_of
from ca_service.authority.notices.records import Announcement, Expiring, Kind, Notice, due, upcoming
from ca_service.authority.notices.sources import Sources
from ca_service.authority.notices.texts import notice_message
from ca_service.authority.paging import foreign_cursor
from ca_service.authority.ports import Clock

HORIZON: Final = timedelta(days=90)  # how far the list of upcoming notices looks ahead
MOST_COUNTED: Final = 5_000  # counts stop here
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Coming:
    """An expiration, and when the next notice about it is due."""

    expiring: Expiring
    next_at: datetime


@dataclass(frozen=True, slots=True)
class ComingPage:
    """A page of upcoming notices, the first to expire first, and the cursor of the next page, empty on the last."""

    items: tuple[Coming, ...]
    next_cursor: str


class Notices:
    """Announces expirations. `days` are the thresholds, `base_url` is the address of this service for people."""

    def __init__(
        self,
        sources: Sources,
        store: NoticeStore,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        days: Sequence[int],
        base_url: str,
    ) -> None:
        self._sources = sources
        self._store = store
        self._channels = channels
        self._clock = clock
        self.days = tuple(days)
        self._base_url = base_url

    def announce_due(self) -> int:
        """Write each notice that is due and not yet written; return their number.

        Without a channel nothing is written, so that due notices are sent once there is a channel.
        """
        to = recipients_of(self._channels)
        if not to:
            return 0
        return sum(self._announce(batch, to) for batch in _batches(self._ending()))

    def _ending(self) -> Iterator[Expiring]:
        now = self._clock()
        return self._sources.between(now, now + timedelta(days=max(self.days)))

    def _announce(self, batch: Sequence[Expiring], to: Sequence[tuple[str, str]]) -> int:
        now, sent = self._clock(), dict[tuple[object, ...], list[int]]()
        for notice in self._store.list_notices({each.id for each in batch}):
            sent.setdefault((notice.kind, notice.subject_id, notice.not_after), []).append(notice.days)
        new = []
        for each in batch:
            threshold = due(each, self.days, now, sent.get(each.key, ()))
            if threshold is not None:
                notice = Notice(each.kind, each.id, each.not_after, threshold, now)
                messages = tuple(notice_message(each, threshold, one, self._base_url, now) for one in to)
                new.append(Announcement(notice, messages))
        return self._store.announce(new) if new else 0

    def list_coming(self, actor: Actor, text: str = "", cursor: str = "", limit: int = 50) -> ComingPage:
        """Return one page of upcoming notices, with `text` in the name. Raises InvalidInput for a bad cursor."""
        require(actor, Action.STATUS)
        now = self._clock()
        start, skipped = _place(cursor) if cursor else (now, 0)
        found = self._sources.between(start - timedelta(seconds=1), now + HORIZON + timedelta(days=max(self.days)))
        wanted = (coming for each in found if (coming := self._coming(each, now)) and text.lower() in each.name.lower())
        items = tuple(islice(wanted, skipped, skipped + limit + 1))
        return ComingPage(items[:limit], _cursor(items[:limit], (start, skipped)) if len(items) > limit else "")

    def _coming(self, expiring: Expiring, now: datetime) -> Coming | None:
        next_at = upcoming(expiring, self.days, now)
        return Coming(expiring, next_at) if next_at and next_at <= now + HORIZON else None

    def ending(self, limit: int, within: timedelta) -> tuple[Expiring, ...]:
        """Return what expires within this time, the first to expire first, up to the limit; for feeds and gauges."""
        now = self._clock()
        return tuple(islice(self._sources.between(now, now + within), limit))

    def count_ending(self) -> int:
        """Count what expires within each threshold, and store it for the metrics; return the highest count.

        Whether a leaf is still in use takes a look at its cluster, which is too long for each reader of the metrics.
        """
        now = self._clock()
        found = self.ending(MOST_COUNTED, timedelta(days=max(self.days)))
        counts = {days: sum(each.not_after <= now + timedelta(days=days) for each in found) for days in self.days}
        self._store.save_counts(counts)
        return len(found)

    def list_counts(self) -> dict[int, int]:
        """Return how many items expired within each threshold when they were last counted; empty before that."""
        counts = self._store.list_counts()
        return {days: counts[days] for days in sorted(self.days) if days in counts}

    def firsts(self) -> dict[Kind, Expiring]:
        """Return the next expiration of each kind."""
        return self._sources.firsts(self._clock())


def _batches(found: Iterable[Expiring]) -> Iterator[Sequence[Expiring]]:
    left = iter(found)
    while batch := tuple(islice(left, _BATCH)):
        yield batch


def _cursor(shown: Sequence[Coming], start: tuple[datetime, int]) -> str:
    """Return the position of the next page: the last expiry shown, and how many were shown with it."""
    last = shown[-1].expiring.not_after
    count = sum(each.expiring.not_after == last for each in shown)
    skipped = count + (start[1] if start[0] == last else 0)
    return f"{int(last.timestamp())}.{skipped}"


def _place(cursor: str) -> tuple[datetime, int]:
    try:
        moment, skipped = map(int, cursor[:40].split("."))
        return datetime.fromtimestamp(moment, UTC), max(0, min(skipped, 10_000))
    except (ValueError, OverflowError, OSError) as error:
        raise foreign_cursor() from error
