"""What follows from a step that is done, where root and intermediate go, and the files that steps name."""

from __future__ import annotations

from ca_service.vos.purposes import CALLMANAGER_ECDSA, TOMCAT_ECDSA
from ca_service.vos.runbook import Leaf, Runbook, Step, cluster_runbook, files_of
from ca_service.vos.runbook_trust import receivers
from tests.support.external_roots import ec_root
from tests.support.requests import THREE_NODES
from tests.vos.runbooks import CALLS, CENTRE, EVERY, SIGNED, node, runbook
from tests.vos.test_bundle import delivery
from tests.vos.test_cluster_bundle import bundle, given


def of_centre() -> Runbook:
    """The runbook of the contact centre, each node with its own certificate."""
    leaves = [Leaf(each, TOMCAT_ECDSA, found.leaf) for each in CENTRE for found in given() if found.host == each.fqdn]
    return cluster_runbook("Lab", CENTRE, leaves, SIGNED.authorities)


def step(runbook: Runbook, kind: str, fqdn: str) -> Step:
    """The step whose key begins so, on this node."""
    [found] = [each for each in runbook.steps if each.key.startswith(f"{kind}/") and fqdn in each.nodes]
    return found


def test_a_step_follows_from_later_steps_of_the_same_runbook_only() -> None:
    for product, release, purpose in EVERY:
        at = release.label.split()[0]
        nodes = [node(f"n{place}.example.com", product.id, at, role) for place, role in enumerate(product.roles)]
        found = runbook(*nodes, leaves=tuple(Leaf(each, purpose, SIGNED.leaf) for each in nodes))
        keys = [each.key for each in found.steps]
        for place, each in enumerate(found.steps):
            assert set(each.follows_from) <= set(keys[place + 1 :]), each.title


def test_an_upload_proves_the_trust_of_the_node_that_replicates_to_it_and_of_no_other() -> None:
    found = of_centre()
    uploads = {fqdn: step(found, "upload", fqdn).key for fqdn in (each.fqdn for each in CENTRE)}

    of_publisher = step(found, "trust", "uccx1.example.com").follows_from
    assert {uploads["uccx1.example.com"], uploads["uccx2.example.com"]} <= set(of_publisher)
    assert uploads["sm1.example.com"] not in of_publisher
    assert uploads["sm1.example.com"] in step(found, "trust", "sm1.example.com").follows_from


def test_an_upload_proves_nothing_of_a_newer_authority() -> None:
    leaf = Leaf(CENTRE[0], TOMCAT_ECDSA, delivery(THREE_NODES[2]).leaf)
    newer = ec_root().certificate

    found = cluster_runbook("Lab", CENTRE[:1], [leaf], (newer,))

    assert step(found, "trust", "sm1.example.com").follows_from == ()


def test_a_check_of_the_ports_proves_upload_setting_and_restart() -> None:
    cuc = node("cuc1.example.com", "cuc", "14SU3")
    found = runbook(cuc)
    check = step(found, "verify", cuc.fqdn).key

    for kind in ("upload", "switch"):
        assert step(found, kind, cuc.fqdn).follows_from == (check,)
    restarts = {each.title: each.follows_from for each in found.steps if each.key.startswith("restart/")}
    assert restarts.pop("Restart Cisco Tomcat on cuc1.example.com") == (check,)
    assert set(restarts.values()) == {()}


def test_a_step_that_is_optional_does_not_follow_from_a_check() -> None:
    cucm = node("cucm1.example.com", "cucm", "14SU3")
    found = runbook(cucm, leaves=(Leaf(cucm, CALLMANAGER_ECDSA, SIGNED.leaf),))

    [switch] = [each for each in found.steps if each.key.startswith("switch/")]
    assert switch.is_optional
    assert switch.follows_from == ()


def test_a_check_proves_no_restart_where_the_certificate_cannot_be_seen() -> None:
    uccx = node("uccx1.example.com", at="12.5")
    found = runbook(uccx)

    restarts = [each for each in found.steps if each.key.startswith("restart/")]
    assert [each.follows_from for each in restarts] == [()] * len(restarts)
    assert step(found, "upload", uccx.fqdn).follows_from


def test_root_and_intermediate_go_to_the_publisher_and_to_each_standalone_server() -> None:
    def places(*nodes: str) -> list[tuple[str, ...]]:
        every = {each.fqdn.split(".")[0]: each for each in (*CENTRE, *CALLS)}
        every |= {name: node(f"{name}.example.com", "cer", "15", role) for name, role in emergency.items()}
        found = receivers([every[name] for name in nodes])
        return [
            (each.node.fqdn.split(".")[0], *(replica.fqdn.split(".")[0] for replica in each.replicas)) for each in found
        ]

    emergency = {"cer1": "publisher", "cer2": "subscriber"}
    assert places("sm1", "uccx2", "uccx1") == [("sm1",), ("uccx1", "uccx2")]
    assert places("cucm1", "cucm2", "imp1") == [("cucm1", "cucm2"), ("imp1",)]
    assert places("cer1", "cer2") == [("cer1",), ("cer2",)]
    assert places("uccx2") == [("uccx2",)]


def test_the_files_of_the_steps_are_those_of_the_bundle() -> None:
    leaves = [Leaf(each.node, each.purpose, each.leaf) for each in given() if each.node and each.purpose]
    unsigned = Leaf(CENTRE[0], CALLMANAGER_ECDSA)

    found = files_of([*leaves, unsigned], SIGNED.authorities)

    whole = bundle()
    bytes_of = {file.path: file.data for file in (*whole.uploads, *whole.extras)}
    assert found == {path: bytes_of[path] for path in found}
    assert {file for each in of_centre().steps for file in each.files} == set(found)
