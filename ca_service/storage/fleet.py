"""Clusters, nodes, requests in their slots, marks, and the certificates of ports, in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.fleet.nodes import node_repeated
from ca_service.authority.fleet.probing import Served
from ca_service.authority.fleet.records import (
    ClusterPage,
    ClusterQuery,
    ClusterRecord,
    Mark,
    NodeRecord,
    PlacedRequest,
)
from ca_service.authority.fleet.store import cluster_name_taken, cluster_unknown
from ca_service.errors import Conflict
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.events import record_events
from ca_service.storage.queries import Order, by_age, contain_all, in_batches
from ca_service.storage.schema import cluster, mark, node, placed_request, served
from ca_service.vos.served import Verdict

_ORDERS: Final = by_age(cluster.c.id) | {"name": Order("name", cluster.c.id, cluster.c.name_key)}

_MOST: Final = 100  # entries of a host, in the list of what its ports present


class SQLFleetStore:
    """The fleet store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_clusters(self, query: ClusterQuery) -> ClusterPage:
        """Return one page of the list, each cluster with its nodes."""
        order = _ORDERS[query.sort]
        words = contain_all(query.text.casefold().split(), cluster.c.search_text)
        statement = order.page(select(cluster).where(*words), query.cursor, query.limit)
        with self._database.read() as connection:
            found, cursor = order.cut(connection.execute(statement).all(), query.limit)
            return ClusterPage(_with_nodes(connection, found), cursor)

    def find_clusters(self, cluster_ids: Collection[int]) -> tuple[ClusterRecord, ...]:
        """Return those of these clusters that exist, with their nodes."""
        batches = in_batches(cluster.c.id, cluster_ids)
        with self._database.read() as connection:
            found = [row for batch in batches for row in connection.execute(select(cluster).where(batch))]
            return _with_nodes(connection, found)

    def find_cluster_named(self, name: str) -> ClusterRecord | None:
        """Return the cluster of this name, in any case, or None."""
        with self._database.read() as connection:
            found = connection.execute(select(cluster).where(cluster.c.name_key == name.casefold())).all()
            return next(iter(_with_nodes(connection, found)), None)

    def list_namesakes(self, cluster_id: int) -> tuple[tuple[str, str], ...]:
        """Return the nodes of this cluster that others have too: full name, name of the other cluster; sorted."""
        own = select(node.c.fqdn).where(node.c.cluster_id == cluster_id)
        is_other = and_(node.c.fqdn.in_(own), node.c.cluster_id != cluster_id)
        statement = select(node.c.fqdn, cluster.c.name).join(cluster, cluster.c.id == node.c.cluster_id).where(is_other)
        with self._database.read() as connection:
            return tuple(sorted((row.fqdn, row.name) for row in connection.execute(statement)))

    def add_cluster(self, record: ClusterRecord, event: AuditEvent) -> ClusterRecord:
        """Add a cluster with its nodes, and return it with its numbers."""
        with self._changing(event) as connection, _name_is_free(record.name):
            values = _cluster_values(record.name) | {"created_at": record.created_at, "created_by": record.created_by}
            made = connection.execute(insert(cluster).values(search_text="", **values)).inserted_primary_key
            cluster_id = int(made[0]) if made else 0
            for each in record.nodes:
                connection.execute(insert(node), _node_values(each) | {"cluster_id": cluster_id})
            _index(connection, cluster_id)
            found = connection.execute(select(cluster).where(cluster.c.id == cluster_id)).all()
            return _with_nodes(connection, found)[0]

    def rename_cluster(self, cluster_id: int, name: str, event: AuditEvent) -> None:
        """Rename a cluster."""
        with self._changing(event) as connection, _name_is_free(name):
            values = _cluster_values(name)
            _one(connection.execute(update(cluster).where(cluster.c.id == cluster_id).values(**values)).rowcount)
            _index(connection, cluster_id)

    def remove_cluster(self, cluster_id: int, event: AuditEvent) -> None:
        """Delete a cluster with its nodes, placed requests and marks."""
        with self._changing(event) as connection:
            _one(connection.execute(delete(cluster).where(cluster.c.id == cluster_id)).rowcount)

    def add_node(self, record: NodeRecord, event: AuditEvent) -> NodeRecord:
        """Add a node, and return it with its number."""
        with self._changing(event) as connection, _node_is_new(connection, record):
            made = connection.execute(insert(node), _node_values(record)).inserted_primary_key
            _index(connection, record.cluster_id)
            return NodeRecord(**rows.values_of(record) | {"id": int(made[0]) if made else 0})

    def update_node(self, record: NodeRecord, event: AuditEvent) -> None:
        """Replace name, product, version and role of a node."""
        with self._changing(event) as connection, _node_is_new(connection, record):
            _one(connection.execute(update(node).where(_is(record)).values(_node_values(record))).rowcount)
            _index(connection, record.cluster_id)

    def remove_node(self, record: NodeRecord, event: AuditEvent) -> None:
        """Delete a node with the requests in its slots."""
        with self._changing(event) as connection:
            _one(connection.execute(delete(node).where(_is(record))).rowcount)
            _index(connection, record.cluster_id)

    def place(self, requests: Sequence[PlacedRequest], events: Sequence[AuditEvent]) -> None:
        """Place requests in their slots, all or none."""
        with self._changing(*events) as connection:
            for request in requests:
                place = and_(node.c.id == request.node_id, node.c.cluster_id == request.cluster_id)
                _one(len(connection.execute(select(node.c.id).where(place)).all()))
                values = {name: value for name, value in rows.values_of(request).items() if name != "id"}
                connection.execute(insert(placed_request), values)

    def list_requests(self, *cluster_ids: int) -> tuple[PlacedRequest, ...]:
        """Return all placed requests of these clusters, newest first."""
        found = self._of_clusters(placed_request, cluster_ids)
        return tuple(PlacedRequest(**row._mapping) for row in sorted(found, key=lambda row: row.id, reverse=True))

    def list_marks(self, *cluster_ids: int) -> tuple[Mark, ...]:
        """Return the marks of these clusters, sorted by cluster and step."""
        found = self._of_clusters(mark, cluster_ids)
        return tuple(Mark(**row._mapping) for row in sorted(found, key=lambda row: (row.cluster_id, row.step)))

    def _of_clusters(self, table: Table, cluster_ids: Collection[int]) -> list[Row[Any]]:
        batches = in_batches(table.c.cluster_id, cluster_ids)
        with self._database.read() as connection:
            return [row for batch in batches for row in connection.execute(select(table).where(batch))]

    def set_mark(self, record: Mark, event: AuditEvent) -> bool:
        """Mark a step as done; return False if it was marked."""
        with self._database.write() as connection:
            statement = upsert(connection, mark).values(rows.values_of(record)).on_conflict_do_nothing()
            _one(len(connection.execute(select(cluster.c.id).where(cluster.c.id == record.cluster_id)).all()))
            return _noted(connection, connection.execute(statement).rowcount, event)

    def clear_mark(self, cluster_id: int, step: str, event: AuditEvent) -> bool:
        """Delete a mark; return False if there is none."""
        statement = delete(mark).where(mark.c.cluster_id == cluster_id, mark.c.step == step)
        with self._database.write() as connection:
            return _noted(connection, connection.execute(statement).rowcount, event)

    @contextmanager
    def _changing(self, *events: AuditEvent) -> Iterator[Connection]:
        """Return a transaction that records these events at its end."""
        with self._database.write() as connection:
            yield connection
            record_events(connection, *events)


def _noted(connection: Connection, count: int, event: AuditEvent) -> bool:
    """Return whether a row changed, and record the event only then."""
    if count:
        record_events(connection, event)
    return bool(count)


def _one(count: int) -> None:
    """Raise NotFound if no row was found or changed."""
    if not count:
        raise cluster_unknown()


@contextmanager
def _name_is_free(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise cluster_name_taken(name) from error


@contextmanager
def _node_is_new(connection: Connection, record: NodeRecord) -> Iterator[None]:
    _one(len(connection.execute(select(cluster.c.id).where(cluster.c.id == record.cluster_id)).all()))
    try:
        yield
    except IntegrityError as error:
        raise Conflict(node_repeated()) from error


def _is(record: NodeRecord) -> Any:
    return and_(node.c.id == record.id, node.c.cluster_id == record.cluster_id)


def _cluster_values(name: str) -> dict[str, Any]:
    return {"name": name, "name_key": name.casefold()}


def _node_values(record: NodeRecord) -> dict[str, Any]:
    return {name: value for name, value in rows.values_of(record).items() if name != "id"}


def _index(connection: Connection, cluster_id: int) -> None:
    """Update the text that the list searches: the names of the cluster and of its nodes."""
    names = connection.execute(select(node.c.fqdn).where(node.c.cluster_id == cluster_id)).scalars()
    name = connection.execute(select(cluster.c.name_key).where(cluster.c.id == cluster_id)).scalar_one()
    text = " ".join((name, *names))
    connection.execute(update(cluster).where(cluster.c.id == cluster_id).values(search_text=text))


def _with_nodes(connection: Connection, found: Sequence[Row[Any]]) -> tuple[ClusterRecord, ...]:
    nodes = defaultdict[int, list[NodeRecord]](list)
    for batch in in_batches(node.c.cluster_id, [row.id for row in found]):
        for row in connection.execute(select(node).where(batch).order_by(node.c.id)):
            nodes[row.cluster_id].append(NodeRecord(**row._mapping))
    return tuple(ClusterRecord(row.id, row.name, row.created_at, row.created_by, tuple(nodes[row.id])) for row in found)


class SQLServedStore:
    """Implements the port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, found: Sequence[Served]) -> None:
        """Store these, in one transaction; a new entry only where something has changed."""
        if not found:
            return
        newest = select(func.max(served.c.id)).group_by(served.c.host, served.c.port)
        with self._database.write() as connection:
            known = {
                (row.host, row.port): row
                for batch in in_batches(served.c.host, {each.host for each in found})
                for row in connection.execute(select(served).where(served.c.id.in_(newest.where(batch))))
            }
            for each in found:
                row = known.get((each.host, each.port))
                if row is not None and (row.verdict, row.fingerprint) == (each.verdict.value, each.fingerprint):
                    connection.execute(update(served).where(served.c.id == row.id).values(seen_at=each.seen_at))
                else:
                    connection.execute(insert(served).values(rows.values_of(each) | {"verdict": each.verdict.value}))

    def list_served(self, host: str) -> tuple[Served, ...]:
        """Return the entries of a host, newest first."""
        columns = [column for column in served.c if column.name != "id"]
        statement = select(*columns).where(served.c.host == host).order_by(served.c.id.desc()).limit(_MOST)
        with self._database.read() as connection:
            found = connection.execute(statement).all()
        return tuple(Served(**{**row._mapping, "verdict": Verdict(row.verdict)}) for row in found)
