"""The contract of the store of products, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from ca_service.authority.fleet.records import ClusterRecord
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.issuance.store import HostProductStore
from ca_service.vos.destinations import Destination
from tests.support.factories import event
from tests.support.fakes import NOON
from tests.support.fleet import PUBLISHER

UCCX, CUCM = Destination("", "uccx", "15"), Destination("", "cucm", "14SU2")


def test_nothing_is_known_of_a_host_that_nobody_has_told_of(host_products: HostProductStore) -> None:
    assert host_products.find_products(["a.example.com"]) == {}
    assert host_products.find_products([]) == {}


def test_what_was_said_last_is_known(host_products: HostProductStore) -> None:
    host_products.remember_products({"a.example.com": UCCX, "b.example.com": UCCX}, "anna", NOON)
    host_products.remember_products({"b.example.com": CUCM}, "vera", NOON)
    host_products.remember_products({"b.example.com": CUCM}, "vera", NOON)
    assert host_products.find_products(["a.example.com", "b.example.com", "c.example.com"]) == {
        "a.example.com": UCCX,
        "b.example.com": CUCM,
    }
    assert host_products.find_products(["a.example.com"]) == {"a.example.com": UCCX}


def test_many_hosts_are_found(host_products: HostProductStore) -> None:
    hosts = [f"node{number}.example.com" for number in range(1200)]
    host_products.remember_products({hosts[0]: UCCX, hosts[-1]: CUCM}, "anna", NOON)
    assert host_products.find_products(hosts) == {hosts[0]: UCCX, hosts[-1]: CUCM}


def test_a_node_of_a_cluster_has_the_product_of_the_cluster(
    host_products: HostProductStore, clusters_beside: FleetStore
) -> None:
    node = PUBLISHER.record(0, 0)
    clusters_beside.add_cluster(ClusterRecord(0, "Lab", NOON, "anna", nodes=(node,)), event())
    host_products.remember_products({node.fqdn: CUCM}, "anna", NOON)
    assert host_products.find_products([node.fqdn]) == {node.fqdn: Destination("", node.product, node.version)}
