"""The filter language of lists: `expires<30d status:active cluster:"Lab A" uccx1`.

    text   = word *( blank word )
    word   = filter | free
    filter = key operator value *( "," value )      key and value in any case
    value, free = characters without blanks, or anything between two quotation marks

A free word is searched in names and at the beginning of serial numbers. What only resembles a filter is
also a free word, so that these can be pasted unchanged: 4f:1c:..., 2001:db8::1, CN=uccx1, DNS:uccx1. Each
further word narrows the list; values separated by commas are alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, cast, get_args

from ca_service.authority.certificates import LEAST_SERIAL_DIGITS, SERIAL_DIGITS
from ca_service.authority.inventory.store import Condition, Filter, Key, Status
from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.pki.profiles import PROFILES

FILTER_TOO_LONG: Final = Rule(
    "filter.too-long",
    "The search has {length} characters; the maximum is {limit}.",
    "Remove some of its words.",
)
FILTER_UNKNOWN: Final = Rule(
    "filter.unknown",
    "There is no filter {key}, as in \u201c{text}\u201d.",
    "Use one of these: {known}. To search for the word itself, put it in quotation marks.",
)
FILTER_OPERATOR: Final = Rule(
    "filter.operator",
    "{key} does not support {operator}, as in \u201c{text}\u201d.",
    "Write {key}: for a part of the value, or {key}= for the whole value.",
)
FILTER_VALUE: Final = Rule(
    "filter.value",
    "The filter \u201c{text}\u201d has no valid value for {key}.",
    "Write after {key}: {takes}.",
)
FILTER_EXPIRES: Final = Rule(
    "filter.expires",
    "\u201c{text}\u201d is not a valid expiry filter.",
    "Write <, <=, > or >=, then a number of days (30d) or weeks (6w) from now, or a date: "
    "expires<30d, expires>-1w, expires>=2027-01-31.",
)

MAX_LENGTH: Final = 200
KEYS: Final = ("expires", "status", *get_args(Key))
_WORD: Final = re.compile(r'([A-Za-z]+(?:[<>]=?|[:=]))?"([^"]*)"|(\S+)')
_FILTER: Final = re.compile(r"([A-Za-z]+)([<>]=?|[:=])(.*)", re.DOTALL)
_HEXADECIMAL: Final = re.compile("[0-9a-f]+")
_WITHOUT_ZEROS: Final = range(LEAST_SERIAL_DIGITS, SERIAL_DIGITS)
_RELATIVE: Final = re.compile(r"(-?\d{1,5})([dw])", re.IGNORECASE | re.ASCII)
_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DAYS: Final = {"d": 1, "w": 7}
_NAME_TYPES: Final = ("dns", "ip", "email", "uri")
Span = tuple[datetime | None, datetime | None]
_CHOICES: Final = {
    "status": tuple(status.value for status in Status),
    "profile": tuple(profile.name for profile in PROFILES.values() if not profile.is_authority),
}


@dataclass(frozen=True, slots=True)
class _Typed:
    """A filter as it was typed."""

    key: str
    operator: str
    value: str

    @property
    def text(self) -> str:
        """The filter as text, for a message."""
        return f"{self.key}{self.operator}{self.value}"[:80]


def parse(text: str, at: datetime) -> Filter:
    """Return the filter that was typed, as of this moment. Raises InvalidInput with a finding for each wrong word."""
    if len(text) > MAX_LENGTH:
        raise InvalidInput(_too_long(len(text)))
    found, findings = Filter(at), list[Finding]()
    for word in _words(text.encode("utf-8", "replace").decode()):
        if isinstance(word, str):
            found = _searched(found, word.lower())
            continue
        try:
            found = _narrowed(found, word)
        except InvalidInput as error:
            findings += error.findings
    if findings:
        raise InvalidInput(*findings)
    return found


def _words(text: str) -> Iterator[str | _Typed]:
    for match in _WORD.finditer(text):
        start, quoted, plain = match.groups()
        if quoted is not None and start is None:
            yield from filter(None, [quoted.strip()])
            continue
        typed = _FILTER.fullmatch(plain if quoted is None else start + quoted)
        word = _Typed(typed[1].lower(), typed[2], typed[3]) if typed else None
        yield word if word and _is_meant(word) else match[0]


def _searched(found: Filter, word: str) -> Filter:
    """Return the filter narrowed by a free word; a serial number may lack the zeros before it."""
    digits = _serial(word)
    if len(digits) in _WITHOUT_ZEROS:
        return replace(found, conditions=(*found.conditions, Condition("serial", _beginnings(digits), is_part=True)))
    return replace(found, words=(*found.words, word))


def _is_meant(word: _Typed) -> bool:
    """Return whether it is a filter, not a serial number, an address or a name that looks like one."""
    if word.key in KEYS or word.operator not in (":", "="):
        return True
    is_pasted = word.key in _NAME_TYPES or word.value.startswith("//") or _HEXADECIMAL.fullmatch(word.key)
    return word.operator == ":" and not is_pasted


def _narrowed(found: Filter, word: _Typed) -> Filter:
    if word.key not in KEYS:
        raise InvalidInput(_unknown(word))
    if word.key == "expires":
        span = _span(word.operator, word.value, found.at)
        if span is None:
            raise InvalidInput(_wrong_end(word))
        return found.ending(*span)
    values = tuple(filter(None, (value.strip().lower() for value in word.value.split(","))))
    _check(word, values)
    if word.key == "status":
        wanted = frozenset(map(Status, values))
        return replace(found, statuses=wanted if found.statuses is None else found.statuses & wanted)
    return replace(found, conditions=(*found.conditions, _condition(word, values)))


def _check(word: _Typed, values: tuple[str, ...]) -> None:
    if word.operator not in (":", "="):
        raise InvalidInput(_wrong_operator(word))
    choices = _CHOICES.get(word.key, ())
    if not values or (choices and not set(values) <= set(choices)):
        raise InvalidInput(_wrong_value(word, ", ".join(choices) or "what to look for"))
    if word.key == "serial" and not all(map(_serial, values)):
        raise InvalidInput(_wrong_value(word, "at most 40 hexadecimal digits, with colons or without"))


def _condition(word: _Typed, values: tuple[str, ...]) -> Condition:
    is_part = word.operator == ":" and word.key not in _CHOICES
    if word.key == "serial":
        digits = map(_serial, values)
        values = tuple(
            each for value in digits for each in (_beginnings(value) if is_part else (value.zfill(SERIAL_DIGITS),))
        )
    return Condition(cast(Key, word.key), values, is_part)


def _serial(value: str) -> str:
    """Return the digits without colons; empty if it is not a serial number."""
    digits = value.replace(":", "")
    return digits if len(digits) <= SERIAL_DIGITS and _HEXADECIMAL.fullmatch(digits) else ""


def _beginnings(digits: str) -> tuple[str, ...]:
    """Return what a serial number with these digits begins with; one that is almost whole may lack zeros before it."""
    return (digits, digits.zfill(SERIAL_DIGITS)) if len(digits) in _WITHOUT_ZEROS else (digits,)


def _too_long(length: int) -> Finding:
    return FILTER_TOO_LONG.at("/q", length=length, limit=MAX_LENGTH)


def _unknown(word: _Typed) -> Finding:
    return FILTER_UNKNOWN.at("/q", key=word.key, text=word.text, known=", ".join(KEYS))


def _wrong_operator(word: _Typed) -> Finding:
    return FILTER_OPERATOR.at("/q", key=word.key, operator=word.operator, text=word.text)


def _wrong_value(word: _Typed, takes: str) -> Finding:
    return FILTER_VALUE.at("/q", key=word.key, text=word.text, takes=takes)


def _wrong_end(word: _Typed) -> Finding:
    return FILTER_EXPIRES.at("/q", text=word.text)


def _span(operator: str, value: str, at: datetime) -> Span | None:
    """Return (from, before), each open with None, or None for no span. A day lasts from midnight to midnight in UTC."""
    try:
        moment, length = _moment(value.strip(), at)
        after = moment + length
    except (ValueError, OverflowError):
        return None
    return {"<": (None, moment), "<=": (None, after), ">": (after, None), ">=": (moment, None)}.get(operator)


def _moment(value: str, at: datetime) -> tuple[datetime, timedelta]:
    """Return the moment and its length: a second or a day."""
    if relative := _RELATIVE.fullmatch(value):
        days = int(relative[1]) * _DAYS[relative[2].lower()]
        return at + timedelta(days=days), timedelta(seconds=1)
    if day := _DAY.fullmatch(value):
        return datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC), timedelta(days=1)
    raise ValueError("neither a number of days nor a day")
