"""The ends of leaf certificates, and which later ones supersede them, from SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, and_, exists, func, select

from ca_service.authority.fleet.store import LeafEnd
from ca_service.authority.revocation.records import State
from ca_service.storage.database import Database
from ca_service.storage.queries import Order, in_batches
from ca_service.storage.schema import certificate, placed_request, revocation
from ca_service.vos.purposes import TOMCAT_ECDSA

_ORDER: Final = Order("expires", certificate.c.id, certificate.c.not_after)


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
    columns = (shown.id, shown.serial_number, shown.profile, shown.host, shown.not_before, shown.not_after)
    return select(*columns, shown.request_fingerprint)


def _end(row: Row[Any], cluster_ids: Sequence[int]) -> LeafEnd:
    return LeafEnd(
        number=row.id,
        serial_number=row.serial_number,
        profile=row.profile,
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
    """Return the purpose of the slot in which the CSR was placed, as Cisco names it; the usual one if in no slot."""
    placed = placed_request.alias()
    found = select(func.max(placed.c.purpose)).where(placed.c.request_fingerprint == leaf.c.request_fingerprint)
    return func.coalesce(found.correlate(leaf).scalar_subquery(), TOMCAT_ECDSA.service)


def _clusters(connection: Connection, fingerprints: Sequence[str]) -> dict[str, list[int]]:
    fingerprint, cluster_id = placed_request.c.request_fingerprint, placed_request.c.cluster_id
    statement = select(fingerprint, cluster_id).distinct().order_by(cluster_id)
    found = defaultdict[str, list[int]](list)
    for batch in in_batches(fingerprint, fingerprints):
        for row in connection.execute(statement.where(batch)):
            found[row.request_fingerprint].append(row.cluster_id)
    return found
