"""The contract of fleet stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ca_service.authority.fleet.records import ClusterQuery, ClusterRecord, Mark, NodeRecord, PlacedRequest
from ca_service.authority.fleet.store import FleetStore
from ca_service.errors import CAServiceError, Conflict, InvalidInput, NotFound
from ca_service.storage.database import Database
from ca_service.storage.fleet import SQLFleetStore
from ca_service.storage.schema import audit_event, placed_request
from tests.support.factories import event
from tests.support.fakes import NOON

NODES = tuple(
    NodeRecord(0, 0, fqdn, "uccx", "11.5", role)
    for fqdn, role in (("uccx1.example.com", "publisher"), ("uccx2.example.com", "subscriber"))
)


def cluster(name: str = "Lab", *, nodes: tuple[NodeRecord, ...] = NODES) -> ClusterRecord:
    return ClusterRecord(0, name, NOON, "vera", nodes)


def request(at: ClusterRecord, node: int = 0, fingerprint: str = "a" * 64) -> PlacedRequest:
    return PlacedRequest(
        0, at.id, at.nodes[node].id, "tomcat-ECDSA", False, fingerprint, "b" * 64, b"csr", NOON, "vera"
    )  # fmt: skip


@pytest.fixture
def made(fleet_store: FleetStore) -> ClusterRecord:
    """A cluster with two nodes."""
    return fleet_store.add_cluster(cluster(), event())


def test_what_was_added_is_found_with_numbers_of_its_own(fleet_store: FleetStore, made: ClusterRecord) -> None:
    assert fleet_store.find_clusters([made.id, 999]) == (made,)
    assert made.id
    assert [node.cluster_id for node in made.nodes] == [made.id] * 2
    assert len({node.id for node in made.nodes}) == 2
    assert [replace(node, id=0, cluster_id=0) for node in made.nodes] == list(NODES)


def test_what_is_not_there_is_not_found(fleet_store: FleetStore, made: ClusterRecord) -> None:
    gone = replace(made.nodes[0], id=999)
    elsewhere = replace(made.nodes[0], cluster_id=999)

    assert fleet_store.find_clusters([999]) == ()
    for act in (
        lambda: fleet_store.rename_cluster(999, "x", event()),
        lambda: fleet_store.remove_cluster(999, event()),
        lambda: fleet_store.add_node(elsewhere, event()),
        lambda: fleet_store.update_node(gone, event()),
        lambda: fleet_store.remove_node(gone, event()),
        lambda: fleet_store.remove_node(elsewhere, event()),
        lambda: fleet_store.place([replace(request(made), node_id=999)], [event()]),
        lambda: fleet_store.set_mark(Mark(999, "x", NOON, "vera"), event()),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_node_that_another_cluster_has_too_is_found_with_the_names_of_those(
    fleet_store: FleetStore, made: ClusterRecord
) -> None:
    first, second = (node.fqdn for node in NODES)
    assert fleet_store.list_namesakes(made.id) == ()

    one = fleet_store.add_cluster(cluster("One", nodes=NODES[:1]), event())
    fleet_store.add_cluster(cluster("Both"), event())
    assert fleet_store.list_namesakes(made.id) == ((first, "Both"), (first, "One"), (second, "Both"))
    assert fleet_store.list_namesakes(one.id) == ((first, "Both"), (first, "Lab"))


@pytest.mark.parametrize("name", ["Lab", "LAB", "lab"])
def test_a_name_is_taken_in_any_case(fleet_store: FleetStore, made: ClusterRecord, name: str) -> None:
    other = fleet_store.add_cluster(cluster("Other"), event())
    with pytest.raises(Conflict):
        fleet_store.add_cluster(cluster(name), event())
    with pytest.raises(Conflict):
        fleet_store.rename_cluster(other.id, name, event())
    fleet_store.rename_cluster(made.id, name, event())


def test_a_cluster_is_found_by_its_whole_name_in_any_case(fleet_store: FleetStore, made: ClusterRecord) -> None:
    assert fleet_store.find_cluster_named("lAB") == made
    assert fleet_store.find_cluster_named("La") is None


def test_nodes_are_added_changed_and_removed(fleet_store: FleetStore, made: ClusterRecord) -> None:
    added = fleet_store.add_node(NodeRecord(0, made.id, "sm1.example.com", "socialminer", "11.5", "x"), event())
    changed = replace(added, fqdn="sm2.example.com", version="15")
    fleet_store.update_node(changed, event())
    fleet_store.remove_node(made.nodes[0], event())

    [found] = fleet_store.find_clusters([made.id])
    assert found.nodes == (made.nodes[1], changed)


def test_a_name_stands_in_a_cluster_once_and_in_another_again(fleet_store: FleetStore, made: ClusterRecord) -> None:
    with pytest.raises(Conflict):
        fleet_store.add_node(replace(NODES[0], cluster_id=made.id), event())
    with pytest.raises(Conflict):
        fleet_store.update_node(replace(made.nodes[0], fqdn=made.nodes[1].fqdn), event())
    fleet_store.add_cluster(cluster("Other"), event())


def test_the_newest_request_comes_first_and_goes_with_its_node(fleet_store: FleetStore, made: ClusterRecord) -> None:
    fleet_store.place([request(made), request(made, 1, "c" * 64)], [event(), event()])
    fleet_store.place([request(made, 0, "d" * 64)], [event()])

    assert [each.request_fingerprint[0] for each in fleet_store.list_requests(made.id)] == ["d", "c", "a"]
    fleet_store.remove_node(made.nodes[0], event())
    assert [each.request_fingerprint[0] for each in fleet_store.list_requests(made.id)] == ["c"]


def test_requests_and_marks_of_several_clusters_are_read_together(fleet_store: FleetStore, made: ClusterRecord) -> None:
    other = fleet_store.add_cluster(cluster("Other"), event())
    marks = [Mark(each.id, step, NOON, "vera") for each in (made, other) for step in ("upload/x", "verify/x")]
    for mark in reversed(marks):
        fleet_store.set_mark(mark, event())
    fleet_store.place([request(made), request(other, 0, "c" * 64)], [event(), event()])

    assert [each.cluster_id for each in fleet_store.list_requests(made.id, other.id)] == [other.id, made.id]
    assert [each.cluster_id for each in fleet_store.list_requests(made.id)] == [made.id]
    assert fleet_store.list_marks(other.id, made.id) == tuple(marks)
    assert fleet_store.list_requests() == ()
    assert fleet_store.list_marks() == ()


def test_requests_are_placed_all_or_none(fleet_store: FleetStore, made: ClusterRecord) -> None:
    with pytest.raises(NotFound):
        fleet_store.place([request(made), replace(request(made), node_id=999)], [event(), event()])
    assert fleet_store.list_requests(made.id) == ()


def test_a_mark_is_set_once_and_taken_back_once(fleet_store: FleetStore, made: ClusterRecord) -> None:
    mark = Mark(made.id, "upload/x", NOON, "vera")

    assert fleet_store.set_mark(mark, event())
    assert not fleet_store.set_mark(replace(mark, done_by="else"), event())
    assert fleet_store.list_marks(made.id) == (mark,)
    assert fleet_store.clear_mark(made.id, "upload/x", event())
    assert not fleet_store.clear_mark(made.id, "upload/x", event())
    assert fleet_store.list_marks(made.id) == ()


def test_a_cluster_goes_with_all_that_hangs_on_it(fleet_store: FleetStore, made: ClusterRecord) -> None:
    fleet_store.place([request(made)], [event()])
    fleet_store.set_mark(Mark(made.id, "x", NOON, "vera"), event())
    fleet_store.remove_cluster(made.id, event())

    assert fleet_store.find_clusters([made.id]) == ()
    assert fleet_store.list_requests(made.id) == ()
    assert fleet_store.list_marks(made.id) == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [("", ["alpha", "Beta", "gamma"]), ("BET", ["Beta"]), ("uccx1", ["alpha", "Beta", "gamma"]), ("a b", ["Beta"]),
     ("alpha uccx2", ["alpha"]), ("100%", []), ("_", [])],
)  # fmt: skip
def test_the_list_is_searched_by_the_words_of_its_names(fleet_store: FleetStore, text: str, names: list[str]) -> None:
    for name in ("gamma", "Beta", "alpha"):
        nodes = tuple(replace(node, fqdn=node.fqdn.replace("example", "test")) for node in NODES)
        fleet_store.add_cluster(cluster(name, nodes=nodes), event())

    expected = [name for name in names if text != "a b" or "b" in name.lower()]
    assert [each.name for each in fleet_store.list_clusters(ClusterQuery(text=text)).items] == expected


@pytest.mark.parametrize("sort", ["name", "newest"])
def test_the_pages_of_a_list_hold_each_cluster_once(fleet_store: FleetStore, sort: str) -> None:
    names = [f"n{number:02}" for number in range(7)]
    for number, name in enumerate(names):
        fleet_store.add_cluster(replace(cluster(name), created_at=NOON + timedelta(hours=number)), event())

    found, cursor = list[str](), ""
    while True:
        page = fleet_store.list_clusters(ClusterQuery(sort=sort, cursor=cursor, limit=3))
        found += [each.name for each in page.items]
        assert all(each.nodes for each in page.items)
        cursor = page.next_cursor
        if not cursor:
            break
    assert found == (names if sort == "name" else names[::-1])


def test_a_cursor_that_is_none_of_ours_is_refused(fleet_store: FleetStore) -> None:
    with pytest.raises(InvalidInput):
        fleet_store.list_clusters(ClusterQuery(cursor="nonsense"))


def test_a_change_and_its_event_are_stored_together_or_not_at_all(database: Database) -> None:
    store = SQLFleetStore(database)
    made = store.add_cluster(cluster(), event())
    refusals = 0
    for act in (
        lambda: store.add_cluster(cluster(), event()),
        lambda: store.place([replace(request(made), node_id=999)], [event()]),
        lambda: store.clear_mark(made.id, "x", event()),
    ):
        try:
            act()
        except CAServiceError:
            refusals += 1

    with database.read() as connection:
        counted = [
            connection.execute(select(func.count()).select_from(t)).scalar() for t in (audit_event, placed_request)
        ]
    assert refusals == 2
    assert counted == [1, 0]
