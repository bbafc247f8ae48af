"""Clusters: what can be said of them, where requests belong, and where each slot stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.audit import Event
from ca_service.authority.fleet.nodes import MAX_NODES, NodeInput
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.registration import Options
from ca_service.authority.revocation.records import Selection
from ca_service.errors import CAServiceError, Conflict, InvalidInput, NotFound, Refused
from ca_service.pki.reasons import Reason
from ca_service.vos.fit import Files
from ca_service.vos.runbook import upload_key, verify_key
from tests.support import pkcs10
from tests.support.factories import OPERATOR, Lab
from tests.support.fleet import CONTACT_CENTRE, PUBLISHER, SOCIAL, SUBSCRIBER, InMemoryFleetStore
from tests.support.requests import (
    BLANK_PARENT_DOMAIN,
    CUCM_MULTI,
    SOCIALMINER,
    THREE_NODES,
    UCCX_PUBLISHER,
    Request,
    key,
    node,
)

DAYS = Options(validity_days=100)
CUCM = tuple(
    NodeInput(fqdn, product, "12.5", role)
    for fqdn, product, role in (
        ("cucm1.example.com", "cucm", "publisher"),
        ("cucm2.example.com", "cucm", "subscriber"),
        ("imp1.example.com", "imp", "publisher"),
    )
)


@pytest.fixture
def lab() -> Lab:
    """An authority with a cluster: number 1."""
    lab = Lab().initialised()
    lab.fleet.create(OPERATOR, "Lab", CONTACT_CENTRE)
    return lab


def again(name: str = "once more", host: str = "uccx1") -> bytes:
    """Another request of that node, with another key."""
    made = node(f"{host}-EC.example.com", "example.com", f"{host}.example.com")
    return pkcs10.pem(replace(made, key=key(name, ec.SECP384R1)).der())


def number(lab: Lab, fqdn: str, cluster_id: int = 1) -> int:
    return next(each.id for each in lab.fleet.get_cluster(OPERATOR, cluster_id).nodes if each.fqdn == fqdn)


def placement(lab: Lab, data: bytes, fqdn: str = "uccx1.example.com", **more: Any) -> Placement:
    return replace(Placement(data, number(lab, fqdn), "tomcat-ECDSA", is_multi_server=False), **more)


def placements(lab: Lab, requests: Sequence[Request] = THREE_NODES) -> list[Placement]:
    return [placement(lab, each.data, f"{each.name}.example.com") for each in requests]


def slot(lab: Lab, fqdn: str = "uccx1.example.com", cluster_id: int = 1) -> Slot:
    return next(each for each in lab.fleet.slots(OPERATOR, cluster_id) if each.node.fqdn == fqdn)


def events(lab: Lab) -> list[Event]:
    assert isinstance(lab.fleet_store, InMemoryFleetStore)
    return [each.event for each in lab.fleet_store.events]


# What can be said


@pytest.mark.parametrize(
    ("change", "rule", "pointer"),
    [
        ({"fqdn": "uccx1"}, "node.fqdn", "/nodes/0/fqdn"),
        ({"fqdn": "192.0.2.1"}, "node.fqdn", "/nodes/0/fqdn"),
        ({"version": "new"}, "version.unknown", "/nodes/0/version"),
        ({"product": "pbx"}, "product.unknown", "/nodes/0/product"),
        ({"role": "secondary"}, "node.role", "/nodes/0/role"),
    ],
)
def test_a_field_that_nobody_could_use_is_named(lab: Lab, change: dict[str, str], rule: str, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, "Other", [replace(PUBLISHER, **change)])
    found = next(each for each in caught.value.findings if each.rule == rule)
    assert found.pointer == pointer


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb"])
def test_a_cluster_needs_a_name(lab: Lab, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, name, [])
    assert caught.value.rule == "cluster.name"


def test_a_node_stands_in_a_cluster_once_however_it_is_written(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, "Other", [PUBLISHER, replace(SUBSCRIBER, fqdn="UCCX1.example.com.")])
    assert caught.value.rule == "node.repeated"
    with pytest.raises(Conflict):
        lab.fleet.add_node(OPERATOR, 1, PUBLISHER)


def test_there_are_at_most_so_many_nodes(lab: Lab) -> None:
    many = [replace(PUBLISHER, fqdn=f"n{count}.example.com") for count in range(MAX_NODES + 1)]
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, "Many", many)
    assert caught.value.rule == "cluster.nodes"
    made = lab.fleet.create(OPERATOR, "Full", many[1:])
    with pytest.raises(InvalidInput):
        lab.fleet.add_node(OPERATOR, made.id, many[0])


def test_the_life_of_a_cluster_is_recorded(lab: Lab) -> None:
    made = lab.fleet.add_node(OPERATOR, 1, replace(SUBSCRIBER, fqdn="uccx3.example.com"))
    lab.fleet.change_node(OPERATOR, 1, made.id, replace(SUBSCRIBER, fqdn="uccx3.example.com", version="15"))
    lab.fleet.change_node(OPERATOR, 1, made.id, replace(SUBSCRIBER, fqdn="uccx3.example.com", version="15"))
    lab.fleet.remove_node(OPERATOR, 1, made.id)
    lab.fleet.rename(OPERATOR, 1, " Other ")
    assert lab.fleet.list_clusters(OPERATOR, ClusterQuery()).items[0].name == "Other"
    lab.fleet.remove(OPERATOR, 1)
    assert events(lab) == [Event.CLUSTER_CREATED, *[Event.CLUSTER_CHANGED] * 4, Event.CLUSTER_REMOVED]


def test_what_is_not_there_is_not_found(lab: Lab) -> None:
    for act in (
        lambda: lab.fleet.get_cluster(OPERATOR, 99),
        lambda: lab.fleet.rename(OPERATOR, 99, "x"),
        lambda: lab.fleet.remove_node(OPERATOR, 1, 99),
        lambda: lab.fleet.change_node(OPERATOR, 1, 99, PUBLISHER),
        lambda: lab.handover.mark(OPERATOR, 1, "no such step", done=True),
        lambda: lab.handover.bundle(OPERATOR, 1),
    ):
        with pytest.raises(NotFound):
            act()


# Where requests belong


@pytest.mark.parametrize("request_", THREE_NODES, ids=lambda each: each.name)
def test_a_request_finds_its_node_by_its_common_name(lab: Lab, request_: Request) -> None:
    [found] = lab.fleet.propose(OPERATOR, 1, [request_.data], DAYS)

    assert found.node is not None
    assert (found.node.fqdn, found.why) == (f"{request_.name}.example.com", "by the common name")
    assert not found.is_multi_server


def test_a_common_name_of_no_node_leaves_the_names(lab: Lab) -> None:
    recipe = node("anything.example.com", "example.com", "sm1.example.com")
    [found] = lab.fleet.propose(OPERATOR, 1, [pkcs10.pem(recipe.der())], DAYS)

    assert found.node is not None
    assert (found.node.fqdn, found.why) == ("sm1.example.com", "by the names")


@pytest.mark.parametrize("data", [CUCM_MULTI.data, BLANK_PARENT_DOMAIN.data, b"nonsense"])
def test_a_request_of_another_cluster_has_no_place(lab: Lab, data: bytes) -> None:
    [found] = lab.fleet.propose(OPERATOR, 1, [data], DAYS)

    assert (found.node, found.why) == (None, "no node of this cluster")


def test_a_multi_server_request_of_uccx_may_not_name_strangers(lab: Lab) -> None:
    recipe = node("uccx1-EC-ms.example.com", "uccx1.example.com", "uccx2.example.com", "sm1.example.com")
    [found] = lab.fleet.propose(OPERATOR, 1, [pkcs10.pem(recipe.der())], DAYS)

    assert found.is_multi_server
    assert [each.rule for each in found.findings] == ["slot.strangers"]


def test_a_new_request_is_told_against_the_one_before(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    same, other = lab.fleet.propose(OPERATOR, 1, [UCCX_PUBLISHER.data, again()], DAYS)

    assert same.difference is not None
    assert same.difference.is_empty
    assert [each.rule for each in same.findings] == ["slot.same"]
    assert other.difference is not None
    assert other.difference.is_key_new
    assert [each.rule for each in other.findings] == ["slot.key-replaced"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"node_id": 0}, "node.unmatched"),
        ({"purpose": "tomcat"}, "purpose.unknown"),
        ({"data": b"x"}, "csr.unreadable"),
    ],
)
def test_a_place_that_cannot_be_is_refused_and_nothing_is_placed(lab: Lab, change: dict[str, Any], rule: str) -> None:
    good = placement(lab, SOCIALMINER.data, "sm1.example.com")
    with pytest.raises(Refused) as caught:
        lab.fleet.sign(OPERATOR, 1, [good, replace(placement(lab, UCCX_PUBLISHER.data), **change)], DAYS)
    assert rule in [each.rule for each in caught.value.findings]
    assert {each.state for each in lab.fleet.slots(OPERATOR, 1)} == {State.NO_REQUEST}


def test_two_requests_cannot_have_one_place(lab: Lab) -> None:
    with pytest.raises(Refused) as caught:
        lab.fleet.place(OPERATOR, 1, [placement(lab, UCCX_PUBLISHER.data), placement(lab, again())], DAYS)
    assert caught.value.rule == "slot.twice"


# Where a slot stands


def test_a_slot_goes_from_nothing_to_served_and_back(lab: Lab) -> None:
    assert slot(lab).state is State.NO_REQUEST
    lab.fleet.place(OPERATOR, 1, placements(lab), DAYS)
    assert slot(lab).state is State.REQUESTED
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    issued = slot(lab)
    assert issued.state is State.ISSUED
    assert issued.certificate is not None
    serial = issued.certificate.serial_number
    for step, state in (
        (upload_key(issued.purpose, serial), State.UPLOADED),
        (verify_key(issued.purpose, serial), State.VERIFIED),
    ):
        lab.handover.mark(OPERATOR, 1, step, done=True)
        assert slot(lab).state is state
    for step, state in (
        (verify_key(issued.purpose, serial), State.UPLOADED),
        (upload_key(issued.purpose, serial), State.ISSUED),
    ):
        lab.handover.mark(OPERATOR, 1, step, done=False)
        assert slot(lab).state is state


def test_marks_are_recorded_and_a_mark_that_is_there_makes_no_event(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    step = lab.handover.board(OPERATOR, 1).runbook.steps[0].key
    before = len(events(lab))

    for done in (True, True, False, False):
        lab.handover.mark(OPERATOR, 1, step, done=done)

    assert events(lab)[before:] == [Event.STEP_DONE, Event.STEP_UNDONE]


def test_a_crash_between_placing_and_signing_loses_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(lab.issuance, "issue", crash)
        with pytest.raises(OSError, match="power"):
            lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    assert slot(lab).state is State.REQUESTED

    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)

    assert slot(lab).state is State.ISSUED
    assert len(lab.fleet_store.list_requests(1)) == 3


def test_a_certificate_that_was_signed_at_another_door_fills_the_slot(lab: Lab) -> None:
    lab.fleet.place(OPERATOR, 1, placements(lab), DAYS)
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS)

    assert slot(lab).state is State.ISSUED


@pytest.mark.parametrize("reason", [Reason.SUPERSEDED, Reason.CERTIFICATE_HOLD])
def test_a_slot_whose_certificate_was_revoked_waits_for_another(lab: Lab, reason: Reason) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    found = slot(lab).certificate
    assert found is not None

    lab.revocation.revoke(OPERATOR, Selection((found.serial_number,)), reason)

    assert slot(lab).state is State.REQUESTED
    assert slot(lab).certificate is None


def test_another_key_makes_what_was_issued_before_useless(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    lab.fleet.place(OPERATOR, 1, [placement(lab, again())], DAYS)

    found = slot(lab)
    assert found.state is State.REQUESTED
    [past] = found.past
    assert (past.is_key_replaced, past.was_uploaded) == (True, False)


def test_what_was_uploaded_stays_on_the_node_until_the_new_one_is(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    found = slot(lab)
    assert found.certificate is not None
    lab.handover.mark(OPERATOR, 1, upload_key(found.purpose, found.certificate.serial_number), done=True)
    lab.fleet.sign(OPERATOR, 1, [placement(lab, again())], DAYS)

    [past] = slot(lab).past
    assert past.was_uploaded


def test_a_request_that_never_was_signed_is_no_history_and_one_that_came_twice_is_told_once(lab: Lab) -> None:
    first, second = again("a"), again("b")
    lab.fleet.place(OPERATOR, 1, [placement(lab, again("unsigned"))], DAYS)
    for data in (first, second, first, second):
        lab.fleet.sign(OPERATOR, 1, [placement(lab, data)], DAYS)

    assert len(slot(lab).past) == 1


@pytest.mark.parametrize(("days", "state"), [(69, State.ISSUED), (71, State.EXPIRING), (101, State.EXPIRED)])
def test_time_moves_a_slot(lab: Lab, days: int, state: State) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    lab.clock.now += timedelta(days=days)

    assert slot(lab).state is state
    line = lab.handover.board(OPERATOR, 1).lines[0]
    assert (line.total == 0) is (state is State.EXPIRED)


def multi(lab: Lab) -> int:
    """A cluster of CUCM and IM and Presence whose multi-server request is signed."""
    made = lab.fleet.create(OPERATOR, "Calls", CUCM)
    hosts = [each.fqdn for each in CUCM]
    data = pkcs10.pem(node("cucm1-EC-ms.example.com", "example.com", *hosts).der())
    [found] = lab.fleet.propose(OPERATOR, made.id, [data], DAYS)
    assert found.is_multi_server
    assert found.node is not None
    place = Placement(data, found.node.id, "tomcat-ECDSA", is_multi_server=True)
    lab.fleet.sign(OPERATOR, made.id, [place], DAYS)
    return made.id


def test_a_multi_server_certificate_fills_the_cluster_from_one_slot(lab: Lab) -> None:
    cluster_id = multi(lab)

    assert [each.state for each in lab.fleet.slots(OPERATOR, cluster_id)] == [
        State.ISSUED,
        State.COVERED,
        State.COVERED,
    ]
    assert [each.fqdn for each in slot(lab, "cucm1.example.com", cluster_id).covers] == [
        "cucm2.example.com",
        "imp1.example.com",
    ]
    board = lab.handover.board(OPERATOR, cluster_id)
    assert sum(each.title.startswith("Upload the certificate") for each in board.runbook.steps) == 1
    assert (board.lines[0].upload_step == "", board.lines[1].upload_step, board.lines[1].verify_step) == (False, "", "")


def test_a_newer_request_of_its_own_takes_a_node_out_of_the_cover(lab: Lab) -> None:
    cluster_id = multi(lab)
    own = pkcs10.pem(node("cucm2-EC.example.com", "example.com", "cucm2.example.com").der())
    place = Placement(own, number(lab, "cucm2.example.com", cluster_id), "tomcat-ECDSA", is_multi_server=False)
    lab.fleet.place(OPERATOR, cluster_id, [place], DAYS)

    assert slot(lab, "cucm2.example.com", cluster_id).state is State.REQUESTED


def test_another_purpose_has_a_slot_once_there_is_a_request_for_it(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, [placement(lab, again(), purpose="CallManager-ECDSA")], DAYS)

    assert [(each.purpose.service, each.state) for each in lab.fleet.slots(OPERATOR, 1)][:2] == [
        ("tomcat-ECDSA", State.NO_REQUEST),
        ("CallManager-ECDSA", State.ISSUED),
    ]


def test_the_bundle_leaves_out_what_has_expired(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab)[:2], DAYS)
    lab.clock.now += timedelta(days=90)
    lab.fleet.sign(OPERATOR, 1, placements(lab)[2:], DAYS)
    lab.clock.now += timedelta(days=20)

    names = [file.path for file in lab.handover.bundle(OPERATOR, 1).uploads if file.purpose == "tomcat-ECDSA"]
    assert names == ["sm1.example.com/3-sm1.example.com.tomcat-ECDSA.pem"]


def test_the_board_of_a_cluster_without_an_authority_can_be_seen() -> None:
    lab = Lab()
    lab.fleet.create(OPERATOR, "Lab", [SOCIAL])

    board = lab.handover.board(OPERATOR, 1)
    assert not board.has_certificates
    assert [each.key.split("/")[0] for each in board.runbook.steps] == ["request"]


# The fit of certificates


def test_the_service_judges_files_at_its_own_time_and_its_own_certificates_today(lab: Lab) -> None:
    [record] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS).certificates
    chain = lab.hierarchy.active().chain
    pem = x509.load_der_x509_certificate(record.der).public_bytes(Encoding.PEM)
    files = Files(UCCX_PUBLISHER.data, pem, tuple(each.public_bytes(Encoding.PEM) for each in chain))

    def works() -> list[bool]:
        found = lab.fitting.of_record(record, chain)
        assert found is not None
        return [lab.fitting.check(OPERATOR, files).works, found.works]

    assert works() == [True, True]
    lab.clock.now += timedelta(days=101)
    assert works() == [False, False]


def test_a_plain_server_is_no_node_to_fit(lab: Lab) -> None:
    [record] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(profile="server")).certificates

    assert lab.fitting.of_record(record, lab.hierarchy.active().chain) is None


def test_a_misfit_of_our_own_is_never_stored(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "ca_service.authority.issuance.judge_issued"
    found = lab.fitting.check(OPERATOR, Files(None, lab_certificate(lab)))
    assert not found.works
    monkeypatch.setattr(module, lambda *_: found)

    with pytest.raises(CAServiceError) as caught:
        lab.issuance.issue(OPERATOR, [again("misfit")], DAYS)

    assert caught.value.code == "signing"
    assert len(lab.ledger.list_by_requests([])) == 0


def lab_certificate(lab: Lab) -> bytes:
    """A certificate that no node takes as its own: that of the authority."""
    return lab.hierarchy.active().chain[0].public_bytes(Encoding.PEM)
