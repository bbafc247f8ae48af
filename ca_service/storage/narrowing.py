"""Filters of the list of certificates as SQL conditions.

Words of three or more characters are looked up in the trigram index. Shorter words have no trigram: they are the
beginning of a host, which has a column and an index of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, false, func, or_, select, true

from ca_service.authority.access.allowed_names import fragments, have_networks
from ca_service.authority.access.grants import Grant
from ca_service.authority.inventory.store import START, Condition, Filter, Status, is_short
from ca_service.authority.revocation.records import State
from ca_service.storage import rows
from ca_service.storage.lanes import Lanes
from ca_service.storage.queries import contains
from ca_service.storage.schema import certificate, cluster, issuer, placed_request, revocation
from ca_service.storage.search_index import Words

_LOOKED_UP: Final = ("serial", "cluster")  # conditions whose rows an index finds
_LAST: Final = "\U0010ffff"  # sorts after all characters
_STATES: Final = {Status.REVOKED: State.REVOKED, Status.HELD: State.HELD}
_SERIAL: Final = re.compile("[0-9a-f]{1,40}")
_AFTER_DIGITS: Final = "g"  # sorts after all hexadecimal digits

#: The row that revokes a certificate or puts it on hold, if there is one. A released certificate has none.
OF_CERTIFICATE: Final = and_(
    revocation.c.issuer_id == certificate.c.issuer_id, revocation.c.serial_number == certificate.c.serial_number
)
IN_FORCE: Final = revocation.c.state != State.RELEASED.value
ITS_REVOCATION: Final = and_(OF_CERTIFICATE, IN_FORCE)
#: Neither revoked nor on hold; an expired certificate can be good too.
IS_GOOD: Final = ~select(revocation.c.version).where(ITS_REVOCATION).exists()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The conditions of a filter; `ends` are those on the expiry alone.

    `is_looked_up`: an index finds the rows of one of them, wherever they are in the list. `lanes` are those in which
    all rows are; see lanes.py.
    """

    conditions: tuple[ColumnElement[bool], ...]
    ends: tuple[ColumnElement[bool], ...]
    is_looked_up: bool
    lanes: Lanes | None


def narrow(connection: Connection, wanted: Filter, *, many: int, with_status: bool = True) -> Narrowed:
    """Return the conditions of a filter, and how to find the rows. Without `with_status`, leave out the statuses.

    On SQLite, a word that more than `many` certificates contain is not looked up in the index.
    """
    found = [_condition(each) for each in wanted.conditions]
    if wanted.grant is not None:
        found += _may_be_seen(wanted.grant)
    is_rare = False
    if with_status and wanted.statuses is not None:
        is_rare = _is_rarely_revoked(connection, wanted.statuses, many)
        found.append(or_(false(), *(_has(status, wanted, is_rare=is_rare) for status in sorted(wanted.statuses))))
    starts, hosts = wanted.starts, _hosts_in(wanted)
    found += [_starts(certificate.c.host_start, word) for word in starts]
    words = [*(word for word in wanted.words if word not in starts), *(host for host in hosts if not is_short(host))]
    named = WORDS.find(connection, words, many)
    is_looked_up = is_rare or bool(named.looked_up) or any(each.key in _LOOKED_UP for each in wanted.conditions)
    ends = tuple(_ends(wanted, with_status=with_status))
    return Narrowed((*found, *named.all, *ends), ends, is_looked_up, _lanes(wanted))


def _hosts_in(wanted: Filter) -> list[str]:
    """Return the hosts that are asked for; the index finds them as words."""
    return [each.values[0] for each in wanted.conditions if each.key == "host" and len(each.values) == 1]


def _lanes(wanted: Filter) -> Lanes | None:
    """Return the lanes of the condition that most likely has few rows."""
    named = {each.key: each for each in reversed(wanted.conditions)}
    if short := next(filter(is_short, (*wanted.starts, *_hosts_in(wanted))), ""):
        return Lanes(certificate.c.host_start, lambda start: _starts(start, short), low=short, high=short + _LAST)
    if by := named.get("by"):
        return Lanes(certificate.c.issued_by, lambda name: _any(func.lower(name), by.values, is_part=by.is_part))
    if profile := named.get("profile"):
        return Lanes(certificate.c.profile, lambda name: name.in_(profile.values))
    return _months(wanted)


def _months(wanted: Filter) -> Lanes | None:
    """Return the months in which the wanted certificates expire, if the filter limits them."""
    span = _span(wanted)
    if span == (None, None):
        return None
    low, high = (None if moment is None else rows.month_of(moment) for moment in span)
    return Lanes(certificate.c.ends_month, low=low, high=high)


def _may_be_seen(grant: Grant) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that exclude most rows a grant does not allow. The rest is checked name by name afterwards."""
    if grant.profiles:
        yield certificate.c.profile.in_(grant.profiles)
    if grant.names:
        address = [contains(cast(certificate.c.names, Text), '"IP:')] if have_networks(grant.names) else []
        named = (contains(certificate.c.search_text, fragment) for fragment in fragments(grant.names))
        yield or_(false(), *named, *address)


def _span(wanted: Filter, *, with_status: bool = True) -> tuple[datetime | None, datetime | None]:
    """Return the expiry that the filter allows: from, and before."""
    first, last = wanted.ends_from, wanted.ends_before
    if with_status and wanted.statuses == frozenset({Status.ACTIVE}):
        first = max(first or wanted.at, wanted.at)
    if with_status and wanted.statuses == frozenset({Status.EXPIRED}):
        last = min(last or wanted.at, wanted.at)
    return first, last


def _ends(wanted: Filter, *, with_status: bool) -> Iterator[ColumnElement[bool]]:
    first, last = _span(wanted, with_status=with_status)
    if first is not None:
        yield certificate.c.not_after >= first
    if last is not None:
        yield certificate.c.not_after < last


def _has(status: Status, wanted: Filter, *, is_rare: bool) -> ColumnElement[bool]:
    if status is Status.ACTIVE:
        return and_(certificate.c.not_after >= wanted.at, IS_GOOD)
    if status is Status.EXPIRED:
        return and_(certificate.c.not_after < wanted.at, IS_GOOD)
    state = _STATES[status].value
    if is_rare:
        bad = select(revocation.c.serial_number).where(revocation.c.state == state)
        return certificate.c.serial_number.in_(bad)  # unique among all leaves
    return select(revocation.c.version).where(OF_CERTIFICATE, revocation.c.state == state).exists()


def _is_rarely_revoked(connection: Connection, statuses: frozenset[Status], many: int) -> bool:
    """Return whether only revoked or held certificates are wanted, and there are at most `many` of them."""
    if not statuses or not statuses <= _STATES.keys():
        return False
    is_one = revocation.c.state.in_([_STATES[status].value for status in statuses])
    return connection.execute(select(true()).where(is_one).limit(1).offset(many)).first() is None


def _condition(wanted: Condition) -> ColumnElement[bool]:
    values, is_part = wanted.values, wanted.is_part
    match wanted.key:
        case "profile":
            return certificate.c.profile.in_(values)
        case "serial":
            found = (_begins(value) if is_part else certificate.c.serial_number == value for value in values)
            return or_(false(), *found)
        case "host":
            return _hosts(values, is_part=is_part)
        case "by":
            return _any(func.lower(certificate.c.issued_by), values, is_part=is_part)
        case "issuer":
            names = (_any(func.lower(name), values, is_part=is_part) for name in (issuer.c.id, issuer.c.name))
            return certificate.c.issuer_id.in_(select(issuer.c.id).where(or_(*names)))
        case "cluster":
            named = _any(cluster.c.name_key, [value.casefold() for value in values], is_part=is_part)
            placed = select(placed_request.c.request_fingerprint).join(cluster)
            return certificate.c.request_fingerprint.in_(placed.where(named))


def _hosts(values: Sequence[str], *, is_part: bool) -> ColumnElement[bool]:
    short = [value for value in values if is_part and is_short(value)]
    starts = (_starts(certificate.c.host_start, value) for value in short)
    return or_(
        _any(func.lower(certificate.c.host), [each for each in values if each not in short], is_part=is_part), *starts
    )


def _starts(where: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Return whether the beginning of a host starts with one or two characters."""
    return where == word if len(word) == START else where.between(word, word + _LAST)


def _any(where: Any, values: Sequence[str], *, is_part: bool) -> ColumnElement[bool]:
    return or_(false(), *(contains(where, value) if is_part else where == value for value in values))


def _begins_with(word: str) -> ColumnElement[bool] | None:
    """Return whether the serial number begins with the word. People copy serial numbers with colons."""
    digits = word.replace(":", "")
    return _begins(digits) if _SERIAL.fullmatch(digits) else None


def _begins(digits: str) -> ColumnElement[bool]:
    serial = certificate.c.serial_number
    return and_(serial >= digits, serial < digits + _AFTER_DIGITS)


#: A word is in a name, or begins the serial number.
WORDS: Final = Words(certificate, _begins_with)
