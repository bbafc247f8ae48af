"""Knows how a filter becomes conditions on the table of certificates.

On SQLite a word of three characters or more is looked up in the trigram index as long as few certificates
have it; a word that many have is found sooner by reading the list in its order. PostgreSQL decides that by
its statistics. Shorter words have no trigram, and are read for on both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, column, false, func, or_, select, table, true, union

from ca_service.authority.access.allowed_names import fragments, have_networks
from ca_service.authority.access.grants import Grant
from ca_service.authority.inventory.filters import Condition, Filter, Status
from ca_service.authority.revocation.records import State
from ca_service.storage import search_index
from ca_service.storage.queries import contains
from ca_service.storage.schema import certificate, cluster, issuer, placed_request, revocation

_SERIAL: Final = re.compile("[0-9a-f]{1,40}")
_AFTER_DIGITS: Final = "g"  # what follows all hexadecimal digits
MANY: Final = 5_000  # certificates with a word: reading in the order of the list finds a page sooner
_INDEX: Final = table(search_index.TABLE, column("rowid"), column(search_index.TABLE))

#: The row that revokes a certificate or puts it on hold, if there is one. A released certificate has none.
ITS_REVOCATION: Final = and_(
    revocation.c.issuer_id == certificate.c.issuer_id,
    revocation.c.serial_number == certificate.c.serial_number,
    revocation.c.state != State.RELEASED.value,
)
#: Neither revoked nor on hold; an expired certificate can be good too.
IS_GOOD: Final = ~select(revocation.c.version).where(ITS_REVOCATION).exists()


def conditions(
    connection: Connection, wanted: Filter, *, many: int, with_status: bool = True
) -> list[ColumnElement[bool]]:
    """All that has to hold of a row; statuses are left out unless `with_status`.

    A word that more than `many` certificates have is not looked up in the index of SQLite.
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
    return found + words_in(connection, [*wanted.words, *hosts], many)  # a host is found like a word, and then compared


def _may_be_seen(grant: Grant) -> Iterator[ColumnElement[bool]]:
    """What leaves out most of the others before any of them is read and judged name by name."""
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
    return certificate.c.serial_number.in_(bad)  # which is unique among all leaves


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
    """Return one condition for each word, in lower case: the certificate's text contains it, or its serial begins so.

    On SQLite, a word that more than `many` certificates have is not looked up in the index.
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
    """Whether the index can know the word, and not too many certificates have it."""
    if len(word) < 3 or "\x00" in word:
        return False
    further = select(true()).select_from(_INDEX).where(_matches(word)).limit(1).offset(many)
    return connection.execute(further).first() is None


def _matches(word: str) -> ColumnElement[bool]:
    """The word as a phrase of FTS5, in which nothing but quotation marks has a meaning."""
    phrase = word.replace('"', '""')
    return _INDEX.c[search_index.TABLE].bool_op("MATCH")(f'"{phrase}"')


def _begins_with(word: str) -> ColumnElement[bool]:
    """The word may be the beginning of a serial number, which people copy with colons."""
    digits = word.replace(":", "")
    return _begins(digits) if _SERIAL.fullmatch(digits) else false()


def _begins(digits: str) -> ColumnElement[bool]:
    serial = certificate.c.serial_number
    return and_(serial >= digits, serial < digits + _AFTER_DIGITS)
