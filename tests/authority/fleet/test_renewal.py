"""Renewal: the same key again for a plain server, a new CSR for a node."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from ca_service.authority.access.permissions import Role
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.issuance.examination import Options, Policy
from ca_service.errors import Conflict, NotAllowed, NotFound, Refused
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fleet import PUBLISHER
from tests.support.requests import BLANK_PARENT_DOMAIN, SOCIALMINER, UCCX_PUBLISHER, Request


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """An authority."""
    return lab.initialised()


def issue(lab: Lab, request: Request = SOCIALMINER, **options: object) -> CertificateRecord:
    """A certificate of a plain server, unless another profile is named."""
    chosen = Options(**{"profile": "server", **options})  # type: ignore[arg-type]
    return lab.issuance.issue(OPERATOR, [request.data], chosen).certificates[0]


def renew(lab: Lab, record: CertificateRecord, **options: object) -> CertificateRecord:
    """The certificate that follows it."""
    asked = RenewalOptions(**options)  # type: ignore[arg-type]
    return lab.renewal.renew(OPERATOR, record.serial_number, asked).certificates[0]


def test_a_plain_server_keeps_key_names_and_profile_and_begins_anew(lab: Lab) -> None:
    old = issue(lab, validity_days=90)
    lab.clock.advance(days=80)

    new = renew(lab, old)

    assert new.serial_number != old.serial_number
    kept = ("key_fingerprint", "request_fingerprint", "profile", "host", "names", "subject")
    assert [getattr(new, name) for name in kept] == [getattr(old, name) for name in kept]
    assert new.not_after - new.not_before == old.not_after - old.not_before == timedelta(days=90, seconds=-1)
    assert new.not_before > old.not_before


def test_a_certificate_that_has_ended_can_be_renewed(lab: Lab) -> None:
    old = issue(lab, validity_days=1)
    lab.clock.advance(days=30)

    assert renew(lab, old).not_after > lab.clock()


def test_another_lifetime_can_be_asked_for(lab: Lab) -> None:
    assert (renew(lab, issue(lab), validity_days=10).not_after - lab.clock()).days == 9


def test_a_lifetime_that_is_not_granted_any_more_becomes_the_longest_that_is(lab: Lab) -> None:
    old = issue(lab, validity_days=800)
    strict = Lab(
        clock=lab.clock, issuers=lab.issuers, keystore=lab.keystore, ledger=lab.ledger, policy=Policy(90, max_days=100)
    )

    new = renew(strict, old)

    assert new.not_after - new.not_before == timedelta(days=100, seconds=-1)


def test_a_lifetime_out_of_range_is_refused_as_for_any_request(lab: Lab) -> None:
    with pytest.raises(Refused) as refused:
        renew(lab, issue(lab), validity_days=0)
    assert refused.value.rule == "validity.range"


def test_a_host_name_that_was_added_is_added_again(lab: Lab) -> None:
    old = issue(lab, BLANK_PARENT_DOMAIN, add_host_name=True)

    leaf = x509.load_der_x509_certificate(renew(lab, old).der)

    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [f"DNS:{name}" for name in names.get_values_for_type(x509.DNSName)] == list(old.names)


def test_what_was_followed_already_is_renewed_only_if_one_more_is_wanted(lab: Lab) -> None:
    old = issue(lab)
    new = renew(lab, old)

    with pytest.raises(Conflict, match=new.serial_number) as refused:
        renew(lab, old)

    assert refused.value.rule == "renewal.followed"
    assert renew(lab, old, new=True).serial_number not in (old.serial_number, new.serial_number)


def test_a_repeated_submission_gets_the_same_answer(lab: Lab) -> None:
    old = issue(lab)
    first, second = (
        lab.renewal.renew(OPERATOR, old.serial_number, RenewalOptions(), idempotency_key="once") for _ in range(2)
    )

    assert first.certificates == second.certificates


def test_a_node_needs_a_new_request_and_is_told_why_and_where(lab: Lab) -> None:
    old = issue(lab, UCCX_PUBLISHER, profile="vos")

    with pytest.raises(Refused, match=r"deletes its CSR.*new CSR on uccx1\.example\.com, purpose") as refused:
        renew(lab, old)

    assert refused.value.rule == "renewal.node"
    assert len(lab.ledger.list_by_requests([old.request_fingerprint])) == 1


def test_a_certificate_that_was_never_uploaded_can_be_renewed_for_a_node(lab: Lab) -> None:
    old = issue(lab, UCCX_PUBLISHER, profile="vos")

    assert renew(lab, old, never_uploaded=True).key_fingerprint == old.key_fingerprint


def test_a_serial_number_that_there_is_not_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.renewal.renew(OPERATOR, "00", RenewalOptions())


def test_who_may_not_issue_may_not_renew(lab: Lab) -> None:
    old = issue(lab)
    with pytest.raises(NotAllowed):
        lab.renewal.renew(actor(Role.AUDITOR), old.serial_number, RenewalOptions())


def test_the_plan_of_a_plain_server_is_to_renew(lab: Lab) -> None:
    old = issue(lab)

    plan = lab.renewal.plan(OPERATOR, old.serial_number)

    assert (plan.keeps_key, plan.is_due, plan.successor, plan.step) == (True, False, None, None)
    lab.clock.advance(days=368)
    assert lab.renewal.plan(OPERATOR, old.serial_number).is_due
    new = renew(lab, old)
    assert lab.renewal.plan(OPERATOR, old.serial_number).successor == new.serial_number


def test_the_plan_of_a_node_is_the_step_that_makes_a_new_request(lab: Lab) -> None:
    old = issue(lab, UCCX_PUBLISHER, profile="vos")

    plan = lab.renewal.plan(OPERATOR, old.serial_number)

    assert not plan.keeps_key
    assert plan.place is None
    assert plan.step
    assert plan.step.title == "Generate the CSR for tomcat-ECDSA on uccx1.example.com"


def test_the_plan_of_a_node_in_a_cluster_knows_its_place_and_purpose(lab: Lab) -> None:
    cluster = lab.fleet.create(OPERATOR, "Lab", [PUBLISHER])
    [node] = cluster.nodes
    lab.fleet.place(OPERATOR, cluster.id, [Placement(UCCX_PUBLISHER.data, node.id, "tomcat-ECDSA", False)], Options())
    old = issue(lab, UCCX_PUBLISHER, profile="vos")

    plan = lab.renewal.plan(OPERATOR, old.serial_number)

    assert plan.place
    assert (plan.place.cluster_id, plan.place.node, plan.place.purpose.service) == (cluster.id, node, "tomcat-ECDSA")
    assert plan.step
    assert "set csr gen tomcat-ECDSA" in plan.step.commands
    with pytest.raises(Refused, match=r"new CSR on uccx1\.example\.com, purpose tomcat-ECDSA"):
        renew(lab, old)
