"""Filters of the list of certificates as SQL conditions.

On SQLite, a word of three or more characters is looked up in the trigram index if few certificates contain it. If many
do, reading the list in its order finds a page sooner. PostgreSQL decides this from its statistics. Shorter words have
no trigram: both databases read the list for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, column, false, func, or_, select, table, true, union

from ca_service.authority.access.allowed_names import fragments, have_networks
from ca_service.authority.access.grants import Grant
from ca_service.authority.inventory.store import Condition, Filter, Status
from ca_service.authority.revocation.records import State
from ca_service.storage import search_index
from ca_service.storage.queries import contains
from ca_service.storage.schema import certificate, cluster, issuer, placed_request, revocation

_SERIAL: Final = re.compile("[0-9a-f]{1,40}")
_AFTER_DIGITS: Final = "g"  # sorts after all hexadecimal digits
MANY: Final = 5_000  # certificates with a word, above which reading finds a page sooner
_INDEX: Final = table(search_index.TABLE, column("rowid"), column(search_index.TABLE))

#: The row that revokes a certificate or puts it on hold, if there is one. A released certificate has none.
OF_CERTIFICATE: Final = and_(
    revocation.c.issuer_id == certificate.c.issuer_id, revocation.c.serial_number == certificate.c.serial_number
)
ITS_REVOCATION: Final = and_(OF_CERTIFICATE, revocation.c.state != State.RELEASED.value)
#: Neither revoked nor on hold; an expired certificate can be good too.
IS_GOOD: Final = ~select(revocation.c.version).where(ITS_REVOCATION).exists()


def conditions(
    connection: Connection, wanted: Filter, *, many: int, with_status: bool = True
) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter. Without `with_status`, leave out the statuses.

    On SQLite, a word that more than `many` certificates contain is not looked up in the index.
    """
    found = [_condition(each) for each in wanted.conditions]
    if wanted.ends_from is not None:
        found.append(certificate.c.not_after >= wanted.ends_from)
    if wanted.ends_before is not None:
        found.append(certificate.c.not_after < wanted.ends_before)
    if wanted.grant is not None:
        found += _may_be_seen(wanted.grant)
    if with_status and wanted.statuses is not None:
        found.append(or_(false(), *(_has(status, wanted) for status in sorted(wanted.statuses))))
    hosts = [each.values[0] for each in wanted.conditions if each.key == "host" and len(each.values) == 1]
    return found + words_in(connection, [*wanted.words, *hosts], many)  # the index finds hosts as words


def _may_be_seen(grant: Grant) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that exclude most rows a grant does not allow. The rest is checked name by name afterwards."""
    if grant.profiles:
        yield certificate.c.profile.in_(grant.profiles)
    if grant.names:
        address = [contains(cast(certificate.c.names, Text), '"IP:')] if have_networks(grant.names) else []
        named = (contains(certificate.c.search_text, fragment) for fragment in fragments(grant.names))
        yield or_(false(), *named, *address)


def _has(status: Status, wanted: Filter) -> ColumnElement[bool]:
    if status is Status.ACTIVE:
        return and_(certificate.c.not_after >= wanted.at, IS_GOOD)
    if status is Status.EXPIRED:
        return and_(certificate.c.not_after < wanted.at, IS_GOOD)
    state = State.REVOKED if status is Status.REVOKED else State.HELD
    bad = select(revocation.c.serial_number).where(revocation.c.state == state.value)
    return certificate.c.serial_number.in_(bad)  # unique among all leaves


def _condition(wanted: Condition) -> ColumnElement[bool]:
    values, is_part = wanted.values, wanted.is_part
    match wanted.key:
        case "profile":
            return certificate.c.profile.in_(values)
        case "serial":
            found = (_begins(value) if is_part else certificate.c.serial_number == value for value in values)
            return or_(false(), *found)
        case "host":
            return _any(func.lower(certificate.c.host), values, is_part=is_part)
        case "by":
            return _any(func.lower(certificate.c.issued_by), values, is_part=is_part)
        case "issuer":
            names = (_any(func.lower(name), values, is_part=is_part) for name in (issuer.c.id, issuer.c.name))
            return certificate.c.issuer_id.in_(select(issuer.c.id).where(or_(*names)))
        case "cluster":
            named = _any(cluster.c.name_key, [value.casefold() for value in values], is_part=is_part)
            placed = select(placed_request.c.request_fingerprint).join(cluster)
            return certificate.c.request_fingerprint.in_(placed.where(named))


def _any(where: Any, values: Sequence[str], *, is_part: bool) -> ColumnElement[bool]:
    return or_(false(), *(contains(where, value) if is_part else where == value for value in values))


def words_in(connection: Connection, words: Sequence[str], many: int = MANY) -> list[ColumnElement[bool]]:
    """Return one condition for each lower-case word: the text contains it, or the serial number begins with it.

    On SQLite, a word that more than `many` certificates contain is not looked up in the index.
    """
    if connection.dialect.name == "postgresql":
        return [_by_trigrams(word) for word in words]
    has_index = bool(words) and search_index.is_there(connection)
    return [_by_index(word) if has_index and _is_rare(connection, word, many) else _by_reading(word) for word in words]


def _by_trigrams(word: str) -> ColumnElement[bool]:
    """PostgreSQL answers LIKE from its trigram index, and strpos never; every special character is escaped."""
    return or_(certificate.c.search_text.contains(word, autoescape=True), _begins_with(word))


def _by_reading(word: str) -> ColumnElement[bool]:
    return or_(contains(certificate.c.search_text, word), _begins_with(word))


def _by_index(word: str) -> ColumnElement[bool]:
    having = select(_INDEX.c.rowid).where(_matches(word))
    beginning = select(certificate.c.id).where(_begins_with(word))
    return certificate.c.id.in_(union(having, beginning) if _SERIAL.fullmatch(word.replace(":", "")) else having)


def _is_rare(connection: Connection, word: str, many: int) -> bool:
    """Return whether the index can contain the word, and at most `many` certificates do."""
    if len(word) < 3 or "\x00" in word:
        return False
    further = select(true()).select_from(_INDEX).where(_matches(word)).limit(1).offset(many)
    return connection.execute(further).first() is None


def _matches(word: str) -> ColumnElement[bool]:
    """Return the word as an FTS5 phrase, in which only quotation marks are special."""
    phrase = word.replace('"', '""')
    return _INDEX.c[search_index.TABLE].bool_op("MATCH")(f'"{phrase}"')


def _begins_with(word: str) -> ColumnElement[bool]:
    """Return whether the serial number begins with the word. People copy serial numbers with colons."""
    digits = word.replace(":", "")
    return _begins(digits) if _SERIAL.fullmatch(digits) else false()


def _begins(digits: str) -> ColumnElement[bool]:
    serial = certificate.c.serial_number
    return and_(serial >= digits, serial < digits + _AFTER_DIGITS)
