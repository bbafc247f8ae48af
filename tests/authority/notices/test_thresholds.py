"""When notices are due: each threshold once, the nearest only, none before something has begun."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.authority.notices.records import days_left, due, upcoming
from tests.support.fakes import NOON
from tests.support.notices import expiring

DAYS = (90, 60, 30, 14, 7, 1)
thresholds = st.sets(st.integers(1, 400), min_size=1, max_size=20).map(lambda found: sorted(found, reverse=True))
moments = st.lists(st.integers(0, 500 * 24), min_size=1, max_size=60).map(sorted)  # hours from noon


@pytest.mark.parametrize(
    ("days", "sent", "expected"),
    [
        (91, (), None),
        (90, (), 90),
        (89.5, (90,), None),
        (60, (90,), 60),
        (30, (90, 60), 30),
        (1, (90, 60, 30, 14, 7), 1),
        (0.5, (1,), None),
        (0, (), 1),
        (-0.1, (), None),
    ],
)
def test_a_notice_is_due_at_its_threshold_and_once(days: float, sent: tuple[int, ...], expected: int | None) -> None:
    assert due(expiring(days), DAYS, NOON, sent) == expected


def test_after_a_pause_only_the_nearest_is_sent() -> None:
    assert due(expiring(13), DAYS, NOON, (90,)) == 14
    assert due(expiring(13), DAYS, NOON, (90, 14)) is None


def test_what_is_short_lived_by_design_is_not_announced_when_it_begins() -> None:
    assert due(expiring(7, since=NOON), DAYS, NOON, ()) is None
    assert due(expiring(7, since=NOON), DAYS, NOON + timedelta(days=6), ()) == 1
    assert due(expiring(30, since=NOON), DAYS, NOON + timedelta(days=1), ()) is None


@given(thresholds, moments, st.integers(0, 400))
def test_whenever_rounds_happen_each_threshold_is_sent_once_at_most_and_never_too_early_or_in_a_burst(
    days: list[int], hours: list[int], life: int
) -> None:
    ending, sent = expiring(400, since=NOON + timedelta(days=400 - life)), list[int]()
    for hour in hours:
        now = NOON + timedelta(hours=hour)
        found = due(ending, days, now, sent)
        if found is None:
            continue
        assert found not in sent
        assert not sent or found < sent[-1]  # nearer each time
        assert now <= ending.not_after <= now + timedelta(days=found)
        assert found < life
        sent.append(found)
        assert due(ending, days, now, sent) is None  # nothing more at the same moment


@given(thresholds, st.integers(0, 400))
def test_who_looks_every_day_misses_none(days: list[int], first: int) -> None:
    ending, sent = expiring(400), set[int]()
    for day in range(first, 401):
        found = due(ending, days, NOON + timedelta(days=day), sent)
        sent |= {found} if found else set()
    assert {each for each in days if 400 - each >= first} <= sent


@given(thresholds, st.integers(-24, 401 * 24))
def test_the_next_notice_is_due_at_the_moment_that_is_told_and_not_before(days: list[int], hour: int) -> None:
    ending, now = expiring(400), NOON + timedelta(hours=hour)
    next_at = upcoming(ending, days, now)

    if next_at is None:
        assert now >= ending.not_after - timedelta(days=min(days))
    else:
        assert next_at > now
        before = due(ending, days, next_at - timedelta(seconds=1), ())
        assert due(ending, days, next_at, ()) not in (before, None)


@pytest.mark.parametrize(("hours", "expected"), [(0, 0), (1, 1), (24, 1), (25, 2), (720, 30), (-1, 0), (-25, -1)])
def test_days_that_have_begun_are_counted(hours: int, expected: int) -> None:
    assert days_left(NOON + timedelta(hours=hours), NOON) == expected
