"""The calendar feed (RFC 5545). The secret in its URL gives access to expiry dates and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from flask import Response, request

from ca_service.authority.notices.records import Expiring
from ca_service.authority.notices.texts import NOUNS
from ca_service.pki.visible_text import visible
from ca_service.web.context import base_url, public, public_services
from ca_service.web.public import blueprint

if TYPE_CHECKING:
    from icalendar import Alarm, Event

_PRODUCT: Final = "-//ca_service//what ends//EN"
_NAME: Final = "Certificates of ca_service"
_LOOK_AGAIN: Final = timedelta(hours=6)
_ALARM_DAYS: Final = (30, 7)


@blueprint.get("/calendar/<secret>.ics")
@public
def calendar(secret: str) -> Response:
    """Return the calendar of an account. No cookie is read or set."""
    response = Response(calendar_file(public_services().calendars.read(secret), base_url()))
    response.content_type = "text/calendar; charset=utf-8"
    response.headers["Cache-Control"] = "private, max-age=900"
    response.add_etag()
    response.make_conditional(request)
    return response


def calendar_file(items: Sequence[Expiring], base_url: str) -> bytes:
    """Return a calendar with one all-day event per item. Equal items give equal bytes."""
    from icalendar import Calendar  # the import takes a tenth of a second and few requests need it

    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", _NAME)
    calendar.add("refresh-interval", _LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    for each in items:
        calendar.add_component(_event(each, base_url))
    return bytes(calendar.to_ical())


def _event(expiring: Expiring, base_url: str) -> Event:
    from icalendar import Event

    summary = f"{visible(expiring.name)}: {NOUNS[expiring.kind]} ends"
    event, url, end = Event(), base_url + expiring.path, expiring.not_after
    event.add("uid", _uid(expiring))
    event.add("dtstamp", expiring.since)  # fixed, so that it does not change with each download
    event.add("dtstart", end.date())
    event.add("summary", summary)
    event.add("description", f"At {end:%H:%M} UTC. Next: {expiring.next_step}\n{url}")
    event.add("url", url)
    event.add("transp", "TRANSPARENT")  # the event does not mark the user as busy
    for days in _ALARM_DAYS:
        event.add_component(_alarm(days, summary))
    return event


def _alarm(days: int, summary: str) -> Alarm:
    from icalendar import Alarm

    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", timedelta(days=-days))
    return alarm


def _uid(expiring: Expiring) -> str:
    """Return an id that is stable for the same item in every calendar and download."""
    kind = expiring.kind.value.replace(" ", "-")
    return f"{kind}-{expiring.id}-{int(expiring.not_after.timestamp())}@ca_service"
