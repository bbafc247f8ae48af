"""Notices are written once, with their messages; nothing is written where it could not be sent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ca_service.authority.installation import Installation
from ca_service.authority.notices.announcing import Notices
from ca_service.authority.notices.ports import Channel
from ca_service.authority.notices.records import Expiring, Kind, MessageQuery
from ca_service.authority.notices.sources import Sources
from ca_service.errors import InvalidInput
from ca_service.settings import Settings
from ca_service.storage.notices import SQLNoticeStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.authority import racing
from tests.support.factories import OPERATOR
from tests.support.fakes import NOON, FixedClock, Fuse, PowerCut
from tests.support.notices import FusedNoticeStore, InMemoryNoticeStore, ListedSource, RecordingChannel, expiring

DAYS = (90, 60, 30, 14, 7, 1)


class House:
    """Notices over a list of what ends."""

    def __init__(self, *items: Expiring, channels: tuple[Channel, ...] = (RecordingChannel(),)) -> None:
        self.clock, self.store, self.source = FixedClock(), InMemoryNoticeStore(), ListedSource(list(items))
        self.channels = channels

    def notices(self, fuse: Fuse | None = None) -> Notices:
        """A new start of the program."""
        store = FusedNoticeStore(self.store, fuse) if fuse else self.store
        url = "https://ca.example.com"
        return Notices(Sources((self.source,)), store, self.channels, self.clock, days=DAYS, base_url=url)

    def sent(self) -> list[tuple[str, int]]:
        """(subject, threshold) of every notice."""
        return [(notice.subject_id, notice.days) for notice in self.store.notices]


def test_a_notice_and_its_messages_are_written_once() -> None:
    house = House(expiring(30))

    assert [house.notices().announce_due() for _ in range(3)] == [1, 0, 0]
    assert house.sent() == [("0" * 40, 30)]
    assert len(house.store.messages) == 1


def test_there_is_a_message_for_each_recipient_of_each_channel() -> None:
    mail, hook = RecordingChannel(recipients=("a@example.com", "b@example.com")), RecordingChannel("webhook", ("u",))
    house = House(expiring(30), channels=(mail, hook))

    house.notices().announce_due()

    told = [(each.channel, each.recipient) for each in house.store.messages.values()]
    assert told == [("mail", "a@example.com"), ("mail", "b@example.com"), ("webhook", "u")]
    assert len({each.message_id for each in house.store.messages.values()}) == 3


def test_as_time_goes_by_each_threshold_has_its_notice() -> None:
    house = House(expiring(100))
    for _ in range(101 * 4):
        house.notices().announce_due()
        house.clock.advance(hours=6)

    assert house.sent() == [("0" * 40, days) for days in DAYS]


def test_after_a_pause_one_notice_is_sent_and_not_one_for_each_that_was_missed() -> None:
    house = House(expiring(30))
    house.clock.advance(days=17)

    house.notices().announce_due()

    assert house.sent() == [("0" * 40, 14)]
    assert "expires in 13 days" in house.store.messages[1].subject


def test_without_a_channel_nothing_is_written_so_that_it_is_sent_once_there_is_one() -> None:
    house = House(expiring(30), channels=())
    assert house.notices().announce_due() == 0
    assert house.store.notices == []

    house.channels = (RecordingChannel(),)
    assert house.notices().announce_due() == 1


def test_a_list_that_is_published_again_is_another_thing_that_ends() -> None:
    house = House(expiring(1, kind=Kind.REVOCATION_LIST, id="root-g1"))
    house.notices().announce_due()
    house.source.items = [expiring(1.5, kind=Kind.REVOCATION_LIST, id="root-g1")]
    house.clock.advance(hours=13)

    assert house.notices().announce_due() == 1
    assert len({each.message_id for each in house.store.messages.values()}) == 2


def test_more_than_fit_into_one_batch_are_all_announced() -> None:
    house = House(*(expiring(30, id=f"{number:040x}") for number in range(250)))

    assert house.notices().announce_due() == 250
    assert house.notices().announce_due() == 0


@pytest.mark.fault("processes", "A power cut between any two steps of announcing", "no notice is lost or doubled")
@pytest.mark.parametrize("at", range(1, 7))
def test_a_power_cut_between_any_two_steps_neither_loses_nor_doubles_a_notice(at: int) -> None:
    house = House(*(expiring(30, id=f"{number:040x}") for number in range(250)))
    with pytest.raises(PowerCut):
        house.notices(Fuse(at)).announce_due()

    house.notices().announce_due()

    assert len(house.sent()) == len(set(house.sent())) == len(house.store.messages) == 250


def test_a_message_says_what_ends_when_what_to_do_and_where() -> None:
    house = House(expiring(1, name="uccx1.example.com", path="/certificates/00"))

    house.notices().announce_due()

    message = house.store.messages[1]
    assert message.subject == "uccx1.example.com: certificate expires in 1 day"
    for part in ("2026-11-24 at 12:00 UTC", "Next: Renew it.", "https://ca.example.com/certificates/00", "0" * 40):
        assert part in message.text
    assert message.event["type"] == "certificate.expiring"
    assert message.event["data"] == {
        "kind": "leaf",
        "id": "0" * 40,
        "name": "uccx1.example.com",
        "not_after": "2026-11-24T12:00:00Z",
        "days_left": 1,
        "threshold_days": 1,
        "next_step": "Renew it.",
        "url": "https://ca.example.com/certificates/00",
    }


def test_a_name_cannot_put_lines_into_a_message() -> None:
    house = House(expiring(30, name="a\r\nBcc: everybody@example.com"))

    house.notices().announce_due()

    assert "\n" not in house.store.messages[1].subject
    assert "\nBcc:" not in house.store.messages[1].text


def test_what_will_be_sent_is_listed_with_its_day_for_the_next_ninety_days() -> None:
    house = House(expiring(30.5, id="soon"), expiring(179, id="later"), expiring(181, id="too late"))

    items = house.notices().list_coming(OPERATOR).items

    told = [(each.expiring.id, each.next_at) for each in items]
    assert told == [("soon", NOON + timedelta(hours=12)), ("later", NOON + timedelta(days=89))]


def test_what_comes_is_searched_by_name_and_paged_without_a_gap_even_where_many_end_together() -> None:
    many = [expiring(30 + number // 4, id=f"{number:02}", name=f"node{number}.example.com") for number in range(1, 12)]
    house, cursor, found = House(*many, expiring(40, name="other")), "", list[str]()
    while True:
        page = house.notices().list_coming(OPERATOR, "NODE", cursor, limit=3)
        found += [each.expiring.id for each in page.items]
        if not (cursor := page.next_cursor):
            break

    assert found == [each.id for each in many]


@pytest.mark.parametrize("cursor", ["x", "1", "1.x", "9" * 30 + ".1", "1e9.1", "nan.0"])
def test_a_cursor_that_was_not_handed_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        House().notices().list_coming(OPERATOR, cursor=cursor)
    assert refused.value.rule == "list.cursor"


def announce(_: Installation, folder: Path) -> str:
    """One round over things that end, on the real store; how many notices were written."""
    store = SQLNoticeStore(SQLiteDatabase(folder / "ca.sqlite3"))
    source = ListedSource([expiring(30, id=f"{number:040x}") for number in range(150)])
    notices = Notices(Sources((source,)), store, (RecordingChannel(),), FixedClock(), days=DAYS, base_url="")
    return str(notices.announce_due())


@pytest.mark.parametrize("race", [*racing.ways(), racing.won_without_locks()])
def test_two_processes_that_announce_at_once_write_each_notice_once(
    installation: Installation, settings: Settings, race: racing.Race
) -> None:
    """The unique index of the notices decides."""
    counts = race(settings.instance_path, announce, [settings.instance_path] * 2)

    assert sum(map(int, counts)) == 150
    messages = installation.deliveries.list_messages(OPERATOR, MessageQuery(limit=200)).items
    assert len(messages) == len({each.message_id for each in messages}) == 150
