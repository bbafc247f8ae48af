"""Queries of the audit log as people type them: names and categories, days and times; the same at every interface."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.wording import Category, events_of
from ca_service.authority.certificates import LEAST_SERIAL_DIGITS, SERIAL_DIGITS
from ca_service.errors import Finding, InvalidInput, Rule

EVENT_UNKNOWN: Final = Rule(
    "audit.event-unknown",
    "There is no event {name}.",
    "Give the name of an event, such as certificate.issued, or one of: {known}.",
)
EVENT_TIME: Final = Rule(
    "audit.time",
    "{name} cannot be {value}.",
    "Give a date such as 2026-11-23, or a time such as 2026-11-23T14:05:00Z.",
)

FIELDS: Final = ("q", "event", "actor", "subject", "since", "until")
_MAX_LENGTH: Final = 200
_SERIAL: Final = re.compile(
    f"[0-9A-Fa-f]{{2}}(:[0-9A-Fa-f]{{2}}){{3,}}|[0-9A-Fa-f]{{{LEAST_SERIAL_DIGITS},{SERIAL_DIGITS}}}"
)


def asked(values: Mapping[str, str]) -> EventQuery:
    """Return the query for what was typed. Raises InvalidInput with a finding for each invalid value.

    `event` is the name of an event or a category. `since` and `until` are both included: days
    (2026-11-23) or times (RFC 3339), in UTC unless they give an offset.
    """
    given = {name: _plain(values.get(name, "")) for name in FIELDS}
    findings: list[Finding] = []
    events = _events(given["event"], findings)
    since = _moment("since", given["since"], findings)
    before = _moment("until", given["until"], findings)
    if findings:
        raise InvalidInput(*findings)
    query = EventQuery(text=given["q"], actor=given["actor"], subject=_whole(given["subject"]))
    return replace(query, events=events, since=since, before=before)


def _plain(text: str) -> str:
    """Return the typed text without blanks around it, NUL, and the colons of a serial number: no event holds those."""
    plain = text.replace("\0", "").strip()[:_MAX_LENGTH]
    return plain.replace(":", "").lower() if _SERIAL.fullmatch(plain) else plain


def _whole(subject: str) -> str:
    """Return the subject, a serial number with the zeros that other tools leave out: it is compared as a whole."""
    return subject.zfill(SERIAL_DIGITS) if _SERIAL.fullmatch(subject) else subject


def _events(named: str, findings: list[Finding]) -> tuple[str, ...]:
    if not named:
        return ()
    if named in set(Category):
        return events_of(Category(named))
    if named not in set(Event):
        known = ", ".join(Category)
        findings.append(EVENT_UNKNOWN.at("/event", name=named[:60], known=known))
    return (named,)


def _moment(name: Literal["since", "until"], text: str, findings: list[Finding]) -> datetime | None:
    """Return the first moment that is included, or for `until` the first one that is not."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # in a URL, a plus is decoded as a blank
        at = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        step = timedelta(days=1) if _is_day(text) else timedelta(seconds=1)
        return at + step if name == "until" else at
    except (ValueError, OverflowError):
        findings.append(EVENT_TIME.at(f"/{name}", name=name, value=f"\u201c{text[:40]}\u201d"))
        return None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
