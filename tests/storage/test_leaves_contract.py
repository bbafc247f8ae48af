"""The contract of leaf stores: expiring leaves in order, bounded, without superseded ones."""

from __future__ import annotations

from datetime import timedelta

from tests.storage.leaves import Ends
from tests.support.fakes import NOON


def test_leaves_are_told_in_the_order_of_their_end_within_the_time_that_is_asked_for(ends: Ends) -> None:
    later, sooner, too_late, over = (ends.leaf(days).serial_number for days in (30, 10, 101, -1))

    assert ends.serials() == [sooner, later]
    assert ends.serials(after=10) == [later]
    assert ends.serials(until=30) == [sooner, later]
    assert {too_late, over}.isdisjoint(ends.serials())


def test_leaves_that_end_together_are_read_page_by_page_without_a_gap(ends: Ends) -> None:
    made = [ends.leaf(10).serial_number for _ in range(5)]
    place, found = (NOON, 0), list[str]()

    while page := ends.store.list_ends(place, NOON + timedelta(days=20), NOON, 2):
        found += [each.serial_number for each in page]
        place = (page[-1].not_after, page[-1].number)

    assert found == made


def test_a_leaf_tells_what_it_is(ends: Ends) -> None:
    made = ends.leaf(10, "uccx1.example.com", profile="server")

    [end] = ends.store.list_ends((NOON, 0), NOON + timedelta(days=20), NOON, 10)

    assert (end.serial_number, end.profile, end.host) == (made.serial_number, "server", "uccx1.example.com")
    assert (end.not_before, end.not_after, end.cluster_ids) == (made.not_before, made.not_after, ())


def test_a_leaf_that_a_valid_one_has_followed_is_left_out(ends: Ends) -> None:
    old, new = ends.leaf(10, "a.example.com"), ends.leaf(50, "a.example.com")

    assert ends.serials() == [new.serial_number]
    assert ends.store.find_successor(old.serial_number, NOON) == new.serial_number
    assert ends.store.find_successor(new.serial_number, NOON) is None


def test_one_that_has_ended_itself_follows_nothing(ends: Ends) -> None:
    old, _ = ends.leaf(10, "a.example.com"), ends.leaf(-1, "a.example.com")

    assert ends.serials() == [old.serial_number]


def test_one_that_is_revoked_follows_nothing(ends: Ends) -> None:
    old, new = ends.leaf(10, "a.example.com"), ends.leaf(50, "a.example.com")
    ends.revoke(new)

    assert ends.store.find_successor(old.serial_number, NOON) is None
    assert old.serial_number in ends.serials()


def test_another_host_or_profile_follows_nothing(ends: Ends) -> None:
    made = [ends.leaf(10, "a.example.com"), ends.leaf(11, "a.example.com", profile="server"), ends.leaf(12)]

    assert ends.serials() == [each.serial_number for each in made]


def test_another_purpose_of_the_same_node_follows_nothing(ends: Ends) -> None:
    tomcat, manager = ends.leaf(10, "a.example.com"), ends.leaf(20, "a.example.com")
    ends.place(manager, "CallManager-ECDSA")

    assert ends.serials() == [tomcat.serial_number, manager.serial_number]
    assert ends.store.find_successor(tomcat.serial_number, NOON) is None


def test_of_several_that_have_followed_the_newest_is_told(ends: Ends) -> None:
    old, _, newest = (ends.leaf(days, "a.example.com") for days in (10, 30, 20))

    assert ends.store.find_successor(old.serial_number, NOON) == newest.serial_number


def test_a_leaf_tells_the_clusters_in_which_its_request_was_placed(ends: Ends) -> None:
    made = ends.leaf(10)
    numbers = (ends.place(made), ends.place(made, "CallManager-ECDSA"))

    [end] = ends.store.list_ends((NOON, 0), NOON + timedelta(days=20), NOON, 10)

    assert end.cluster_ids == numbers
    assert ends.store.list_cluster_ids(made.serial_number) == numbers
    assert ends.store.list_cluster_ids("f" * 40) == ()
