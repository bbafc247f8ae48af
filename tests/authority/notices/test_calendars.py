"""Calendars: an account has one address at most, it is a secret, and it ends when somebody says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.issuance.examination import Options
from ca_service.authority.notices.records import Kind
from ca_service.errors import NotAllowed, NotFound
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.notices import InMemoryCalendarStore
from tests.support.requests import UCCX_PUBLISHER


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """An authority with an account and a certificate."""
    lab.initialised().accounts.create(OPERATOR, "vera", Role.AUDITOR, PASSWORD)
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
    return lab


def test_whoever_knows_the_address_reads_what_ends(lab: Lab) -> None:
    secret = lab.calendars.make(lab.accounts.get("vera").actor)

    leaf, *authorities = lab.calendars.read(secret)

    assert leaf.name == "uccx1.example.com"
    assert [each.kind for each in authorities] == [Kind.INTERMEDIATE, Kind.ROOT]
    assert leaf.not_after - lab.clock() > timedelta(days=390)


def test_the_secret_is_kept_nowhere_and_its_making_is_recorded(lab: Lab) -> None:
    secret = lab.calendars.make(lab.accounts.get("vera").actor)

    store = lab.edges.calendars
    assert isinstance(store, InMemoryCalendarStore)
    assert secret not in repr([store.find_calendar(1), store.events])
    assert [each.event for each in store.events] == [Event.CALENDAR_MADE]


def rule_of(lab: Lab, secret: str) -> str:
    """Why a calendar cannot be read."""
    with pytest.raises(NotFound) as refused:
        lab.calendars.read(secret)
    return refused.value.rule


def test_an_address_that_was_replaced_or_revoked_ends_at_once(lab: Lab) -> None:
    vera = lab.accounts.get("vera").actor
    first = lab.calendars.make(vera)
    second = lab.calendars.make(vera)

    assert rule_of(lab, first) == "calendar.unknown"
    assert lab.calendars.read(second)
    lab.calendars.revoke(vera)
    lab.calendars.revoke(vera)  # which changes nothing
    assert rule_of(lab, second) == "calendar.unknown"
    assert lab.calendars.find(vera) is None


def test_the_calendar_of_a_locked_account_cannot_be_read(lab: Lab) -> None:
    secret = lab.calendars.make(lab.accounts.get("vera").actor)
    lab.accounts.set_disabled(OPERATOR, "vera", disabled=True)

    assert rule_of(lab, secret) == "calendar.unknown"


@pytest.mark.parametrize("secret", ["", "x", "\0", "\ud800", "x" * 10_000])
def test_no_other_address_opens_anything(lab: Lab, secret: str) -> None:
    lab.calendars.make(lab.accounts.get("vera").actor)

    assert rule_of(lab, secret) == "calendar.unknown"


def test_only_an_account_has_a_calendar(lab: Lab) -> None:
    for use in (lab.calendars.make, lab.calendars.find, lab.calendars.revoke):
        with pytest.raises(NotAllowed) as refused:
            use(OPERATOR)
        assert refused.value.rule == "calendar.no-account"
