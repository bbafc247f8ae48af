"""Messages leave the outbox: at least once, under one id, later and later, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.installation import Installation
from ca_service.authority.notices.delivering import MAX_ATTEMPTS, Deliveries, pause
from ca_service.authority.notices.records import Failure, Message, MessageState
from ca_service.errors import Conflict, NotFound, NotReady
from ca_service.settings import Settings
from ca_service.storage.notices import SQLNoticeStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.authority import racing
from tests.support.factories import OPERATOR, account_record, event
from tests.support.fakes import NOON, FixedClock, Fuse, InMemoryAccountStore, PowerCut
from tests.support.notices import RECIPIENT, FusedNoticeStore, InMemoryNoticeStore, RecordingChannel, message

BUSY, GONE = Failure("try later"), Failure("no such box", is_final=True)


class Office:
    """An outbox with a channel."""

    def __init__(self, *messages: Message) -> None:
        self.clock, self.store, self.channel = FixedClock(), InMemoryNoticeStore(), RecordingChannel()
        self.accounts = InMemoryAccountStore()
        self.store.add_messages(messages, event())

    def deliveries(self, fuse: Fuse | None = None) -> Deliveries:
        """A new start of the program."""
        store = FusedNoticeStore(self.store, fuse) if fuse else self.store
        return Deliveries(
            outbox=store,
            channels=(self.channel,),
            accounts=self.accounts,
            clock=self.clock,
            chance=lambda: 0.5,
            base_url="https://ca.example.com",
        )

    @property
    def first(self) -> Message:
        """The first message, as it stands."""
        return self.store.messages[1]

    def deliver_later(self) -> int:
        """A round at the time when the first message is due."""
        self.clock.now = max(self.clock.now, self.first.next_try_at)
        return self.deliveries().deliver_due()


def test_what_waits_is_sent_once() -> None:
    office = Office(message("a"), message("b"))

    assert [office.deliveries().deliver_due() for _ in range(2)] == [2, 0]
    assert [each.message_id for each in office.channel.sent] == ["a", "b"]
    assert (office.first.state, office.first.sent_at, office.first.attempts) == (MessageState.SENT, NOON, 1)


@pytest.mark.fault("other services", "A mail server or webhook fails", "tries again, later each time")
def test_what_fails_is_tried_again_later_and_later_and_then_sent() -> None:
    office, pauses = Office(message()), list[timedelta]()
    office.channel.failure = BUSY
    for _ in range(12):
        office.deliver_later()
        pauses.append(office.first.next_try_at - office.clock.now)
    office.channel.failure = None

    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=4))
    assert (office.first.last_error, office.first.attempts) == ("try later", 12)
    assert office.deliver_later() == 1
    assert (office.first.state, office.first.last_error) == (MessageState.SENT, "")


def test_what_is_refused_for_good_is_dead_at_once() -> None:
    office = Office(message())
    office.channel.failure = GONE

    office.deliveries().deliver_due()

    assert (office.first.state, office.first.last_error, office.first.attempts) == (MessageState.DEAD, "no such box", 1)


def test_what_fails_for_two_days_is_dead() -> None:
    office = Office(message())
    office.channel.failure = BUSY
    while office.first.state is MessageState.WAITING:
        office.deliver_later()

    assert office.first.attempts == MAX_ATTEMPTS
    assert timedelta(days=1) < office.clock.now - NOON < timedelta(days=3)


def test_what_is_for_nobody_any_more_is_dead_without_an_attempt() -> None:
    office = Office(message(recipient="former@example.com"))

    office.deliveries().deliver_due()

    assert office.channel.sent == []
    assert office.first.state is MessageState.DEAD
    assert "no longer configured" in office.first.last_error


def test_what_is_for_a_channel_that_is_not_configured_waits() -> None:
    office = Office(message(channel="webhook"))

    assert office.deliveries().deliver_due() == 0
    assert (office.first.state, office.first.attempts) == (MessageState.WAITING, 0)


@pytest.mark.fault(
    "processes", "A power cut between any two steps of sending", "nothing is lost; at most sent twice under one id"
)
@pytest.mark.parametrize(("at", "times"), [(1, 1), (2, 1), (3, 2), (4, 1)])
def test_a_power_cut_between_any_two_steps_loses_nothing_and_sends_twice_under_one_id_at_most(
    at: int, times: int
) -> None:
    office = Office(message())
    with pytest.raises(PowerCut):
        office.deliveries(Fuse(at)).deliver_due()

    office.clock.advance(minutes=10)
    office.deliveries().deliver_due()

    assert office.first.state is MessageState.SENT
    assert [each.message_id for each in office.channel.sent] == ["notice-1"] * times


def test_after_a_crash_nobody_tries_while_the_attempt_may_still_go_on() -> None:
    office = Office(message())
    with pytest.raises(PowerCut):
        office.deliveries(Fuse(2)).deliver_due()

    office.clock.advance(minutes=9)
    assert office.deliveries().deliver_due() == 0


def test_an_error_is_kept_short() -> None:
    office = Office(message())
    office.channel.failure = Failure("x" * 1000)

    office.deliveries().deliver_due()

    assert len(office.first.last_error) == 200


def test_a_dead_message_can_be_retried_and_that_is_recorded() -> None:
    office = Office(message())
    office.channel.failure = GONE
    office.deliveries().deliver_due()
    office.channel.failure = None

    assert office.deliveries().retry(OPERATOR, [1]) == 1
    assert office.store.events[-1].event is Event.MESSAGES_RETRIED
    assert office.store.events[-1].details == {"messages": "1"}
    assert office.deliveries().deliver_due() == 1


def test_only_what_is_dead_can_be_retried() -> None:
    office = Office(message())
    with pytest.raises(Conflict) as refused:
        office.deliveries().retry(OPERATOR, [1])
    assert refused.value.rule == "message.not-dead"
    with pytest.raises(NotFound) as unknown:
        office.deliveries().retry(OPERATOR, [7])
    assert unknown.value.rule == "message.unknown"


def test_a_test_is_sent_at_once_over_every_channel_and_recorded() -> None:
    office = Office()

    [sent] = office.deliveries().test(OPERATOR)

    assert (sent.state, sent.recipient, sent.subject) == (MessageState.SENT, RECIPIENT, "Test of ca_service")
    assert "https://ca.example.com/notices" in office.channel.sent[0].text
    assert office.store.events[-1].event is Event.NOTICES_TESTED


def test_a_test_that_fails_tells_why_and_is_tried_again() -> None:
    office = Office()
    office.channel.failure = BUSY

    [sent] = office.deliveries().test(OPERATOR)

    assert (sent.state, sent.last_error) == (MessageState.WAITING, "try later")


def test_without_a_channel_a_test_tells_the_settings_that_are_missing() -> None:
    with pytest.raises(NotReady, match=r"mail\.host.*webhook\.url") as refused:
        Deliveries(
            outbox=InMemoryNoticeStore(),
            channels=(),
            accounts=InMemoryAccountStore(),
            clock=FixedClock(),
            chance=lambda: 0.5,
            base_url="",
        ).test(OPERATOR)
    assert refused.value.rule == "notices.no-channel"


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_neither_shorter_than_a_minute_nor_longer_than_the_cap_give_or_take_a_fifth(
    attempts: int, chance: float
) -> None:
    assert timedelta(seconds=48) <= pause(attempts, chance) <= timedelta(hours=4.8)


def test_what_was_sent_can_be_looked_at_for_more_than_a_year() -> None:
    office = Office(message())
    office.deliveries().deliver_due()

    office.clock.advance(days=400)
    assert office.deliveries().forget_old() == 0
    office.clock.advance(seconds=1)
    assert office.deliveries().forget_old() == 1


def deliver(_: Installation, folder: Path) -> str:
    """One round on the real outbox; the ids of what was sent."""
    channel, outbox = RecordingChannel(), SQLNoticeStore(SQLiteDatabase(folder / "ca.sqlite3"))
    Deliveries(
        outbox=outbox,
        channels=(channel,),
        accounts=InMemoryAccountStore(),
        clock=FixedClock(),
        chance=lambda: 0.5,
        base_url="",
    ).deliver_due()
    return " ".join(each.message_id for each in channel.sent)


@pytest.mark.parametrize("race", [*racing.ways(), racing.won_without_locks()])
def test_two_processes_that_deliver_at_once_send_each_message_once(
    installation: Installation, settings: Settings, race: racing.Race
) -> None:
    """The UPDATE decides: it compares the number of attempts and counts one more."""
    names = [f"notice-{number}" for number in range(40)]
    store = SQLNoticeStore(SQLiteDatabase(settings.instance_path / "ca.sqlite3"))
    store.add_messages([message(name) for name in names], event())

    sent = race(settings.instance_path, deliver, [settings.instance_path] * 2)

    assert sorted(" ".join(sent).split()) == sorted(names)
    assert installation.deliveries.count(MessageState.SENT, 100) == 40


@pytest.mark.parametrize(
    ("change", "is_sent"),
    [
        ({}, True),
        ({"disabled_at": NOON}, False),
        ({"role": Role.REQUESTER}, False),
        ({"mail_address": "new@example.com"}, False),
        ({"mail_address": "CAROL@example.com"}, True),
        ({"name": "anna"}, False),
    ],
)
def test_what_waits_reaches_a_person_who_may_decide_still_today(change: dict[str, Any], is_sent: bool) -> None:
    said = {"type": "request.submitted", "data": {"submitted_by": "anna"}}
    office = Office(message(recipient="carol@example.com", event=said))
    carol: dict[str, Any] = {"name": "carol", "role": Role.APPROVER, "mail_address": "carol@example.com"}
    office.accounts.add_account(account_record(**(carol | change)), event())

    assert office.deliveries().deliver_due() == is_sent
    assert office.first.state is (MessageState.SENT if is_sent else MessageState.DEAD)


def test_an_address_that_another_program_has_written_gets_no_mail() -> None:
    """It could end the header: the job would fail at this message, again and again."""
    bad = "carol@example.com\nBcc: all@example.com"
    office = Office(message(recipient=bad, event={"type": "request.submitted"}))
    office.accounts.add_account(account_record(name="carol", role=Role.APPROVER, mail_address=bad), event())

    assert (office.deliveries().deliver_due(), office.first.state) == (0, MessageState.DEAD)
