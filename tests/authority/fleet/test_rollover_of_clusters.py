"""Clusters whose nodes change, one by one, from an intermediate to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.fleet.handover import Board
from ca_service.authority.fleet.node_plan import Order
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.states import State
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Conflict
from ca_service.pki.reasons import Reason
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support import pkcs10
from tests.support.factories import OPERATOR, PLAN, Lab
from tests.support.fakes import FixedClock
from tests.support.fleet import CONTACT_CENTRE
from tests.support.requests import THREE_NODES, key, node

HOSTS = [each.fqdn for each in CONTACT_CENTRE]


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """A cluster of three nodes that have their certificates: everything is done."""
    lab = Lab(clock=clock).initialised()
    lab.fleet.create(OPERATOR, "Centre", CONTACT_CENTRE)
    sign(lab, [(each.data, f"{each.name}.example.com") for each in THREE_NODES])
    for step in lab.handover.board(OPERATOR, 1).runbook.steps:
        lab.handover.mark(OPERATOR, 1, step.key, done=True)
    return lab


def sign(lab: Lab, csrs: Sequence[tuple[bytes, str]], days: int | None = None) -> None:
    """Place the CSRs on their nodes and sign them."""
    nodes = {each.fqdn: each.id for each in lab.fleet.get_cluster(OPERATOR, 1).nodes}
    placements = [Placement(data, nodes[host], TOMCAT_ECDSA.service, is_multi_server=False) for data, host in csrs]
    lab.fleet.sign(OPERATOR, 1, placements, Options(validity_days=days))


def another(host: str, name: str = "another") -> bytes:
    """A new CSR of this node."""
    made = node(f"{host.partition('.')[0]}-EC.example.com", "example.com", host)
    return pkcs10.pem(replace(made, key=key(name, ec.SECP384R1)).der())


def board(lab: Lab) -> Board:
    """The board as pages show it."""
    return lab.handover.board_with_notes(OPERATOR, 1)


def states(lab: Lab) -> list[State]:
    """The states of its slots."""
    return [line.slot.state for line in board(lab).lines]


def left(lab: Lab) -> list[str]:
    """The kinds of steps that are left."""
    found = board(lab)
    return [step.key.partition("/")[0] for step in found.runbook.steps if step.key not in found.marks]


def uploads(lab: Lab) -> list[str]:
    """The paths of the certificates in the bundle, in the order of upload."""
    return [file.path for file in lab.handover.bundle(OPERATOR, 1).uploads]


def test_a_rollover_alone_leaves_nothing_to_do(lab: Lab) -> None:
    lab.rollover.perform(OPERATOR, PLAN)
    assert left(lab) == []
    assert states(lab) == [State.VERIFIED] * 3
    assert uploads(lab)[:2] == ["1-root.tomcat-trust.pem", "2-intermediate.tomcat-trust.pem"]
    assert uploads(lab)[2].startswith("uccx1.example.com/3-")


def test_a_node_that_never_presents_a_certificate_asks_for_no_intermediate(lab: Lab) -> None:
    never = NodeInput("uccx9.example.com", "uccx", "12.5", "subscriber")
    lab.fleet.add_node(OPERATOR, 1, never)
    lab.rollover.perform(OPERATOR, PLAN)
    assert board(lab).lines[-1].is_never_presented
    assert board(lab).issuers == ("intermediate-g1",)


def test_the_first_certificate_of_the_next_intermediate_asks_for_its_upload(lab: Lab) -> None:
    lab.rollover.perform(OPERATOR, PLAN)
    sign(lab, [(another(HOSTS[0]), HOSTS[0])])
    assert {"trust", "upload"} <= set(left(lab))
    assert "agents" not in left(lab)  # clients trust the root already
    trust = next(step for step in board(lab).runbook.steps if step.key.startswith("trust/"))
    assert [path.rpartition("/")[2] for path in trust.files] == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "3-intermediate.tomcat-trust.pem",
    ]
    assert board(lab).lines[0].next_step == trust


def test_bundle_and_runbook_call_the_files_the_same_and_both_intermediates_are_there(lab: Lab) -> None:
    lab.rollover.perform(OPERATOR, PLAN)
    sign(lab, [(another(HOSTS[0]), HOSTS[0])])
    files = lab.handover.files(OPERATOR, 1)
    bundle = {file.path: file.data for file in lab.handover.bundle(OPERATOR, 1).uploads}
    assert bundle.items() <= files.items()
    found = [x509.load_pem_x509_certificate(bundle[path]) for path in sorted(bundle) if "/" not in path]
    assert [each.subject.rfc4514_string().partition(",")[0][-2:] for each in found] == ["G1", "G1", "G2"]
    for step in board(lab).runbook.steps:
        assert set(step.files) <= files.keys()


def test_before_a_certificate_ends_the_board_asks_for_the_intermediate_that_signs_the_next(
    lab: Lab, clock: FixedClock
) -> None:
    lab.rollover.perform(OPERATOR, PLAN)
    clock.now += timedelta(days=380)
    assert states(lab) == [State.EXPIRING] * 3
    assert "trust" in left(lab)
    assert board(lab).issuers == ("intermediate-g1", "intermediate-g2")


def test_below_a_revoked_intermediate_every_certificate_is_revoked_and_nothing_is_delivered(lab: Lab) -> None:
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    assert states(lab) == [State.REVOKED] * 3
    assert not board(lab).has_bundle
    for deliver in (lab.handover.bundle, lab.handover.files):
        with pytest.raises(Conflict) as caught:
            deliver(OPERATOR, 1)
        assert caught.value.rule == "authority.not-trusted"


def test_after_a_revocation_nodes_get_the_certificates_of_the_next_one_by_one(lab: Lab) -> None:
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    lab.rollover.perform(OPERATOR, PLAN)
    sign(lab, [(another(HOSTS[0]), HOSTS[0])])
    assert states(lab) == [State.ISSUED, State.REVOKED, State.REVOKED]
    assert board(lab).has_bundle
    assert uploads(lab) == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem",
    ]
    authorities = lab.handover.bundle(OPERATOR, 1).uploads[1].certificate
    assert authorities == lab.hierarchy.active().chain[0]


def test_lines_for_a_node_below_a_revoked_intermediate_begin_with_a_csr_once_another_can_sign_it(lab: Lab) -> None:
    assert "import" in _commands(lab)
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    with pytest.raises(Conflict) as caught:
        _commands(lab)
    assert caught.value.rule == "authority.not-trusted"
    lab.rollover.perform(OPERATOR, PLAN)
    assert "set csr gen tomcat-ECDSA" in _commands(lab)
    assert "import" not in _commands(lab)


def _commands(lab: Lab) -> str:
    steps = lab.node_commands.lines(OPERATOR, HOSTS[0], Order())
    return "\n".join(command for step in steps for command in step.commands)
