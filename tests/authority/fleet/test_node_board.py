"""The driver for people at the pages: which nodes it connects to, and the board that follows a run."""

from __future__ import annotations

import threading
from itertools import chain, repeat
from typing import Final

import pytest
from cryptography import x509

from ca_service import deadline
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.connections import ProbeRules
from ca_service.authority.fleet.node_contact import Contact, Credentials
from ca_service.authority.fleet.node_plan import Kind, Order
from ca_service.authority.fleet.node_run import RUN_SECONDS, Run
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Busy, Interrupted, InvalidInput, Refused, Unreachable
from ca_service.lab.node import LabNode
from ca_service.vos.purposes import get_purpose
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import FixedClock
from tests.support.pkcs10 import pem
from tests.support.requests import node

HOST: Final = "cucm1.example.com"
CREDENTIALS: Final = Credentials("administrator", "lab password")
REQUESTER: Final = actor(Role.REQUESTER)
ORDER: Final = Order()


def with_node(lab: Lab, clock: FixedClock) -> Lab:
    """The same with a cluster of one node that it can reach."""
    lab.node_client.nodes[HOST] = LabNode(HOST, CREDENTIALS.password, now=clock, stopwatch=lambda: 0.0)
    lab.fleet.create(OPERATOR, "Phones", [NodeInput(HOST, "cucm", "15", "publisher")])
    return lab


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """An authority that signs immediately."""
    return with_node(Lab(clock=clock).initialised(), clock)


def contact(lab: Lab, who: Actor = REQUESTER) -> Contact:
    """The contact, after a person has compared the fingerprint."""
    return lab.node_driver.contact(who, HOST).pinned()


def run(lab: Lab, who: Actor = REQUESTER, order: Order = ORDER) -> Run:
    """A run of the whole plan, before its first change."""
    found = contact(lab, who)
    plan = lab.node_driver.plan(who, found, CREDENTIALS, order)
    return lab.node_driver.apply(who, found, CREDENTIALS, order, plan.keys)


def slot(lab: Lab) -> Slot:
    """The slot of the node."""
    (found,) = lab.fleet.slots(OPERATOR, 1)
    return found


def serve(lab: Lab, *ports: int) -> None:
    """Restart the node, and let these ports present what it has."""
    node = lab.node_client.nodes[HOST]
    node.restart()
    _, chain = node.served.ecdsa
    lab.prober.chains |= {(HOST, port): chain for port in ports}


def test_the_board_follows_a_run_change_by_change(lab: Lab) -> None:
    states = [(change.kind, slot(lab).state) for change in run(lab)]
    assert states == [
        (Kind.CSR, State.NO_REQUEST),
        (Kind.SIGN, State.REQUESTED),
        (Kind.TRUST, State.ISSUED),
        (Kind.TRUST, State.ISSUED),
        (Kind.IDENTITY, State.ISSUED),
    ]
    assert slot(lab).state is State.UPLOADED


def test_the_uploads_of_the_authorities_are_marked_as_well(lab: Lab) -> None:
    run(lab).finish()
    board = lab.handover.board(OPERATOR, 1)
    steps = [step for step in board.runbook.steps if step.key in board.marks]
    assert [(step.purpose, step.nodes) for step in steps] == [("tomcat-trust", (HOST,)), ("tomcat-ECDSA", (HOST,))]


def test_a_run_that_ended_before_the_mark_is_followed_by_one_that_marks(lab: Lab) -> None:
    stopped = run(lab)
    for change in stopped:
        if change.kind is Kind.IDENTITY:
            lab.node_client.nodes[HOST].upload_identity(  # as the run would, which then crashes
                "tomcat-ECDSA", [x509.load_der_x509_certificate(slot_der(lab))]
            )
            break
    stopped.close()
    assert slot(lab).state is State.ISSUED
    running = lab.node_driver.apply(REQUESTER, contact(lab), CREDENTIALS, ORDER, ())
    assert running.finish().made == ()
    assert slot(lab).state is State.UPLOADED


def test_a_plan_marks_a_certificate_that_is_installed_and_places_no_csr(lab: Lab) -> None:
    lab.node_client.nodes[HOST].generate_csr("tomcat-ECDSA", "cucm1-EC.example.com", 384)
    assert lab.node_driver.plan(REQUESTER, contact(lab), CREDENTIALS, ORDER).changes
    assert slot(lab).state is State.NO_REQUEST
    run(lab).finish()
    lab.handover.mark(OPERATOR, 1, lab.handover.board(OPERATOR, 1).lines[0].upload_step, done=False)
    assert slot(lab).state is State.ISSUED
    assert lab.node_driver.plan(REQUESTER, contact(lab), CREDENTIALS, ORDER).changes == ()
    assert slot(lab).state is State.UPLOADED


def reinstall(lab: Lab) -> None:
    """Install the node again: it has new keys."""
    lab.node_client.nodes[HOST] = LabNode(HOST, CREDENTIALS.password, now=lab.clock, stopwatch=lambda: 0.0)


def test_a_plan_takes_back_what_was_proven_on_a_node_that_was_installed_again(lab: Lab) -> None:
    run(lab).finish()
    serve(lab, 8443)
    list(lab.probes.probe_node(REQUESTER, HOST))
    lab.node_driver.plan(REQUESTER, contact(lab), CREDENTIALS, ORDER)
    assert slot(lab).state is State.VERIFIED
    reinstall(lab)
    lab.node_driver.plan(REQUESTER, contact(lab), CREDENTIALS, ORDER)
    assert slot(lab).state is State.ISSUED
    run(lab).finish()
    assert slot(lab).state is State.UPLOADED


def test_a_plan_leaves_a_slot_alone_that_a_multi_server_certificate_covers(lab: Lab) -> None:
    run(lab).finish()
    added = lab.fleet.add_node(OPERATOR, 1, NodeInput("cucm2.example.com", "cucm", "15", "subscriber"))
    asked = pem(node("cucm2-EC-ms.example.com", HOST, "cucm2.example.com").der())
    lab.fleet.sign(OPERATOR, 1, [Placement(asked, added.id, "tomcat-ECDSA", True)], Options())
    assert lab.fleet.slots(OPERATOR, 1)[0].covered_by
    reinstall(lab)
    assert lab.node_driver.plan(REQUESTER, contact(lab), CREDENTIALS, ORDER).changes


def slot_der(lab: Lab) -> bytes:
    """The certificate of the slot."""
    found = slot(lab).certificate
    assert found is not None
    return found.der


def test_a_csr_that_waits_is_shown_as_waiting(clock: FixedClock) -> None:
    lab = with_node(Lab(clock=clock, rules=()).initialised(), clock)
    ended = run(lab).finish()
    assert [each.id for each in ended.waiting] == [1]
    assert slot(lab).state is State.WAITING


def test_a_purpose_that_the_product_does_not_have_is_refused_before_anything_is_sent(lab: Lab) -> None:
    with pytest.raises(Refused) as error:
        lab.node_driver.plan(REQUESTER, contact(lab), CREDENTIALS, Order(get_purpose("cup-ECDSA")))
    assert error.value.rule == "slot.purpose"
    assert lab.node_client.opened == {}


def test_a_probe_of_the_node_verifies_its_slot(lab: Lab) -> None:
    run(lab).finish()
    serve(lab, 8443)
    list(lab.probes.probe_node(REQUESTER, HOST))
    assert slot(lab).state is State.VERIFIED


def test_a_port_that_a_person_named_counts_as_one_of_the_product(lab: Lab) -> None:
    run(lab).finish()
    serve(lab, 10443)
    list(lab.probes.probe_node(REQUESTER, HOST))
    assert slot(lab).state is State.UPLOADED
    list(lab.probes.probe_node(REQUESTER, HOST, [10443]))
    assert slot(lab).state is State.VERIFIED


def test_another_certificate_on_a_port_takes_the_proof_away(lab: Lab) -> None:
    run(lab).finish()
    before, _ = lab.node_client.nodes[HOST].served.ecdsa
    serve(lab, 8443)
    list(lab.probes.probe_node(REQUESTER, HOST))
    lab.prober.chains[HOST, 8443] = (before.certificate,)
    list(lab.probes.probe_node(REQUESTER, HOST))
    assert slot(lab).state is State.UPLOADED


def test_people_reach_nodes_of_clusters_and_hosts_with_a_certificate_from_here_alone(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as error:
        lab.node_driver.contact(REQUESTER, "router.example.org")
    assert error.value.rule == "probe.host"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1"])
def test_people_do_not_reach_this_machine_and_its_links_through_a_name(lab: Lab, address: str) -> None:
    lab.prober.addresses = {HOST: (address,)}
    with pytest.raises(InvalidInput) as error:
        lab.node_driver.contact(REQUESTER, HOST)
    assert error.value.rule == "probe.address"
    lab.probes._connections._rules = ProbeRules(networks=("127.0.0.0/8", "169.254.0.0/16", "::1/128"))
    assert lab.node_driver.contact(REQUESTER, HOST).place.address == address


def test_people_do_not_reach_the_api_of_this_machine_at_an_address_of_its_network(lab: Lab) -> None:
    lab.prober.own = ("192.0.2.7",)
    with pytest.raises(InvalidInput) as error:
        lab.node_driver.contact(REQUESTER, HOST)
    assert error.value.rule == "probe.address"
    assert lab.node_driver.contact(OPERATOR, HOST).place.address == "192.0.2.7"
    lab.probes._connections._rules = ProbeRules(networks=("192.0.2.7/32",))
    assert lab.node_driver.contact(REQUESTER, HOST).place.address == "192.0.2.7"


def test_people_reach_the_api_on_its_ports_alone(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as error:
        lab.node_driver.contact(REQUESTER, f"{HOST}:5432")
    assert error.value.rule == "node.port"
    for port in (443, 8443):
        assert lab.node_driver.contact(REQUESTER, f"{HOST}:{port}").place.port == port
    assert lab.node_driver.contact(OPERATOR, f"{HOST}:5432").place.port == 5432
    lab.probes._connections._rules = ProbeRules(api_ports=(9443, 443))
    with pytest.raises(InvalidInput, match="Use one of these: 9443, 443"):
        lab.node_driver.contact(REQUESTER, f"{HOST}:8443")
    lab.probes._connections._rules = ProbeRules(api_ports=())
    assert lab.node_driver.contact(REQUESTER, f"{HOST}:5432").place.port == 5432


def test_a_run_has_a_turn_until_it_ends_or_is_closed(lab: Lab) -> None:
    found, running = contact(lab), run(lab)
    for attempt in (
        lambda: lab.node_driver.contact(REQUESTER, HOST),
        lambda: lab.node_driver.plan(REQUESTER, found, CREDENTIALS, ORDER),
        lambda: lab.node_driver.apply(REQUESTER, found, CREDENTIALS, ORDER, ()),
        lambda: list(lab.probes.probe(REQUESTER, [HOST])),
    ):
        with pytest.raises(Busy):
            attempt()
    running.close()
    run(lab).finish()
    assert lab.node_driver.contact(REQUESTER, HOST)


def test_the_job_gives_up_while_a_run_has_the_turn(lab: Lab) -> None:
    run(lab).finish()
    running = run(lab)
    lab.probes._connections._job_seconds = 0.0
    assert lab.probes.probe_all() == 0
    running.close()
    assert lab.probes.probe_all() > 0


def test_a_node_has_one_run_at_a_time(lab: Lab) -> None:
    lab.probes._connections._turns = threading.BoundedSemaphore(2)
    found, running = contact(lab), run(lab)
    for _ in range(2):
        with pytest.raises(Busy) as error:
            lab.node_driver.plan(REQUESTER, found, CREDENTIALS, ORDER)
        assert error.value.rule == "node.busy"
    running.close()
    assert lab.node_driver.plan(REQUESTER, found, CREDENTIALS, ORDER).changes


@pytest.mark.parametrize(("late", "calls"), [(3, {}), (4, {"csr": 1}), (5, {"csr": 1})])
def test_a_run_that_takes_too_long_ends_between_its_changes(lab: Lab, late: int, calls: dict[str, int]) -> None:
    times = chain([0.0] * (late - 1), repeat(RUN_SECONDS))
    lab.node_driver._stopwatch = lambda: next(times)
    with pytest.raises(Unreachable) as error:
        run(lab).finish()
    assert error.value.rule == "node.time"
    assert lab.node_client.nodes[HOST].calls == calls
    lab.node_driver._stopwatch = lambda: 0.0
    assert run(lab).finish().made


def test_a_closed_run_makes_no_further_change(lab: Lab) -> None:
    running = run(lab)
    changes = iter(running)
    next(changes)
    running.close()
    assert list(changes) == []
    assert lab.node_client.nodes[HOST].calls == {}


def test_what_is_stored_has_time_of_its_own_however_long_the_node_takes(lab: Lab) -> None:
    left, find = list[int](), lab.node_driver._planner.find_good

    def finding(certificate: x509.Certificate) -> CertificateRecord | None:
        left.append(deadline.statement_seconds(0))
        return find(certificate)

    lab.node_driver._planner.find_good = finding  # type: ignore[method-assign]
    with deadline.limited(0.0):
        run(lab).finish()
    assert min(left) > 20


def test_a_database_that_is_busy_in_the_middle_of_a_run_is_told_as_such(lab: Lab) -> None:
    changes = iter(run(lab))
    next(changes)

    def busy(event: AuditEvent) -> None:  # noqa: ARG001 - as in the port
        raise deadline.busy()

    lab.node_driver._events.add_event = busy  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        next(changes)
    assert lab.node_client.nodes[HOST].calls == {}
