"""The list of certificates, and how many expire when, from SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, case, func, literal, select

from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.store import Filter, Listed, Page, Place, Sort, status_of
from ca_service.authority.paging import page_size
from ca_service.authority.revocation.records import State
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.narrowing import IS_GOOD, ITS_REVOCATION, MANY, conditions
from ca_service.storage.queries import Order, by_age, in_batches
from ca_service.storage.schema import certificate, cluster, placed_request, revocation

_ORDERS: Final = by_age(certificate.c.id) | {
    "expires": Order("expires", certificate.c.id, certificate.c.not_after),
    "host": Order("host", certificate.c.id, certificate.c.host),
}
_READ_AT_ONCE: Final = 200


class SQLInventoryStore:
    """The inventory store on a SQL database. On SQLite, a word in more than `many` certificates is not looked up."""

    def __init__(self, database: Database, many: int = MANY) -> None:
        self._database = database
        self._many = many

    def list_certificates(self, wanted: Filter, sort: Sort, cursor: str, limit: int) -> Page:
        """Return one page of the list."""
        order = _ORDERS[sort]
        with self._database.read() as connection:
            matching = conditions(connection, wanted, many=self._many)
            ids = order.sort(select(certificate.c.id).where(*matching), cursor)
            found, following = order.cut(
                _head(connection, ids, order, grant=wanted.grant, count=page_size(limit) + 1), limit
            )
        return Page(tuple(_listed(row, wanted.at) for row in found), following)

    def count_ends(self, wanted: Filter, bounds: Sequence[datetime]) -> tuple[int, ...]:
        """Return how many certificates expire in each range. Revoked ones are few: count them apart, and subtract."""
        with self._database.read() as connection:
            matching = conditions(connection, wanted, many=self._many, with_status=False)
            every = connection.execute(_counts(bounds, matching)).one()
            revoked = {row[0]: row[1] for row in connection.execute(_revoked(bounds, matching))}
        return tuple(count - revoked.get(number, 0) for number, count in enumerate(every))

    def count_up_to(self, wanted: Filter, most: int) -> int:
        """Return the number of certificates, at most `most`."""
        with self._database.read() as connection:
            some = (
                select(certificate.c.id).where(*conditions(connection, wanted, many=self._many)).limit(most).subquery()
            )
            return connection.execute(select(func.count()).select_from(some)).scalar_one()

    def find_places(self, certificates: Collection[CertificateRecord]) -> Mapping[str, Place]:
        """Return the cluster of each certificate: the one in which its CSR was last placed."""
        fingerprint = placed_request.c.request_fingerprint
        statement = (
            select(fingerprint, cluster.c.id, cluster.c.name)
            .join(cluster, cluster.c.id == placed_request.c.cluster_id)
            .order_by(placed_request.c.id)
        )
        batches = in_batches(fingerprint, [each.request_fingerprint for each in certificates])
        with self._database.read() as connection:
            placed = (row for batch in batches for row in connection.execute(statement.where(batch)))
            places = {row[0]: Place(row[1], row[2]) for row in placed}
        found = ((each.serial_number, places.get(each.request_fingerprint)) for each in certificates)
        return {serial: place for serial, place in found if place is not None}

    def find_replaced(self, certificates: Collection[CertificateRecord]) -> frozenset[str]:
        """Return those whose host has a certificate of the same profile that ends later and is not revoked."""
        key = (certificate.c.host, certificate.c.profile)
        statement = select(*key, func.max(certificate.c.not_after)).where(IS_GOOD).group_by(*key)
        batches = in_batches(certificate.c.host, [each.host for each in certificates])
        with self._database.read() as connection:
            ends = (row for batch in batches for row in connection.execute(statement.where(batch)))
            last = {(host, profile): end for host, profile, end in ends}
        return frozenset(
            each.serial_number
            for each in certificates
            if last.get((each.host, each.profile), each.not_after) > each.not_after
        )


def _ranges(end: Column[datetime], bounds: Sequence[datetime]) -> list[ColumnElement[bool]]:
    return [and_(end >= begin, end < before) for begin, before in pairwise(bounds)]


def _counts(bounds: Sequence[datetime], matching: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the query for one row: how many certificates expire in each range."""
    some = select(func.count()).select_from(certificate)
    return select(*(some.where(each, *matching).scalar_subquery() for each in _ranges(certificate.c.not_after, bounds)))


def _revoked(bounds: Sequence[datetime], matching: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the query for (range, count) of revoked certificates. It starts from the revocations."""
    which = case(*((each, literal(number)) for number, each in enumerate(_ranges(certificate.c.not_after, bounds))))
    is_within = and_(revocation.c.not_after >= bounds[0], revocation.c.not_after < bounds[-1])
    is_bad = revocation.c.state != State.RELEASED.value
    named = certificate.c.serial_number.in_(select(revocation.c.serial_number).where(is_bad, is_within))
    return select(which, func.count()).select_from(certificate).where(named, *matching).group_by(which)


def _head(
    connection: Connection, ids: Select[Any], order: Order, *, grant: Grant | None, count: int
) -> Sequence[Row[Any]]:
    """Return the first rows of a list. For a token, read until there are enough rows that its grant lets it see."""
    if grant is None:
        return connection.execute(_with_state(ids.limit(count), order)).all()
    found, some = list[Row[Any]](), ids
    while True:
        read = connection.execute(_with_state(some.limit(_READ_AT_ONCE), order)).all()
        found += [row for row in read if grant.sees(row.profile, row.names, row.host)]
        if len(found) >= count or len(read) < _READ_AT_ONCE:
            return found[:count]
        some = ids.where(order.is_after_row(read[-1]))


def _with_state(ids: Select[Any], order: Order) -> Select[Any]:
    """Return the rows of these numbers: the numbers are sorted alone, without the bytes of the certificates."""
    statement = select(certificate, revocation.c.state).outerjoin(revocation, ITS_REVOCATION)
    return statement.where(certificate.c.id.in_(ids)).order_by(*order.columns())


def _listed(row: Row[Any], at: datetime) -> Listed:
    state = None if row.state is None else State(row.state)
    return Listed(rows.certificate_record(row), status_of(state, row.not_after, at))
