"""The list of certificates, how many expire when, and which later ones supersede them, from SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    select,
)

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.store import LeafEnd
from ca_service.authority.inventory.store import Filter, Listed, Page, Place, Sort, status_of
from ca_service.authority.paging import page_size
from ca_service.authority.revocation.records import State
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.listing import NEAR, Reading
from ca_service.storage.narrowing import narrow
from ca_service.storage.queries import Order, by_age, in_batches
from ca_service.storage.schema import certificate, cluster, placed_request, revocation
from ca_service.storage.search_index import MANY

_ORDERS: Final = by_age(certificate.c.id) | {
    "expires": Order("expires", certificate.c.id, certificate.c.not_after),
    "expires-desc": Order("expires-desc", certificate.c.id, certificate.c.not_after, is_descending=True),
    "host": Order("host", certificate.c.id, certificate.c.host),
    "host-desc": Order("host-desc", certificate.c.id, certificate.c.host, is_descending=True),
}
_ORDER: Final = Order("expires", certificate.c.id, certificate.c.not_after)


class SQLInventoryStore:
    """The inventory store on a SQL database.

    On SQLite, a word in more than `many` certificates is not looked up. A page is looked for among the next `near` rows
    first.
    """

    def __init__(self, database: Database, many: int = MANY, near: int = NEAR) -> None:
        self._database = database
        self._many = many
        self._near = near

    def list_certificates(self, wanted: Filter, sort: Sort, cursor: str, limit: int) -> Page:
        """Return one page of the list."""
        order, size = _ORDERS[sort], page_size(limit) + 1
        after = (order.is_after(*order.read(cursor)),) if cursor else ()
        with self._database.read() as connection:
            reading = Reading(connection, narrow(connection, wanted, many=self._many), order, self._near)
            read = reading.first(after, size) if wanted.grant is None else reading.seen(wanted.grant, after, size)
        found, following = order.cut(read, limit)
        return Page(tuple(_listed(row, wanted.at) for row in found), following)

    def count_ends(self, wanted: Filter, bounds: Sequence[datetime]) -> tuple[int, ...]:
        """Return how many certificates expire in each range. Revoked ones are few: count them apart, and subtract."""
        with self._database.read() as connection:
            matching = narrow(connection, wanted, many=self._many, with_status=False).conditions
            every = connection.execute(_counts(bounds, matching)).one()
            revoked = {row[0]: row[1] for row in connection.execute(_revoked(bounds, matching))}
        return tuple(count - revoked.get(number, 0) for number, count in enumerate(every))

    def count_up_to(self, wanted: Filter, most: int) -> int:
        """Return the number of certificates, at most `most`."""
        with self._database.read() as connection:
            matching = narrow(connection, wanted, many=self._many).conditions
            some = select(certificate.c.id).where(*matching).limit(most).subquery()
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

    def find_replaced(self, certificates: Collection[CertificateRecord], at: datetime) -> frozenset[str]:
        """Return those that are superseded."""
        newer = certificate.alias()
        statement = select(certificate.c.serial_number).where(
            exists(select(newer.c.id).where(_supersedes(newer, certificate, at)))
        )
        batches = in_batches(certificate.c.serial_number, [each.serial_number for each in certificates])
        with self._database.read() as connection:
            return frozenset(
                serial for batch in batches for serial in connection.execute(statement.where(batch)).scalars()
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


def _listed(row: Row[Any], at: datetime) -> Listed:
    state = None if row.state is None else State(row.state)
    return Listed(rows.certificate_record(row), status_of(state, row.not_after, at))


class SQLLeafStore:
    """The leaf store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_ends(self, after: tuple[datetime, int], until: datetime, at: datetime, limit: int) -> tuple[LeafEnd, ...]:
        """Return the leaves that expire in this period and are not superseded."""
        newer = certificate.alias()
        statement = (
            _ends()
            .where(
                certificate.c.not_after >= after[0],  # implied by the next line, but only this one uses the index
                _ORDER.is_after(*after),
                certificate.c.not_after <= until,
                ~exists(select(newer.c.id).where(_supersedes(newer, certificate, at))),
            )
            .order_by(*_ORDER.columns())
            .limit(limit)
        )
        with self._database.read() as connection:
            found = connection.execute(statement).all()
            clusters = _clusters(connection, [row.request_fingerprint for row in found])
        return tuple(_end(row, clusters[row.request_fingerprint]) for row in found)

    def find_successor(self, serial_number: str, at: datetime) -> str | None:
        """Return the serial number of the newest leaf that supersedes this one, or None."""
        newer = certificate.alias()
        statement = (
            select(newer.c.serial_number)
            .select_from(certificate.join(newer, _supersedes(newer, certificate, at)))
            .where(certificate.c.serial_number == serial_number)
            .order_by(newer.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(statement).scalar()

    def list_cluster_ids(self, serial_number: str) -> tuple[int, ...]:
        """Return the clusters in which the CSR of this certificate was placed."""
        statement = (
            select(placed_request.c.cluster_id)
            .join(certificate, certificate.c.request_fingerprint == placed_request.c.request_fingerprint)
            .where(certificate.c.serial_number == serial_number)
            .distinct()
            .order_by(placed_request.c.cluster_id)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(statement).scalars())


def _ends() -> Select[Any]:
    shown = certificate.c
    columns = (
        shown.id,
        shown.serial_number,
        shown.profile,
        shown.purpose,
        shown.host,
        shown.not_before,
        shown.not_after,
    )
    return select(*columns, shown.request_fingerprint)


def _end(row: Row[Any], cluster_ids: Sequence[int]) -> LeafEnd:
    return LeafEnd(
        number=row.id,
        serial_number=row.serial_number,
        profile=row.profile,
        purpose=row.purpose,
        host=row.host,
        not_before=row.not_before,
        not_after=row.not_after,
        cluster_ids=tuple(cluster_ids),
    )


def _supersedes(newer: FromClause, older: FromClause, at: datetime) -> ColumnElement[bool]:
    """Return whether `newer` supersedes: issued later for the same host, profile and purpose, valid, not revoked."""
    return and_(
        newer.c.host == older.c.host,
        newer.c.profile == older.c.profile,
        newer.c.id > older.c.id,
        newer.c.not_after >= at,
        ~_is_revoked(newer),
        _purpose(newer) == _purpose(older),
    )


def _is_revoked(leaf: FromClause) -> ColumnElement[bool]:
    found = select(revocation.c.serial_number).where(
        revocation.c.issuer_id == leaf.c.issuer_id,
        revocation.c.serial_number == leaf.c.serial_number,
        revocation.c.state != State.RELEASED.value,
    )
    return found.correlate(leaf).exists()


def _purpose(leaf: FromClause) -> ColumnElement[str]:
    """Return the purpose of the slot in which the CSR was placed, as Cisco names it; else that of the leaf."""
    placed = placed_request.alias()
    found = select(func.max(placed.c.purpose)).where(placed.c.request_fingerprint == leaf.c.request_fingerprint)
    return func.coalesce(found.correlate(leaf).scalar_subquery(), leaf.c.purpose)


def _clusters(connection: Connection, fingerprints: Sequence[str]) -> dict[str, list[int]]:
    fingerprint, cluster_id = placed_request.c.request_fingerprint, placed_request.c.cluster_id
    statement = select(fingerprint, cluster_id).distinct().order_by(cluster_id)
    found = defaultdict[str, list[int]](list)
    for batch in in_batches(fingerprint, fingerprints):
        for row in connection.execute(statement.where(batch)):
            found[row.request_fingerprint].append(row.cluster_id)
    return found
