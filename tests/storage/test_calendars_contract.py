"""Calendars, fake and real: one for an account, found by its hash."""

from __future__ import annotations

from ca_service.authority.notices.calendars import Calendar, CalendarStore
from tests.support.factories import event
from tests.support.fakes import NOON

FIRST, SECOND = Calendar(1, "a" * 64, NOON), Calendar(1, "b" * 64, NOON)


def test_a_calendar_is_found_by_its_account_and_by_its_hash(calendar_store: CalendarStore) -> None:
    calendar_store.save_calendar(FIRST, event())

    assert calendar_store.find_calendar(1) == calendar_store.find_by_hash("a" * 64) == FIRST
    assert calendar_store.find_calendar(2) is None
    assert calendar_store.find_by_hash("b" * 64) is None


def test_a_new_one_takes_the_place_of_the_one_before(calendar_store: CalendarStore) -> None:
    calendar_store.save_calendar(FIRST, event())
    calendar_store.save_calendar(SECOND, event())

    assert calendar_store.find_calendar(1) == SECOND
    assert calendar_store.find_by_hash("a" * 64) is None


def test_one_that_is_removed_is_gone(calendar_store: CalendarStore) -> None:
    calendar_store.save_calendar(FIRST, event())

    assert calendar_store.remove_calendar(1, event())
    assert not calendar_store.remove_calendar(1, event())
    assert calendar_store.find_by_hash("a" * 64) is None
