"""Notices and messages, fake and real: one notice a threshold, with its messages or not at all; one claim at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from ca_service.authority.notices.records import Announcement, Kind, Message, MessageQuery, MessageState
from ca_service.errors import InvalidInput
from ca_service.storage.database import Database
from ca_service.storage.notices import SQLNoticeStore
from tests.support.factories import event
from tests.support.fakes import NOON
from tests.support.notices import InMemoryNoticeStore, message, notice

Store = InMemoryNoticeStore | SQLNoticeStore
LATER = NOON + timedelta(minutes=10)


def stored(store: Store, *messages: Message) -> tuple[Message, ...]:
    """These messages, as they are kept."""
    return store.add_messages(messages, event())


def everything(store: Store, **query: object) -> list[str]:
    """The ids of the messages that a query finds."""
    return [each.message_id for each in store.list_messages(MessageQuery(**query)).items]  # type: ignore[arg-type]


def test_a_notice_is_written_once_and_so_are_its_messages(notice_store: Store) -> None:
    first = Announcement(notice(), (message("a"), message("b", channel="webhook")))

    assert notice_store.announce([first]) == 1
    assert notice_store.announce([replace(first, notice=notice(created_at=LATER))]) == 0
    assert everything(notice_store) == ["b", "a"]
    assert notice_store.list_notices(["0" * 40]) == (notice(),)


def test_what_cannot_be_written_whole_is_not_written_at_all(database: Database) -> None:
    store = SQLNoticeStore(database)
    good, bad = Announcement(notice(), (message("a"),)), Announcement(notice(days=14), (message("b"), message("a")))

    with pytest.raises(IntegrityError):
        store.announce([good, bad])

    assert store.list_notices(["0" * 40]) == ()
    assert everything(store) == []


def test_another_threshold_another_end_and_another_kind_are_other_notices(notice_store: Store) -> None:
    others = [notice(), notice(days=14), notice(not_after=LATER), notice(subject_id="f" * 40)]

    assert notice_store.announce([Announcement(each) for each in others]) == 4
    assert notice_store.list_notices(["0" * 40]) == tuple(others[:3])
    assert notice_store.list_notices([]) == ()


def test_notices_of_some_kinds_are_listed_from_a_moment_on(notice_store: Store) -> None:
    new = notice(kind=Kind.REQUEST, subject_id="2", created_at=LATER)
    others = [notice(kind=Kind.REQUEST, subject_id="1"), new, notice(kind=Kind.DECISION, subject_id="2")]
    notice_store.announce([Announcement(each) for each in others])
    assert notice_store.list_newer({Kind.REQUEST}, NOON) == (new,)
    assert notice_store.list_newer({Kind.REQUEST, Kind.LEAF}, LATER) == ()


def test_the_newest_counts_replace_all_earlier_ones(notice_store: Store) -> None:
    assert notice_store.list_counts() == {}
    notice_store.save_counts({30: 2, 60: 5, 7: 1})
    notice_store.save_counts({30: 3, 90: 9})
    assert notice_store.list_counts() == {30: 3, 90: 9}


def test_a_message_is_kept_as_it_was(notice_store: Store) -> None:
    made = message(event={"type": "x", "data": {"days": 3}}, text="Grüße\n")

    [kept] = stored(notice_store, made)

    assert replace(kept, id=0) == made
    assert notice_store.find_message(kept.id) == kept
    assert notice_store.find_message(kept.id + 99) is None


def test_what_waits_is_due_in_the_order_of_its_time_on_the_channels_that_are_there(notice_store: Store) -> None:
    messages = message("late", next_try_at=NOON), message("early", next_try_at=NOON - timedelta(1))
    stored(notice_store, *messages, message("not yet", next_try_at=LATER), message("other", channel="webhook"))

    def due(*channels: str, limit: int = 9) -> list[str]:
        return [each.message_id for each in notice_store.list_due(channels, NOON, limit)]

    assert due("mail") == ["early", "late"]
    assert due("mail", limit=1) == ["early"]
    assert due("webhook") == ["other"]
    assert due() == []


def test_a_message_that_waits_longer_than_any_does_is_due(notice_store: Store) -> None:
    stored(notice_store, message("odd", next_try_at=NOON + timedelta(days=45)))
    stored(notice_store, message("in time", next_try_at=NOON + timedelta(hours=4)))
    assert [each.message_id for each in notice_store.list_due(["mail"], NOON, 9)] == ["odd"]


def test_one_attempt_is_claimed_once(notice_store: Store) -> None:
    [waiting] = stored(notice_store, message())

    assert notice_store.claim(waiting, LATER)
    assert not notice_store.claim(waiting, LATER)
    claimed = notice_store.find_message(waiting.id)
    assert claimed == replace(waiting, attempts=1, next_try_at=LATER)
    assert notice_store.list_due(["mail"], NOON, 9) == ()


def test_how_an_attempt_ended_is_kept_unless_another_was_begun(notice_store: Store) -> None:
    [waiting] = stored(notice_store, message())
    notice_store.claim(waiting, LATER)
    first = replace(waiting, attempts=1, state=MessageState.SENT, sent_at=NOON)
    notice_store.claim(replace(waiting, attempts=1), LATER)

    assert not notice_store.settle(first)
    assert notice_store.settle(replace(first, attempts=2))
    sent = notice_store.find_message(waiting.id)
    assert sent == replace(first, attempts=2, next_try_at=NOON)
    assert not notice_store.claim(replace(waiting, attempts=2), LATER)


def test_only_what_is_dead_is_revived(notice_store: Store) -> None:
    dead, waiting = stored(notice_store, message("dead"), message("waiting"))
    notice_store.claim(dead, LATER)
    notice_store.settle(replace(dead, attempts=1, state=MessageState.DEAD, last_error="no such box"))

    assert notice_store.revive([dead.id, waiting.id], LATER, event()) == 1
    assert notice_store.revive([dead.id], LATER, event()) == 0
    revived = notice_store.find_message(dead.id)
    assert revived == replace(dead, attempts=0, next_try_at=LATER, last_error="no such box")


def test_only_what_was_sent_before_a_time_is_forgotten(notice_store: Store) -> None:
    messages = stored(notice_store, *(message(name) for name in ("old", "new", "waiting")))
    for each, sent_at in zip(messages, (NOON, LATER), strict=False):
        notice_store.claim(each, LATER)
        notice_store.settle(replace(each, attempts=1, state=MessageState.SENT, sent_at=sent_at))

    assert notice_store.forget(NOON) == 0
    assert notice_store.forget(LATER) == 1
    assert everything(notice_store) == ["waiting", "new"]


def test_a_notice_outlives_its_messages_so_that_it_is_not_sent_again(notice_store: Store) -> None:
    announcement = Announcement(notice(), (message(),))
    notice_store.announce([announcement])
    [waiting] = notice_store.list_due(["mail"], NOON, 1)
    notice_store.claim(waiting, LATER)
    notice_store.settle(replace(waiting, attempts=1, state=MessageState.SENT, sent_at=NOON))

    assert notice_store.forget(LATER) == 1
    assert notice_store.announce([announcement]) == 0


def test_messages_are_counted_up_to_a_limit(notice_store: Store) -> None:
    stored(notice_store, *(message(str(number)) for number in range(3)))

    assert notice_store.count("waiting", 10) == 3
    assert notice_store.count("waiting", 2) == 2
    assert notice_store.count("dead", 10) == 0


def test_messages_are_searched_in_subject_and_recipient_and_filtered_by_state(notice_store: Store) -> None:
    stored(notice_store, message("a", subject="UCCX1 ends"), message("b", recipient="noc@example.com"))

    assert everything(notice_store, text="uccx1") == ["a"]
    assert everything(notice_store, text="NOC@") == ["b"]
    assert everything(notice_store, text="%") == everything(notice_store, text="_") == []
    assert everything(notice_store, text="\0") in ([], ["b", "a"])
    assert everything(notice_store, state="dead") == []
    assert everything(notice_store, state="waiting", sort="oldest") == ["a", "b"]


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_pages_follow_one_another_without_a_gap(notice_store: Store, sort: str) -> None:
    stored(notice_store, *(message(str(number)) for number in range(5)))
    found, cursor = list[str](), ""
    for _ in range(3):
        page = notice_store.list_messages(MessageQuery(sort=sort, cursor=cursor, limit=2))
        found += [each.message_id for each in page.items]
        cursor = page.next_cursor

    assert found == sorted("01234", reverse=sort == "newest")
    assert cursor == ""


def test_a_cursor_of_another_list_is_refused(notice_store: Store) -> None:
    with pytest.raises(InvalidInput) as refused:
        notice_store.list_messages(MessageQuery(cursor="x"))
    assert refused.value.rule == "list.cursor"
