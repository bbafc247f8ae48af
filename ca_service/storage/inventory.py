"""Reads the list of certificates from SQL, page by page, and counts what comes to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, case, func, literal, select, tuple_

from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.filters import Filter, Status
from ca_service.authority.inventory.store import Listed, Page, Place, Sort
from ca_service.authority.paging import page_size
from ca_service.authority.revocation.records import State
from ca_service.storage import cursors, rows
from ca_service.storage.database import Database
from ca_service.storage.narrowing import conditions
from ca_service.storage.schema import certificate, cluster, placed_request, revocation
from ca_service.storage.standing import IS_GOOD, ITS_REVOCATION

_COLUMNS: Final[dict[Sort, Column[Any]]] = {
    "newest": certificate.c.id,
    "oldest": certificate.c.id,
    "expires": certificate.c.not_after,
    "host": certificate.c.host,
}
_READ_AT_ONCE: Final = 200
_STATUS: Final = {State.REVOKED.value: Status.REVOKED, State.HELD.value: Status.HELD}


class SQLInventoryStore:
    """The inventory port on a SQL database. A word that more than `many` certificates have is found by reading."""

    def __init__(self, database: Database, many: int = 5_000) -> None:
        self._database = database
        self._many = many

    def list_certificates(self, wanted: Filter, sort: Sort, cursor: str, limit: int) -> Page:
        """One page by keyset: as quick at the millionth row as at the first."""
        limit = page_size(limit)
        with self._database.read() as connection:
            matching = conditions(connection, wanted, many=self._many)
            ids = _sorted(select(certificate.c.id).where(*matching), sort, cursor)
            found = _head(connection, ids, sort, wanted.grant, limit + 1)
        following = _cursor(sort, found[limit - 1]) if len(found) > limit else ""
        return Page(tuple(_listed(row, wanted.at) for row in found[:limit]), following)

    def count_ends(self, wanted: Filter, bounds: Sequence[datetime]) -> tuple[int, ...]:
        """A range of the index for each; what is revoked is few, and counted apart."""
        with self._database.read() as connection:
            matching = conditions(connection, wanted, many=self._many, with_status=False)
            every = connection.execute(_counts(bounds, matching)).one()
            revoked = {row[0]: row[1] for row in connection.execute(_revoked(bounds, matching))}
        return tuple(count - revoked.get(number, 0) for number, count in enumerate(every))

    def count_up_to(self, wanted: Filter, most: int) -> int:
        """How many there are, counted no further than `most`."""
        with self._database.read() as connection:
            some = (
                select(certificate.c.id).where(*conditions(connection, wanted, many=self._many)).limit(most).subquery()
            )
            return connection.execute(select(func.count()).select_from(some)).scalar_one()

    def find_places(self, certificates: Collection[CertificateRecord]) -> Mapping[str, Place]:
        """The cluster in which each stands: the one in which its request was placed last."""
        requests = {each.request_fingerprint for each in certificates}
        statement = (
            select(placed_request.c.request_fingerprint, cluster.c.id, cluster.c.name)
            .join(cluster, cluster.c.id == placed_request.c.cluster_id)
            .where(placed_request.c.request_fingerprint.in_(requests))
            .order_by(placed_request.c.id)
        )
        with self._database.read() as connection:
            places = {row[0]: Place(row[1], row[2]) for row in connection.execute(statement)}
        found = ((each.serial_number, places.get(each.request_fingerprint)) for each in certificates)
        return {serial: place for serial, place in found if place is not None}

    def find_replaced(self, certificates: Collection[CertificateRecord]) -> frozenset[str]:
        """Those for whose host there is a good certificate of that profile with a later end."""
        key = (certificate.c.host, certificate.c.profile)
        statement = (
            select(*key, func.max(certificate.c.not_after))
            .where(certificate.c.host.in_({each.host for each in certificates}), IS_GOOD)
            .group_by(*key)
        )
        with self._database.read() as connection:
            last = {(host, profile): end for host, profile, end in connection.execute(statement)}
        return frozenset(
            each.serial_number
            for each in certificates
            if last.get((each.host, each.profile), each.not_after) > each.not_after
        )


def _ranges(end: Column[datetime], bounds: Sequence[datetime]) -> list[ColumnElement[bool]]:
    return [and_(end >= begin, end < before) for begin, before in pairwise(bounds)]


def _counts(bounds: Sequence[datetime], matching: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """One row: how many come to their end in each range."""
    some = select(func.count()).select_from(certificate)
    return select(*(some.where(each, *matching).scalar_subquery() for each in _ranges(certificate.c.not_after, bounds)))


def _revoked(bounds: Sequence[datetime], matching: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """(number of the range, how many): looks up what the revocations name, and reads no certificate beside."""
    which = case(*((each, literal(number)) for number, each in enumerate(_ranges(certificate.c.not_after, bounds))))
    is_within = and_(revocation.c.not_after >= bounds[0], revocation.c.not_after < bounds[-1])
    is_bad = revocation.c.state != State.RELEASED.value
    named = certificate.c.serial_number.in_(select(revocation.c.serial_number).where(is_bad, is_within))
    return select(which, func.count()).select_from(certificate).where(named, *matching).group_by(which)


def _head(connection: Connection, ids: Select[Any], sort: Sort, grant: Grant | None, count: int) -> Sequence[Row[Any]]:
    """The first rows of a list; behind a grant they are read until enough of them may be seen."""
    if grant is None:
        return connection.execute(_with_state(ids.limit(count), sort)).all()
    found, some = list[Row[Any]](), ids
    while True:
        read = connection.execute(_with_state(some.limit(_READ_AT_ONCE), sort)).all()
        found += [row for row in read if grant.sees(row.profile, row.names, row.host)]
        if len(found) >= count or len(read) < _READ_AT_ONCE:
            return found[:count]
        some = ids.where(_is_after(sort, getattr(read[-1], _COLUMNS[sort].key), read[-1].id))


def _sorted(statement: Select[Any], sort: Sort, cursor: str) -> Select[Any]:
    if cursor:
        statement = statement.where(_is_after(sort, *cursors.read(cursor, sort)))
    return statement.order_by(*_order(sort))


def _order(sort: Sort) -> tuple[ColumnElement[Any], ...]:
    if sort == "newest":
        return (certificate.c.id.desc(),)
    return (certificate.c.id,) if sort == "oldest" else (_COLUMNS[sort], certificate.c.id)


def _is_after(sort: Sort, value: str | datetime, key: int) -> ColumnElement[bool]:
    if sort == "newest":
        return certificate.c.id < key
    if sort == "oldest":
        return certificate.c.id > key
    return tuple_(_COLUMNS[sort], certificate.c.id) > (value, key)


def _with_state(ids: Select[Any], sort: Sort) -> Select[Any]:
    """The rows of these numbers: what is sorted before are the numbers alone, and not the certificates."""
    statement = select(certificate, revocation.c.state).outerjoin(revocation, ITS_REVOCATION)
    return statement.where(certificate.c.id.in_(ids)).order_by(*_order(sort))


def _listed(row: Row[Any], at: datetime) -> Listed:
    record = rows.certificate_record(row)
    ended = Status.EXPIRED if record.not_after < at else Status.ACTIVE
    return Listed(record, _STATUS.get(row.state, ended))


def _cursor(sort: Sort, row: Row[Any]) -> str:
    return cursors.write(sort, getattr(row, _COLUMNS[sort].key), row.id)
