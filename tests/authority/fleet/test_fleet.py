"""Clusters: what can be said of them, where requests belong, and where each slot stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.audit.events import Event
from ca_service.authority.fleet.node_plan import Order
from ca_service.authority.fleet.nodes import MAX_NODES, NodeInput
from ca_service.authority.fleet.placement import Choice, Placement
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.errors import Conflict, InvalidInput, NotFound, Refused, Severity
from ca_service.pki.reasons import Reason
from ca_service.vos.destinations import Destination
from ca_service.vos.fit import Files
from ca_service.vos.purposes import TOMCAT_ECDSA as TOMCAT
from ca_service.vos.purposes import get_purpose
from ca_service.vos.runbook import Step, upload_key, verify_key
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
    assert isinstance(lab.edges.fleet, InMemoryFleetStore)
    return [each.event for each in lab.edges.fleet.events]


# What can be said


@pytest.mark.parametrize(
    ("change", "rule", "pointer"),
    [
        ({"fqdn": "uccx1"}, "node.fqdn", "/nodes/0/fqdn"),
        ({"fqdn": "192.0.2.1"}, "node.fqdn", "/nodes/0/fqdn"),
        ({"version": "new"}, "version.unknown", "/nodes/0/version"),
        ({"product": "pbx"}, "product.unknown", "/nodes/0/product"),
        ({"role": "secondary"}, "node.role", "/nodes/0/role"),
        ({"fqdn": " "}, "node.fqdn-missing", "/nodes/0/fqdn"),
        ({"version": " "}, "version.missing", "/nodes/0/version"),
        ({"product": ""}, "product.missing", "/nodes/0/product"),
        ({"role": ""}, "node.role-missing", "/nodes/0/role"),
    ],
)
def test_a_field_that_nobody_could_use_is_named(lab: Lab, change: dict[str, str], rule: str, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, "Other", [replace(PUBLISHER, **change)])
    found = next(each for each in caught.value.findings if each.rule == rule)
    assert found.pointer == pointer


def test_a_finding_of_a_node_names_its_row_and_host_when_it_is_created_added_or_changed(lab: Lab) -> None:
    nodes = [replace(PUBLISHER, fqdn="", version=""), replace(SUBSCRIBER, version="new")]
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, "Other", nodes)
    assert [each.detail for each in caught.value.findings] == [
        "Node 1: The full name of the server is missing.",
        "Node 1: The version is missing.",
        "Node 2 (uccx2.example.com): \u201cnew\u201d is not how Cisco numbers a release.",
    ]

    count = len(lab.fleet.get_cluster(OPERATOR, 1).nodes)
    with pytest.raises(InvalidInput, match=rf"^Node {count + 1} \(new\.example\.com\): The version is missing\."):
        lab.fleet.add_node(OPERATOR, 1, replace(PUBLISHER, fqdn="new.example.com", version=""))
    with pytest.raises(InvalidInput, match=r"^Node 2 \(uccx2\.example\.com\): The version is missing\.") as caught:
        lab.fleet.change_node(OPERATOR, 1, number(lab, "uccx2.example.com"), replace(SUBSCRIBER, version=""))
    assert caught.value.findings[0].pointer == "/nodes/1/version"


def test_a_certificate_that_was_signed_before_is_offered_to_a_slot_without_a_csr_and_taken_with_its_csr(
    lab: Lab,
) -> None:
    [signed] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS).certificates
    found = {line.slot.node.fqdn: line.available for line in lab.handover.board_with_notes(OPERATOR, 1).lines}
    assert found == {"uccx1.example.com": signed, "uccx2.example.com": None, "sm1.example.com": None}

    lab.fleet.place(OPERATOR, 1, [placement(lab, signed.csr_der)], Options())
    assert (slot(lab).state, slot(lab).certificate) == (State.ISSUED, signed)
    assert not any(line.available for line in lab.handover.board_with_notes(OPERATOR, 1).lines)


def test_a_certificate_that_is_no_longer_valid_or_has_another_purpose_is_not_offered(lab: Lab) -> None:
    other = Options(destination=Destination("CallManager-ECDSA"))
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], other)
    assert not any(line.available for line in lab.handover.board_with_notes(OPERATOR, 1).lines)

    lab.issuance.issue(OPERATOR, [again()], DAYS)
    assert lab.handover.board_with_notes(OPERATOR, 1).lines[0].available
    assert lab.handover.board(OPERATOR, 1).lines[0].available is None  # a runbook or a run does not look for it
    lab.clock.now += timedelta(days=101)
    assert not any(line.available for line in lab.handover.board_with_notes(OPERATOR, 1).lines)


def test_the_lines_of_a_host_are_for_its_newest_certificate_of_the_purpose(lab: Lab) -> None:
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS)
    lab.issuance.issue(OPERATOR, [again()], Options(destination=Destination("CallManager-ECDSA")))
    steps = lab.node_commands.lines(OPERATOR, "uccx1.example.com", Order())
    assert "set cert import own tomcat-ECDSA" in [line for step in steps for line in step.commands]
    request = lab.node_commands.lines(OPERATOR, "uccx1.example.com", Order(get_purpose("cup-ECDSA")))
    assert "set csr gen cup-ECDSA" in [line for step in request for line in step.commands]


def test_the_lines_of_a_host_begin_with_a_csr_if_its_newest_certificate_is_revoked_or_ends_soon(lab: Lab) -> None:
    def is_csr_next(order: Order = Order()) -> bool:  # noqa: B008 - it is frozen
        steps = lab.node_commands.lines(OPERATOR, "uccx1.example.com", order)
        return "set csr gen tomcat-ECDSA" in [line for step in steps for line in step.commands]

    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS)
    [newer] = lab.issuance.issue(OPERATOR, [again()], Options(new=True)).certificates
    assert not is_csr_next()
    assert is_csr_next(Order(new_csr=True))
    lab.revocation.revoke(OPERATOR, Selection((newer.serial_number,)), Reason.CERTIFICATE_HOLD)
    assert is_csr_next()
    lab.revocation.release(OPERATOR, Selection((newer.serial_number,)))
    assert not is_csr_next()
    lab.clock.now = newer.not_after - timedelta(days=29)
    assert is_csr_next()


def test_a_host_that_is_in_another_cluster_too_is_a_warning_on_both_boards(lab: Lab) -> None:
    assert lab.handover.board_with_notes(OPERATOR, 1).findings == ()
    made = lab.fleet.create(OPERATOR, "Other", [replace(SUBSCRIBER, fqdn="new.example.com"), PUBLISHER])

    [found] = lab.handover.board_with_notes(OPERATOR, made.id).findings
    assert (found.rule, found.severity, found.pointer) == ("node.elsewhere", Severity.WARNING, "/nodes/1/fqdn")
    assert found.detail == "Node 2 (uccx1.example.com): This server is also in the cluster \u201cLab\u201d."
    assert [each.rule for each in lab.handover.board_with_notes(OPERATOR, 1).findings] == ["node.elsewhere"]


def test_a_revoked_intermediate_is_an_error_on_the_board_of_its_certificates(lab: Lab) -> None:
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS)
    lab.fleet.place(OPERATOR, 1, [placement(lab, UCCX_PUBLISHER.data)], Options())
    assert lab.handover.board_with_notes(OPERATOR, 1).findings == ()

    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    [found] = lab.handover.board_with_notes(OPERATOR, 1).findings
    assert (found.rule, found.severity) == ("authority.not-trusted", Severity.ERROR)


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb"])
def test_a_cluster_needs_a_name(lab: Lab, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, name, [])
    assert caught.value.rule == "cluster.name"


def test_a_node_stands_in_a_cluster_once_however_it_is_written(lab: Lab) -> None:
    again = replace(SUBSCRIBER, fqdn="UCCX1.example.com.")
    expected = r"^Node %d \(UCCX1\.example\.com\.\): This server is in the cluster twice\."
    with pytest.raises(InvalidInput, match=expected % 2) as caught:
        lab.fleet.create(OPERATOR, "Other", [PUBLISHER, again])
    assert [(found.rule, found.pointer) for found in caught.value.findings] == [("node.repeated", "/nodes/1/fqdn")]
    _, second = lab.fleet.get_cluster(OPERATOR, 1).nodes[:2]
    with pytest.raises(Conflict, match=expected % 2) as changed:
        lab.fleet.change_node(OPERATOR, 1, second.id, again)
    with pytest.raises(Conflict, match=expected % (len(lab.fleet.get_cluster(OPERATOR, 1).nodes) + 1)) as added:
        lab.fleet.add_node(OPERATOR, 1, again)
    assert {changed.value.rule, added.value.rule} == {"node.repeated"}


def test_two_rows_without_a_name_are_not_one_server(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.fleet.create(OPERATOR, "Other", [replace(PUBLISHER, fqdn="")] * 2)
    assert {found.rule for found in caught.value.findings} == {"node.fqdn-missing"}


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
        lambda: lab.handover.mark(OPERATOR, 99, "no such step", done=True),
        lambda: lab.handover.bundle(OPERATOR, 1),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_cluster_gets_no_bundle_that_makes_its_nodes_trust_a_revoked_authority(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    with pytest.raises(Conflict) as refusal:
        lab.handover.bundle(OPERATOR, 1)
    assert refusal.value.rule == "authority.not-trusted"


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


def test_a_new_request_is_told_against_what_is_in_the_slot_that_was_chosen_for_it(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    elsewhere = Choice(number(lab, "uccx2.example.com"))
    choices = [Choice(purpose="CallManager-ECDSA"), elsewhere, Choice(0, "no such purpose")]
    other, chosen, unclear = lab.fleet.propose(OPERATOR, 1, [again("a"), again("b"), again("c")], DAYS, choices)

    assert (other.purpose.service, other.difference, other.findings) == ("CallManager-ECDSA", None, ())
    assert chosen.difference is not None
    assert "DNS:uccx2.example.com" in chosen.difference.names_lost
    assert unclear.difference is not None
    assert unclear.difference.names_lost == ()


def test_that_a_node_will_not_use_it_is_told_beside_the_request(lab: Lab) -> None:
    lab.fleet.change_node(OPERATOR, 1, number(lab, "uccx1.example.com"), replace(PUBLISHER, version="12.5"))
    [found] = lab.fleet.propose(OPERATOR, 1, [UCCX_PUBLISHER.data], DAYS)

    assert [each.rule for each in found.findings] == ["slot.unused"]
    assert found.findings[0].detail.startswith("This leaf will not be used on UCCX 11.6 to 12.5")
    assert not found.findings[0].is_error
    lab.fleet.change_node(
        OPERATOR,
        1,
        number(lab, "uccx1.example.com"),
        replace(PUBLISHER, product="finesse", role="primary", version="12"),
    )
    [inferred] = lab.fleet.propose(OPERATOR, 1, [UCCX_PUBLISHER.data], DAYS)
    assert inferred.findings[0].detail.endswith("Not confirmed by Cisco\u2019s documents.")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"node_id": 0}, "node.unmatched"),
        ({"purpose": "tomcat"}, "purpose.unsigned"),
        ({"purpose": "cup"}, "purpose.unsigned"),
        ({"purpose": "mail"}, "purpose.unknown"),
        ({"purpose": "CallManager-ECDSA"}, "slot.purpose"),
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


def test_what_a_later_step_proves_is_done_as_long_as_that_step_is(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    line = lab.handover.board(OPERATOR, 1).lines[0]
    nothing = lab.handover.board(OPERATOR, 1).marks

    lab.handover.mark(OPERATOR, 1, line.verify_step, done=True)
    board = lab.handover.board(OPERATOR, 1)
    assert nothing == {}
    assert {key.split("/")[0] for key in board.marks} == {"trust", "upload", "restart", "verify"}
    assert {mark.step for mark in board.marks.values()} == {line.verify_step}

    lab.handover.mark(OPERATOR, 1, line.verify_step, done=False)
    assert lab.handover.board(OPERATOR, 1).marks == {}


def test_the_next_step_is_the_first_that_is_left_and_an_optional_one_that_was_passed_is_the_last(lab: Lab) -> None:
    cluster = lab.fleet.create(OPERATOR, "Calls", [NodeInput("uccx1.example.com", "cucm", "14SU3", "publisher")])
    lab.fleet.sign(
        OPERATOR, cluster.id, [Placement(UCCX_PUBLISHER.data, cluster.nodes[0].id, "tomcat-ECDSA", False)], DAYS
    )
    board = lab.handover.board(OPERATOR, cluster.id)

    lab.handover.mark(OPERATOR, cluster.id, board.lines[0].verify_step, done=True)

    def left() -> list[Step]:
        marks = lab.handover.board(OPERATOR, cluster.id).marks
        return [each for each in board.runbook.steps if each.key not in marks]

    wanted = sorted(left(), key=lambda each: each.is_optional and "uccx1.example.com" in each.nodes)
    assert (wanted[0].key.split("/")[0], wanted[-1].is_optional) == ("agents", True)
    for step in wanted:
        [line] = lab.handover.board(OPERATOR, cluster.id).lines
        assert line.next_step == step
        assert line.total - line.done == len(left())
        lab.handover.mark(OPERATOR, cluster.id, step.key, done=True)


def test_the_ctl_file_is_the_next_step_before_the_restarts_though_it_is_for_mixed_mode_only(lab: Lab) -> None:
    made = lab.fleet.create(OPERATOR, "Calls", [replace(each, version="14SU2") for each in CUCM])
    place = Placement(MULTI, number(lab, "cucm1.example.com", made.id), "CallManager-ECDSA", is_multi_server=True)
    lab.fleet.sign(OPERATOR, made.id, [place], DAYS)
    order = []
    while (step := lab.handover.board(OPERATOR, made.id).lines[1].next_step) and not step.key.startswith("verify/"):
        order.append("CTL" if "CTL file" in step.title else step.key.split("/")[0])
        lab.handover.mark(OPERATOR, made.id, step.key, done=True)
    assert [kind for kind, _ in groupby(order)] == ["trust", "peers", "upload", "CTL", "restart", "restore"]


def test_marks_are_recorded_and_a_mark_that_is_there_makes_no_event(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    first = lab.handover.board(OPERATOR, 1).runbook.steps[0]
    step, before = first.key, len(events(lab))

    for done in (True, True, False, False):
        lab.handover.mark(OPERATOR, 1, step, done=done)

    assert events(lab)[before:] == [Event.STEP_DONE, Event.STEP_UNDONE]
    assert isinstance(lab.edges.fleet, InMemoryFleetStore)
    told = [each.details for each in lab.edges.fleet.events[before:]]
    assert told == [{"step": step, "title": first.title}] * 2


@pytest.mark.fault("processes", "A crash between placing and signing CSRs", "signs them when repeated")
def test_a_crash_between_placing_and_signing_loses_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **_named: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(lab.issuance, "issue", crash)
        with pytest.raises(OSError, match="power"):
            lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    assert slot(lab).state is State.REQUESTED

    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)

    assert slot(lab).state is State.ISSUED
    assert len(lab.edges.fleet.list_requests(1)) == 3


def test_a_certificate_that_was_signed_at_another_door_fills_the_slot(lab: Lab) -> None:
    lab.fleet.place(OPERATOR, 1, placements(lab), DAYS)
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], DAYS)

    assert slot(lab).state is State.ISSUED


def test_of_two_certificates_for_one_request_a_slot_has_that_for_its_purpose(lab: Lab) -> None:
    lab.fleet.place(OPERATOR, 1, placements(lab), DAYS)
    ours, _other = (
        lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], replace(DAYS, destination=Destination(each))).certificates[
            0
        ]
        for each in ("tomcat-ECDSA", "CallManager-ECDSA")
    )

    assert slot(lab).certificate == ours


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
    assert (past.was_uploaded, past.is_replaced) == (True, False)
    now = slot(lab).certificate
    assert now is not None
    lab.handover.mark(OPERATOR, 1, upload_key(found.purpose, now.serial_number), done=True)
    assert slot(lab).past[0].is_replaced


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


@pytest.mark.parametrize(("days", "state"), [(4, State.ISSUED), (6, State.EXPIRING)])
def test_a_certificate_with_a_short_lifetime_expires_soon_in_its_second_half(lab: Lab, days: int, state: State) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), Options(validity_days=10))
    lab.clock.now += timedelta(days=days)
    assert slot(lab).state is state


MULTI = pkcs10.pem(node("cucm1-EC-ms.example.com", "example.com", *(each.fqdn for each in CUCM)).der())


def multi(lab: Lab) -> int:
    """A cluster of CUCM and IM and Presence whose multi-server request is signed."""
    made = lab.fleet.create(OPERATOR, "Calls", CUCM)
    [found] = lab.fleet.propose(OPERATOR, made.id, [MULTI], DAYS)
    assert found.is_multi_server
    assert found.node is not None
    place = Placement(MULTI, found.node.id, "tomcat-ECDSA", is_multi_server=True)
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


OWN = pkcs10.pem(node("cucm2-EC.example.com", "example.com", "cucm2.example.com").der())


def states(lab: Lab, cluster_id: int) -> list[State]:
    return [each.state for each in lab.fleet.slots(OPERATOR, cluster_id)]


def test_a_newer_request_of_its_own_takes_a_node_out_of_the_cover(lab: Lab) -> None:
    cluster_id = multi(lab)
    place = Placement(OWN, number(lab, "cucm2.example.com", cluster_id), "tomcat-ECDSA", is_multi_server=False)
    lab.fleet.sign(OPERATOR, cluster_id, [place], DAYS)

    assert slot(lab, "cucm2.example.com", cluster_id).state is State.ISSUED
    assert [each.fqdn for each in slot(lab, "cucm1.example.com", cluster_id).covers] == ["imp1.example.com"]


def test_a_multi_server_request_that_is_not_signed_yet_is_for_all_the_nodes_that_it_names(lab: Lab) -> None:
    made = lab.fleet.create(OPERATOR, "Calls", CUCM)
    place = Placement(MULTI, number(lab, "cucm1.example.com", made.id), "tomcat-ECDSA", is_multi_server=True)
    lab.fleet.place(OPERATOR, made.id, [place], DAYS)

    assert states(lab, made.id) == [State.REQUESTED] * 3
    assert [each.title for each in lab.handover.board(OPERATOR, made.id).runbook.steps] == [
        "Generate the CSR for tomcat-ECDSA on cucm1.example.com"
    ]
    details = dict(lab.handover.board(OPERATOR, made.id).runbook.steps[0].details)
    assert "Multi-server(SAN)" in details["Distribution"]


def test_what_a_node_has_of_its_own_counts_until_the_multi_server_request_is_signed_and_is_history_then(
    lab: Lab,
) -> None:
    made = lab.fleet.create(OPERATOR, "Calls", CUCM)
    own = Placement(OWN, number(lab, "cucm2.example.com", made.id), "tomcat-ECDSA", is_multi_server=False)
    all_of_it = Placement(MULTI, number(lab, "cucm1.example.com", made.id), "tomcat-ECDSA", is_multi_server=True)
    lab.fleet.sign(OPERATOR, made.id, [own], DAYS)
    lab.fleet.place(OPERATOR, made.id, [all_of_it], DAYS)
    assert states(lab, made.id) == [State.REQUESTED, State.ISSUED, State.REQUESTED]

    lab.fleet.sign(OPERATOR, made.id, [all_of_it], DAYS)

    found = slot(lab, "cucm2.example.com", made.id)
    assert found.state is State.COVERED
    assert [(each.is_key_replaced, each.was_uploaded, each.is_replaced) for each in found.past] == [(False,) * 3]
    by = slot(lab, "cucm1.example.com", made.id)
    assert by.certificate is not None
    lab.handover.mark(OPERATOR, made.id, upload_key(by.purpose, by.certificate.serial_number), done=True)
    assert slot(lab, "cucm2.example.com", made.id).past[0].is_replaced


def test_nodes_are_not_covered_any_more_when_the_multi_server_certificate_has_expired(lab: Lab) -> None:
    cluster_id = multi(lab)
    lab.clock.now += timedelta(days=101)

    assert states(lab, cluster_id) == [State.EXPIRED] * 3
    requests = [each.title for each in lab.handover.board(OPERATOR, cluster_id).runbook.steps]
    assert requests == ["Generate the CSR for tomcat-ECDSA on cucm1.example.com"]


def test_a_multi_server_request_for_another_purpose_covers_the_nodes_that_can_have_it(lab: Lab) -> None:
    made = lab.fleet.create(OPERATOR, "Calls", [replace(each, version="14SU2") for each in CUCM])
    place = Placement(MULTI, number(lab, "cucm1.example.com", made.id), "CallManager-ECDSA", is_multi_server=True)
    lab.fleet.sign(OPERATOR, made.id, [place], DAYS)

    assert [
        (each.node.fqdn[:5], each.state) for each in lab.fleet.slots(OPERATOR, made.id) if each.purpose != TOMCAT
    ] == [
        ("cucm1", State.ISSUED),
        ("cucm2", State.COVERED),
    ]
    steps = lab.handover.board(OPERATOR, made.id).runbook.steps
    [upload] = [each for each in steps if each.title.startswith("Upload the certificate")]
    assert upload.commands == ()
    assert any(each.nodes == ("cucm2.example.com",) and "CallManager" in each.title for each in steps)


def test_the_next_step_of_a_subscriber_is_the_upload_of_the_authorities_to_its_publisher(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    publisher, subscriber, social = lab.handover.board(OPERATOR, 1).lines
    assert publisher.next_step == subscriber.next_step
    assert subscriber.next_step is not None
    assert social.next_step is not None
    assert (subscriber.next_step.nodes, social.next_step.nodes) == (("uccx1.example.com",), ("sm1.example.com",))
    assert subscriber.next_step.key.startswith("trust/")

    for kind in ("agents/", "upload/"):
        lab.handover.mark(OPERATOR, 1, subscriber.next_step.key, done=True)
        _, subscriber, _ = lab.handover.board(OPERATOR, 1).lines
        assert subscriber.next_step is not None
        assert subscriber.next_step.key.startswith(kind)


def phase_a(lab: Lab, csrs: Sequence[tuple[str, bytes]]) -> set[str]:
    """The keys of the steps for the authorities, after these CSRs of hosts of a new cluster were signed in turn."""
    made = lab.fleet.create(OPERATOR, f"Calls {len(csrs)}", CUCM)
    for host, data in csrs:
        place = Placement(data, number(lab, f"{host}.example.com", made.id), "tomcat-ECDSA", is_multi_server=False)
        lab.fleet.sign(OPERATOR, made.id, [place], DAYS)
    sections = lab.handover.board(OPERATOR, made.id).runbook.sections
    return {step.key for each in sections if each.title.startswith("A.") for step in each.steps}


def test_what_is_done_for_the_authorities_is_done_for_the_next_certificate_too(lab: Lab) -> None:
    first = [("cucm1", again(host="cucm1")), ("imp1", again(host="imp1"))]
    before = phase_a(lab, first)
    assert {each.split("/")[0] for each in before} == {"trust", "settle", "peers", "agents"}
    assert phase_a(lab, [*first, ("cucm1", again("another key", "cucm1"))]) == before
    assert not phase_a(Lab().initialised(), first) & before  # of another authority


def test_the_next_step_of_a_slot_is_none_of_the_other_purpose(lab: Lab) -> None:
    made = lab.fleet.create(OPERATOR, "Calls", CUCM)
    fqdn = "cucm2.example.com"
    for data, purpose in ((OWN, "tomcat-ECDSA"), (again(host="cucm2"), "CallManager-ECDSA")):
        place = Placement(data, number(lab, fqdn, made.id), purpose, is_multi_server=False)
        lab.fleet.sign(OPERATOR, made.id, [place], DAYS)
    steps = lab.handover.board(OPERATOR, made.id).runbook.steps
    for each in steps:
        if each.is_on(fqdn) and each.purpose in ("", "tomcat-ECDSA", "tomcat-trust"):
            lab.handover.mark(OPERATOR, made.id, each.key, done=True)

    tomcat, callmanager = [each for each in lab.handover.board(OPERATOR, made.id).lines if each.slot.node.fqdn == fqdn]
    assert tomcat.next_step is None
    assert callmanager.next_step is not None
    assert callmanager.next_step.purpose.startswith("CallManager")


def test_a_request_that_is_placed_on_another_node_has_moved_there(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, [placement(lab, SOCIALMINER.data, "uccx2.example.com")], DAYS)
    lab.fleet.sign(OPERATOR, 1, [placement(lab, SOCIALMINER.data, "sm1.example.com")], DAYS)

    assert states(lab, 1) == [State.NO_REQUEST, State.NO_REQUEST, State.ISSUED]


def test_the_files_of_a_slot_are_called_after_its_node_as_the_runbook_says(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, [placement(lab, SOCIALMINER.data, "uccx2.example.com")], DAYS)
    bundle = lab.handover.bundle(OPERATOR, 1)

    assert bundle.uploads[-1].path == "uccx2.example.com/3-uccx2.example.com.tomcat-ECDSA.pem"
    assert {file for step in bundle.steps for file in step.files} <= {
        file.path for file in (*bundle.uploads, *bundle.extras)
    }


def test_another_purpose_has_a_slot_once_there_is_a_request_for_it(lab: Lab) -> None:
    made = lab.fleet.create(OPERATOR, "Calls", CUCM)
    place = Placement(OWN, number(lab, "cucm2.example.com", made.id), "CallManager-ECDSA", is_multi_server=False)
    lab.fleet.sign(OPERATOR, made.id, [place], DAYS)

    assert [(each.purpose.service, each.state) for each in lab.fleet.slots(OPERATOR, made.id)][1:3] == [
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
        found = lab.fit_checks.of_record(record, chain)
        assert found is not None
        return [lab.fit_checks.check(OPERATOR, files).works, found.works]

    assert works() == [True, True]
    lab.clock.now += timedelta(days=101)
    assert works() == [False, False]


def test_a_plain_server_is_no_node_to_fit(lab: Lab) -> None:
    [record] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(profile="server")).certificates

    assert lab.fit_checks.of_record(record, lab.hierarchy.active().chain) is None


def test_what_was_issued_for_the_same_request_as_a_plain_server_is_none_of_the_slot(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    before = slot(lab).certificate
    lab.issuance.issue(OPERATOR, [placements(lab)[0].data], Options(profile="server"))

    assert slot(lab).certificate == before


# Revocation


def test_a_slot_whose_certificate_is_on_hold_says_so_and_a_release_leads_back(lab: Lab) -> None:
    lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS)
    only = Selection(host="uccx1.example.com")

    lab.revocation.revoke(OPERATOR, only, Reason.CERTIFICATE_HOLD)
    assert slot(lab).state is State.REVOKED
    assert slot(lab, "uccx2.example.com").state is State.ISSUED
    delivered = [file.path for file in lab.handover.bundle(OPERATOR, 1).uploads if file.purpose == "tomcat-ECDSA"]
    assert [path.partition("/")[0] for path in delivered] == ["uccx2.example.com", "sm1.example.com"]

    lab.revocation.release(OPERATOR, only)
    assert slot(lab).state is State.ISSUED


def test_the_certificates_of_a_cluster_are_those_that_are_valid_in_its_slots(lab: Lab) -> None:
    with pytest.raises(NotFound) as caught:
        lab.fleet.serial_numbers(OPERATOR, 1)
    assert caught.value.rule == "cluster.no-certificates"

    first = lab.fleet.sign(OPERATOR, 1, placements(lab), DAYS).certificates
    second = lab.fleet.sign(OPERATOR, 1, [placement(lab, again())], DAYS).certificates
    assert set(lab.fleet.serial_numbers(OPERATOR, 1)) == {each.serial_number for each in (*first, *second)}

    lab.clock.now += timedelta(days=101)
    with pytest.raises(NotFound):
        lab.fleet.serial_numbers(OPERATOR, 1)


def test_the_slots_of_several_clusters_are_read_together_as_each_alone(lab: Lab) -> None:
    there = lab.fleet.create(OPERATOR, "Other", [PUBLISHER])
    lab.fleet.sign(OPERATOR, 1, placements(lab), Options())
    other = placement(lab, again(), node_id=there.nodes[0].id)
    lab.fleet.place(OPERATOR, there.id, [other], Options())
    certificate = slot(lab).certificate
    assert certificate
    step = upload_key(TOMCAT, certificate.serial_number)
    lab.fleet.mark(OPERATOR, 1, step, True, {step: "Upload"})

    clusters = lab.fleet.list_clusters(OPERATOR, ClusterQuery()).items
    read = lab.fleet.list_slots(OPERATOR, clusters)

    assert read == tuple(lab.fleet.slots(OPERATOR, cluster.id) for cluster in clusters)
    assert [[each.state for each in slots] for slots in read] == [
        [State.UPLOADED, State.ISSUED, State.ISSUED],
        [State.REQUESTED],
    ]
