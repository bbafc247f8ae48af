"""The calendar feed: days that a calendar program understands, at an address that is a secret."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.web.public.calendar import calendar_file
from tests.support.factories import OPERATOR
from tests.support.fakes import NOON
from tests.support.notices import expiring
from tests.support.requests import UCCX_PUBLISHER
from tests.web.visitor import Visitor, visit


@pytest.fixture
def address(requester: Visitor) -> str:
    """The address of the calendar of a requester, as the account page shows it once."""
    answer = requester.post("/account/calendar")
    assert answer.status_code == 201
    found = re.search(r'id="calendar-address"[^>]*>http://localhost(/calendar/[A-Za-z0-9_-]{43}\.ics)<', answer.text)
    assert found
    return found[1]


def days(data: bytes) -> list[Any]:
    """The events of a calendar file."""
    calendar = Calendar.from_ical(data)
    assert not calendar.errors
    return list(calendar.walk("VEVENT"))


def test_whoever_has_the_address_sees_what_ends_without_an_account_or_a_cookie(
    app: Flask, installation: Installation, address: str
) -> None:
    issued = installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates[0]

    answer = visit(app).get(address)

    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, max-age=900"
    assert "Set-Cookie" not in answer.headers
    leaf, *authorities = days(answer.data)
    assert str(leaf["summary"]) == "uccx1.example.com: certificate ends"
    assert leaf["dtstart"].dt == issued.not_after.date()
    assert f"/certificates/{issued.serial_number}" in str(leaf["description"])
    assert len(authorities) == 2


def test_an_unchanged_calendar_is_not_sent_again(app: Flask, address: str) -> None:
    first = visit(app).get(address)

    again = visit(app).get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_the_address_is_shown_once_and_ends_when_another_one_is_made_or_it_is_revoked(
    app: Flask, requester: Visitor, address: str
) -> None:
    assert address not in requester.get("/account").text
    requester.post("/account/calendar")
    assert visit(app).get(address).status_code == 404

    assert "Revoke link" in requester.page("/account").text
    assert requester.post("/account/calendar/revoke").status_code == 303
    assert "Revoke link" not in requester.page("/account").text


@pytest.mark.parametrize("secret", ["x", "x" * 43, "%00", "%F0%9F%98%80"])
def test_another_address_leads_nowhere_and_sets_no_cookie(app: Flask, address: str, secret: str) -> None:
    answer = visit(app).get(f"/calendar/{secret}.ics")

    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers
    assert address not in answer.text


def test_a_session_opens_no_calendar(requester: Visitor) -> None:
    assert requester.get("/calendar/x.ics").status_code == 404


def test_the_calendar_of_a_locked_account_ends(app: Flask, installation: Installation, address: str) -> None:
    installation.accounts.set_disabled(OPERATOR, Role.REQUESTER.value, disabled=True)

    assert visit(app).get(address).status_code == 404


def test_the_secret_does_not_stand_in_the_log(app: Flask, address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    visit(app).get(address)

    assert "/calendar/<secret>.ics" in caplog.text
    assert address not in caplog.text


def test_a_day_stays_the_same_at_every_look_and_moves_with_a_new_end() -> None:
    one, again, other = (
        days(calendar_file([expiring(each)], "https://ca.example.com"))[0] for each in (30.2, 30.2, 31.2)
    )

    assert one.to_ical() == again.to_ical()
    assert one["uid"] != other["uid"]
    assert one["dtstart"].dt == date(2026, 12, 23)
    assert one["dtstamp"].dt == NOON - timedelta(days=400)


def test_a_day_has_alarms_and_keeps_nobody_busy() -> None:
    [day] = days(calendar_file([expiring(30)], ""))

    alarms = [str(alarm["trigger"].dt.days) for alarm in day.walk("VALARM")]
    assert alarms == ["-30", "-7"]
    assert day["transp"] == "TRANSPARENT"


def test_a_name_cannot_put_in_a_line() -> None:
    data = calendar_file([expiring(30, name="a\r\nATTENDEE:mailto:x@example.com")], "")

    assert b"\nATTENDEE" not in data
    assert len(days(data)) == 1
