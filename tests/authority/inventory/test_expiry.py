"""The board of what comes to its end: its weeks, and what is to be done."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.inventory.inventory import MOST_LATER, WEEKS, Step
from ca_service.authority.revocation.records import Selection
from ca_service.errors import InvalidInput
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR, Lab, actor, certificate_record, event
from tests.support.fakes import NOON  # a Monday

READER = actor(Role.AUDITOR)
MIDNIGHT = NOON.replace(hour=0)


def add(lab: Lab, *ends: timedelta, **values: object) -> list[str]:
    """Certificates that end so long after noon; their serial numbers."""
    records = [certificate_record(not_after=NOON + end, **values) for end in ends]
    lab.ledger.record(records, [event() for _ in records], always_new=True, replay=None)
    return [record.serial_number for record in records]


def days(*numbers: float) -> list[timedelta]:
    """So many days each."""
    return [timedelta(days=number) for number in numbers]


def test_weeks_begin_on_monday_and_follow_one_another_without_a_gap(lab: Lab) -> None:
    lab.clock.advance(days=2)
    board = lab.inventory.board(READER)
    bars = (board.overdue, *board.weeks, board.later)
    assert len(board.weeks) == WEEKS
    assert all(one.end == other.begin for one, other in pairwise(bars))
    assert board.weeks[0].begin == board.at == NOON + timedelta(days=2)
    assert {bar.begin.weekday() for bar in board.weeks[1:]} == {0}
    assert {bar.begin.time() for bar in board.weeks[1:]} == {MIDNIGHT.time()}


def test_each_certificate_is_counted_where_it_ends(lab: Lab) -> None:
    add(lab, *days(-40, -27, -0.1, 0, 6, 7, 8, 8, 181, 400, 500))
    board = lab.inventory.board(READER)
    assert board.overdue.count == 2
    assert [bar.count for bar in board.weeks[:3]] == [2, 3, 0]
    assert [bar.count for bar in board.weeks[3:]].count(1) == 1
    assert board.later.count == 2
    assert (board.highest, board.is_empty) == (3, False)


def test_the_words_of_a_bar_find_what_it_counts(lab: Lab) -> None:
    add(lab, *days(-30, -28, -27.5, -1, 0, 3, 6.4, 6.5, 13.4, 13.5, 100, 181, 182, 200, 400))
    lab.clock.advance(hours=5)
    board = lab.inventory.board(READER)
    for bar in (board.overdue, *board.weeks, board.later):
        assert len(list(lab.inventory.export(READER, bar.words, "expires"))) == bar.count


def test_nothing_there_is_an_empty_board(lab: Lab) -> None:
    board = lab.inventory.board(READER)
    assert board.is_empty
    assert (board.next, board.authorities) == ((), ())


def test_what_is_revoked_comes_to_no_end(lab: Lab) -> None:
    (serial,) = add(lab, *days(3))
    lab.revocation.revoke(OPERATOR, Selection((serial,)), Reason.SUPERSEDED)
    board = lab.inventory.board(READER)
    assert board.is_empty
    assert board.next == ()


def test_a_filter_makes_a_board_of_its_own(lab: Lab) -> None:
    add(lab, *days(3, 400), profile="server")
    add(lab, *days(3, -3))
    board = lab.inventory.board(READER, "profile:server status:revoked")
    assert (board.overdue.count, board.weeks[0].count, board.later.count) == (0, 1, 1)
    assert [ending.certificate.profile for ending in board.next] == ["server", "server"]
    assert lab.inventory.board(READER, "expires<1w").later.count == 0


def test_later_ones_are_not_counted_to_the_end(lab: Lab) -> None:
    add(lab, *[timedelta(days=400)] * (MOST_LATER + 5))
    assert lab.inventory.board(READER).later.count == MOST_LATER


def test_a_wrong_filter_is_told(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.inventory.board(READER, "state:x")
    assert caught.value.rule == "filter.unknown"


def test_the_next_to_expire_come_with_the_next_step(lab: Lab) -> None:
    add(lab, timedelta(days=1), host="node.example.com")
    add(lab, timedelta(days=2), host="www.example.com", profile="server")
    add(lab, timedelta(days=3), host="twice.example.com")
    add(lab, timedelta(days=40), host="twice.example.com")
    steps = [(each.certificate.host.partition(".")[0], each.step) for each in lab.inventory.board(READER).next]
    assert steps == [
        ("node", Step.NEW_REQUEST),
        ("www", Step.RENEW),
        ("twice", Step.NOTHING),
        ("twice", Step.NEW_REQUEST),
    ]


def test_the_ends_of_root_and_intermediate_are_told(lab: Lab) -> None:
    board = lab.initialised().inventory.board(READER)
    assert [(each.name, each.is_former) for each in board.authorities] == [
        ("Example Lab EC Root CA G1", False),
        ("Example Lab EC Intermediate CA G1", False),
    ]
    assert all(isinstance(each.not_after, datetime) and each.not_after > NOON for each in board.authorities)
