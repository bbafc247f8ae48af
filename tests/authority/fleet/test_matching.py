"""Placement by what CSRs say: names choose the node, file names the purpose, and what is unclear is refused."""

from __future__ import annotations

import pytest

from ca_service.authority.fleet.matching import match, unsigned
from ca_service.authority.fleet.states import State
from ca_service.authority.issuance.examination import Options
from ca_service.errors import InvalidInput, NotFound, Refused, Severity
from tests.support.factories import OPERATOR, Lab
from tests.support.fleet import CONTACT_CENTRE, PUBLISHER
from tests.support.requests import CUCM_MULTI, THREE_NODES, UCCX_PUBLISHER

REQUESTS = [each.data for each in THREE_NODES]
OPTIONS = Options()


@pytest.fixture
def lab() -> Lab:
    """An authority with a cluster: number 1."""
    lab = Lab().initialised()
    lab.fleet.create(OPERATOR, "Lab", CONTACT_CENTRE)
    return lab


def states(lab: Lab) -> dict[str, State]:
    return {slot.node.fqdn: slot.state for slot in lab.fleet.slots(OPERATOR, 1)}


def test_each_csr_finds_its_node_by_its_names_and_nothing_is_stored(lab: Lab) -> None:
    found = match(lab.fleet, OPERATOR, 1, REQUESTS, OPTIONS)
    nodes = {node.id: node.fqdn for node in lab.fleet.get_cluster(OPERATOR, 1).nodes}
    assert [nodes[each.placement.node_id] for each in found] == [f"{each.name}.example.com" for each in THREE_NODES]
    assert {each.placement.purpose for each in found} == {"tomcat-ECDSA"}
    assert set(states(lab).values()) == {State.NO_REQUEST}


def test_a_csr_without_a_node_is_refused_when_it_is_placed(lab: Lab) -> None:
    (found,) = match(lab.fleet, OPERATOR, 1, [CUCM_MULTI.data], OPTIONS)
    with pytest.raises(Refused) as caught:
        lab.fleet.place(OPERATOR, 1, [found.placement], OPTIONS)
    assert caught.value.rule == "node.unmatched"


def test_a_named_node_wins_over_the_names_in_the_csr(lab: Lab) -> None:
    (found,) = match(lab.fleet, OPERATOR, 1, [UCCX_PUBLISHER.data], OPTIONS, node="UCCX2.example.com.")
    (node,) = [each for each in lab.fleet.get_cluster(OPERATOR, 1).nodes if each.fqdn == "uccx2.example.com"]
    assert found.placement.node_id == node.id
    assert found.proposal.why == "as given"
    [warning] = found.proposal.findings
    assert (warning.rule, warning.severity) == ("slot.other-node", Severity.WARNING)
    assert "from uccx1.example.com, by its names. The chosen node is uccx2.example.com" in warning.detail
    (own,) = match(lab.fleet, OPERATOR, 1, [UCCX_PUBLISHER.data], OPTIONS, node="uccx1.example.com")
    assert own.proposal.findings == ()


def test_a_node_that_is_not_in_the_cluster_is_refused(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as caught:
        match(lab.fleet, OPERATOR, 1, [UCCX_PUBLISHER.data], OPTIONS, node="uccx9.example.com")
    (finding,) = caught.value.findings
    assert (finding.rule, finding.pointer) == ("node.unknown", "/node")


def test_the_name_of_a_file_chooses_the_purpose(lab: Lab) -> None:
    named = ["CallManager-ECDSA.csr", "uccx1.csr"]
    found = match(lab.fleet, OPERATOR, 1, [UCCX_PUBLISHER.data] * 2, OPTIONS, names=named)
    assert [each.placement.purpose for each in found] == ["CallManager-ECDSA", "tomcat-ECDSA"]


def test_the_csrs_in_slots_are_unsigned_until_they_have_a_certificate(lab: Lab) -> None:
    placements = [each.placement for each in match(lab.fleet, OPERATOR, 1, REQUESTS, OPTIONS)]
    lab.fleet.place(OPERATOR, 1, placements, OPTIONS)
    kept = unsigned(lab.fleet, OPERATOR, 1, OPTIONS)
    assert {each.placement.node_id for each in kept} == {each.node_id for each in placements}
    assert [each.proposal.findings for each in kept] == [()] * 3
    lab.fleet.sign(OPERATOR, 1, [each.placement for each in kept], OPTIONS)
    assert set(states(lab).values()) == {State.ISSUED}
    with pytest.raises(NotFound) as caught:
        unsigned(lab.fleet, OPERATOR, 1, OPTIONS)
    assert caught.value.rule == "cluster.all-signed"


def test_a_cluster_is_found_by_number_or_name(lab: Lab) -> None:
    lab.fleet.create(OPERATOR, "2026", [PUBLISHER])
    assert lab.fleet.get_named(OPERATOR, "1").name == "Lab"
    assert lab.fleet.get_named(OPERATOR, " lab ").id == 1


@pytest.mark.parametrize("text", ["2026", "Other", "0", "-1", "9" * 30, "\u0661", ""])
def test_digits_are_a_number_and_what_is_neither_number_nor_name_is_not_found(lab: Lab, text: str) -> None:
    lab.fleet.create(OPERATOR, "2026", [PUBLISHER])
    with pytest.raises(NotFound):
        lab.fleet.get_named(OPERATOR, text)


def test_another_profile_has_no_place_in_a_cluster(lab: Lab) -> None:
    (found,) = match(lab.fleet, OPERATOR, 1, [UCCX_PUBLISHER.data], OPTIONS)
    for act in (lab.fleet.place, lab.fleet.sign):
        with pytest.raises(InvalidInput) as caught:
            act(OPERATOR, 1, [found.placement], Options("server"))
        assert caught.value.rule == "cluster.profile"
    assert set(states(lab).values()) == {State.NO_REQUEST}
