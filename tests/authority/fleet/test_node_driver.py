"""The driver on emulated nodes: what it plans, what it changes, and what a run leaves that is cut anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.fleet.node_contact import Contact, Credentials, Unanswered, Unprivileged, Warrant
from ca_service.authority.fleet.node_plan import Kind, Order, Plan, Stage
from ca_service.authority.fleet.node_run import Applied
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.documents.nodes import NodePlanDocument
from ca_service.errors import CAServiceError, Conflict, NotAllowed, Refused, TooManyAttempts, Unreachable, only_errors
from ca_service.lab import materials
from ca_service.lab.node import LabNode, NodeRefusal
from ca_service.nodes.wire import NODE_UNREACHABLE
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support.factories import OPERATOR, PLAN, Lab, actor
from tests.support.fakes import FixedClock
from tests.support.nodes import Killed, nothing

HOST: Final = "cucm1.example.com"
PASSWORD: Final = "lab password"
CREDENTIALS: Final = Credentials("administrator", PASSWORD)
CLUSTER: Final = (
    NodeInput(HOST, "cucm", "15", "publisher"),
    NodeInput("cucm2.example.com", "cucm", "15", "subscriber"),
)
ALL: Final = (Kind.CSR, Kind.SIGN, Kind.TRUST, Kind.TRUST, Kind.IDENTITY)


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """An authority that signs."""
    return Lab(clock=clock).initialised()


@pytest.fixture
def node(lab: Lab) -> LabNode:
    """A node that it can reach."""
    found = LabNode(HOST, PASSWORD, now=lab.clock, stopwatch=lambda: 0.0)
    lab.node_client.nodes[HOST] = found
    return found


def contact_of(lab: Lab, node: LabNode) -> Contact:
    """The contact, with the fingerprint that a person has compared."""
    fingerprint = encodings.fingerprint(node.served.ecdsa[0].certificate)
    return lab.node_driver.contact(OPERATOR, HOST, fingerprint)


def planned(lab: Lab, node: LabNode, order: Order = Order()) -> Plan:  # noqa: B008 - it is frozen
    """The plan for the node."""
    return lab.node_driver.plan(OPERATOR, contact_of(lab, node), CREDENTIALS, order)


def applied(lab: Lab, node: LabNode, order: Order = Order(), who: Actor = OPERATOR) -> Applied:  # noqa: B008 - frozen
    """A whole run, with the plan confirmed as it is."""
    contact = contact_of(lab, node)
    plan = lab.node_driver.plan(who, contact, CREDENTIALS, order)
    return lab.node_driver.apply(who, contact, CREDENTIALS, order, plan.keys).finish()


def rules(plan: Plan) -> list[str]:
    """The rules of its findings."""
    return [each.rule for each in plan.findings]


def installed(node: LabNode) -> x509.Certificate:
    """The certificate that the node has for tomcat-ECDSA."""
    rows = node.snapshot()["identities"]
    return x509.load_pem_x509_certificate(
        next(r for r in rows if r["service"] == "tomcat-ECDSA")["certificate"].encode()
    )


def kinds(plan: Plan) -> tuple[Kind, ...]:
    """The kinds of its changes."""
    return tuple(change.kind for change in plan.changes)


def sign_ins(lab: Lab) -> list[str]:
    """The events that are stored with a wait, oldest first."""
    return [each.event for each in lab.edges.attempts.events]  # type: ignore[attr-defined]


def events(lab: Lab) -> list[str]:
    """The other events about nodes, oldest first."""
    found = lab.audit_log.list_events(OPERATOR, EventQuery(limit=100)).items
    return [each.event for each in reversed(found) if each.event.startswith("node.")]


def test_the_plan_of_a_new_node_has_all_changes_and_makes_none(lab: Lab, node: LabNode) -> None:
    plan = planned(lab, node)
    assert (plan.stage, kinds(plan), rules(plan)) == (Stage.NO_CSR, ALL, ["node.options"])
    assert plan.common_name == "cucm1-EC.example.com"
    assert node.calls == {}
    assert (sign_ins(lab), events(lab)) == ([Event.NODE_SIGN_IN_TRIED], [])


def test_the_plan_of_a_csr_shows_what_the_api_offers_beside_what_is_asked(lab: Lab, node: LabNode) -> None:
    [note] = [each for each in planned(lab, node).findings if each.rule == "node.options"]
    assert '"distributions": ["this-server"]' in note.detail
    assert '"distribution": "this-server"' in note.remedy
    assert not note.is_error
    applied(lab, node)
    assert rules(planned(lab, node)) == []


@pytest.mark.parametrize("error", [Refused, Unprivileged, Unanswered])
def test_a_node_that_does_not_say_what_its_api_offers_has_a_plan_and_only_an_answer_ends_the_wait(
    lab: Lab, node: LabNode, error: type[CAServiceError]
) -> None:
    def fail(name: str) -> None:
        if name == "before options":
            raise error.because(NODE_UNREACHABLE, host=HOST, port=443, reason="closed")

    lab.node_client.hook = fail
    assert rules(planned(lab, node)) == []
    lab.node_client.hook = nothing
    if error is not Unanswered:
        assert applied(lab, node).plan.stage is Stage.INSTALLED
    else:
        with pytest.raises(TooManyAttempts):
            planned(lab, node)


def test_what_cisco_does_not_document_is_marked_in_the_plan(lab: Lab, node: LabNode) -> None:
    marked = [change.kind for change in planned(lab, node).changes if not change.is_confirmed]
    assert marked == [Kind.CSR, Kind.IDENTITY]


def test_a_run_brings_a_certificate_of_this_authority_to_the_node(lab: Lab, node: LabNode) -> None:
    found = applied(lab, node)
    assert (found.plan.stage, tuple(each.kind for each in found.made)) == (Stage.INSTALLED, ALL)
    assert found.plan.certificate is not None
    assert encodings.der(installed(node)) == found.plan.certificate.der
    assert node.calls == {"csr": 1, "trust": 2, "identity": 1}


def test_each_call_that_changes_the_node_has_an_event(lab: Lab, node: LabNode) -> None:
    applied(lab, node)
    assert sign_ins(lab) == [Event.NODE_SIGN_IN_TRIED] * 2  # plan and run
    expected = [Event.NODE_CSR_ORDERED, Event.NODE_TRUST_SENT, Event.NODE_TRUST_SENT, Event.NODE_IDENTITY_SENT]
    assert events(lab) == [each.value for each in expected]


def test_no_event_and_no_value_contains_the_password(lab: Lab, node: LabNode) -> None:
    applied(lab, node)
    assert PASSWORD not in str(lab.audit_log.list_events(OPERATOR, EventQuery(limit=100)).items)
    assert PASSWORD not in repr(CREDENTIALS)


def test_the_root_is_sent_before_the_intermediate(lab: Lab, node: LabNode) -> None:
    sent = [change.certificate for change in planned(lab, node).changes if change.kind is Kind.TRUST]
    assert sent == list(reversed(lab.hierarchy.active().chain))


def test_a_second_run_changes_nothing(lab: Lab, node: LabNode) -> None:
    applied(lab, node)
    again = applied(lab, node)
    assert (again.plan.stage, again.made) == (Stage.INSTALLED, ())
    assert node.calls == {"csr": 1, "trust": 2, "identity": 1}


CUTS: Final = [f"{when} {call}" for call in ("csr", "trust", "identity") for when in ("before", "after")]


@pytest.mark.parametrize("cut", [*CUTS, *(f"after read {number}" for number in range(1, 7))])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next_one(
    lab: Lab, node: LabNode, clock: FixedClock, cut: str
) -> None:
    contact, plan = contact_of(lab, node), planned(lab, node)
    lab.node_client.hook = killing(cut)
    with pytest.raises(Killed):
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys).finish()
    lab.node_client.hook = nothing

    clock.advance(minutes=5)  # the lease has ended, and the wait of a password without an answer
    assert applied(lab, node).plan.stage is Stage.INSTALLED
    assert node.calls == {"csr": 1, "trust": 2, "identity": 1}
    issued = lab.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    assert len(issued) == 1


def test_a_node_that_keeps_its_csr_after_the_upload_gets_its_certificate_once(
    lab: Lab, node: LabNode, clock: FixedClock
) -> None:
    kept, killed = dict[str, materials.Pending](), killing("after identity")

    def keeping(name: str) -> None:
        if name == "before identity":
            kept.update(node._pending)
        if name == "after identity":
            node._pending.update(kept)
        killed(name)

    contact, plan = contact_of(lab, node), planned(lab, node)
    lab.node_client.hook = keeping
    with pytest.raises(Killed):
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys).finish()
    lab.node_client.hook = nothing

    clock.advance(minutes=5)
    assert node.find_csr("tomcat-ECDSA")
    assert applied(lab, node).made == ()
    assert node.calls == {"csr": 1, "trust": 2, "identity": 1}


def killing(cut: str) -> Callable[[str], None]:
    """A hook that ends the process at this moment: `after read 3` is after the third one."""
    words = cut.split()
    moment, number = " ".join(words[:2]), int(words[2]) if len(words) > 2 else 1
    seen = list[str]()

    def hook(name: str) -> None:
        seen.append(name)
        if seen.count(moment) == number:
            raise Killed

    return hook


def test_a_csr_that_waits_for_approval_ends_the_run_and_the_next_one_goes_on(clock: FixedClock) -> None:
    lab = Lab(clock=clock, rules=()).initialised()
    node = LabNode(HOST, PASSWORD, now=clock, stopwatch=lambda: 0.0)
    lab.node_client.nodes[HOST] = node
    requester = actor(Role.REQUESTER)
    first = applied(lab, node, who=requester)
    assert [each.kind for each in first.made] == [Kind.CSR]
    assert applied(lab, node, who=requester).waiting == first.waiting
    assert node.calls == {"csr": 1}

    lab.requests.approve(actor(Role.APPROVER), first.waiting[0].id)
    assert applied(lab, node, who=requester).plan.stage is Stage.INSTALLED
    assert node.calls == {"csr": 1, "trust": 2, "identity": 1}


def test_a_csr_on_the_node_is_used_and_no_other_is_ordered(lab: Lab, node: LabNode) -> None:
    node.generate_csr("tomcat-ECDSA", "cucm1-EC.example.com", 256)
    assert kinds(planned(lab, node)) == ALL[1:]
    assert applied(lab, node).plan.stage is Stage.INSTALLED
    assert node.calls["csr"] == 1


def test_a_csr_is_replaced_only_on_request(lab: Lab, node: LabNode) -> None:
    node.generate_csr("tomcat-ECDSA", "cucm1-EC.example.com", 256)
    plan = planned(lab, node, Order(new_csr=True))
    assert (kinds(plan), rules(plan)) == (ALL, ["node.csr-replaced", "node.options"])
    assert applied(lab, node, Order(new_csr=True)).plan.stage is Stage.INSTALLED
    assert node.calls["csr"] == 2


def test_a_csr_that_would_be_refused_is_a_finding_before_anything_is_sent(lab: Lab, node: LabNode) -> None:
    node._pending["tomcat-ECDSA"] = materials.request("*.example.com", "cucm1-EC.example.com", 384)
    contact, plan = contact_of(lab, node), planned(lab, node)
    assert only_errors(plan.findings)
    with pytest.raises(Refused):
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys).finish()
    assert node.calls == {}


def test_a_certificate_that_ends_soon_is_renewed_with_a_new_csr(lab: Lab, node: LabNode, clock: FixedClock) -> None:
    before = applied(lab, node).plan.certificate
    clock.advance(days=397 - 29)
    assert kinds(planned(lab, node)) == (Kind.CSR, Kind.SIGN, Kind.IDENTITY)
    after = applied(lab, node).plan.certificate
    assert before is not None
    assert after is not None
    assert after.serial_number != before.serial_number


def test_a_certificate_with_a_short_lifetime_is_installed_and_renewed_in_its_second_half(
    lab: Lab, node: LabNode, clock: FixedClock
) -> None:
    order = Order(validity_days=10)
    assert applied(lab, node, order).plan.stage is Stage.INSTALLED
    clock.advance(days=4)
    assert planned(lab, node, order).stage is Stage.INSTALLED
    clock.advance(days=2)
    assert planned(lab, node, order).stage is Stage.NO_CSR


def test_an_authority_that_is_there_is_not_sent_again(lab: Lab, node: LabNode) -> None:
    node.upload_trust([lab.hierarchy.active().chain[-1]])
    applied(lab, node)
    assert node.calls["trust"] == 2


def namesake(lab: Lab, start: timedelta) -> x509.Certificate:
    """Another certificate with the subject of the root, which begins by so much later."""
    root, key = lab.hierarchy.active().chain[-1], ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(root.subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(root.not_valid_before_utc + start)
        .not_valid_after(root.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )


def test_a_namesake_that_keeps_the_root_out_is_found_before_anything_is_sent(lab: Lab, node: LabNode) -> None:
    node.upload_trust([namesake(lab, timedelta(0))])
    contact, plan = contact_of(lab, node), planned(lab, node)
    assert rules(plan) == ["fit.trust", "node.options"]
    with pytest.raises(Refused):
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys).finish()
    assert node.calls == {"trust": 1}


def test_a_namesake_that_the_root_replaces_is_a_warning(lab: Lab, node: LabNode) -> None:
    node.upload_trust([namesake(lab, timedelta(days=-1))])
    assert rules(planned(lab, node)) == ["fit.trust-replaced", "node.options"]
    assert applied(lab, node).plan.stage is Stage.INSTALLED


def test_a_node_that_does_not_do_what_it_answers_ends_the_run(lab: Lab, node: LabNode) -> None:
    node.upload_trust = lambda _: None  # type: ignore[method-assign, assignment]
    with pytest.raises(Conflict) as error:
        applied(lab, node)
    assert error.value.rule == "node.not-taken"
    assert "identity" not in node.calls


def test_a_change_that_was_not_confirmed_is_not_made(lab: Lab, node: LabNode) -> None:
    node.generate_csr("tomcat-ECDSA", "cucm1-EC.example.com", 384)
    contact, plan = contact_of(lab, node), planned(lab, node)
    node._pending.clear()
    with pytest.raises(Conflict) as error:
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys).finish()
    assert error.value.rule == "node.changed"
    assert node.calls == {"csr": 1}


def test_the_first_refused_password_ends_the_run(lab: Lab, node: LabNode) -> None:
    contact = contact_of(lab, node)
    with pytest.raises(NotAllowed):
        lab.node_driver.plan(OPERATOR, contact, Credentials("administrator", "wrong"), Order())
    assert node._failures == 1


@pytest.mark.usefixtures("node")
def test_no_credentials_go_to_a_peer_that_nobody_has_compared(lab: Lab) -> None:
    contact = lab.node_driver.contact(OPERATOR, HOST)
    assert contact.warrant is Warrant.NONE
    with pytest.raises(Refused) as error:
        lab.node_driver.plan(OPERATOR, contact, CREDENTIALS, Order())
    assert error.value.rule == "node.not-pinned"
    assert lab.node_client.opened == {}
    assert lab.node_driver.plan(OPERATOR, contact.pinned(), CREDENTIALS, Order()).stage is Stage.NO_CSR


@pytest.mark.usefixtures("node")
def test_another_fingerprint_than_the_given_one_is_refused(lab: Lab) -> None:
    with pytest.raises(Refused) as error:
        lab.node_driver.contact(OPERATOR, HOST, "ab" * 32)
    assert error.value.rule == "node.fingerprint"


def test_a_fingerprint_is_read_as_tools_print_it(lab: Lab, node: LabNode) -> None:
    found = encodings.fingerprint(node.served.ecdsa[0].certificate).upper()
    printed = "SHA256:" + ":".join(found[at : at + 2] for at in range(0, 64, 2))
    assert lab.node_driver.contact(OPERATOR, HOST, printed).warrant is Warrant.PINNED


def test_a_node_that_presents_a_certificate_from_here_needs_no_fingerprint(lab: Lab, node: LabNode) -> None:
    serial = applied(lab, node).plan.certificate
    node.restart()
    assert lab.node_driver.contact(OPERATOR, HOST).warrant is Warrant.ISSUED
    lab.node_client.nodes["cucm2.example.com"] = node
    assert lab.node_driver.contact(OPERATOR, "cucm2.example.com").warrant is Warrant.NONE
    assert serial is not None
    lab.revocation.revoke(OPERATOR, Selection((serial.serial_number,)), Reason.KEY_COMPROMISE)
    assert lab.node_driver.contact(OPERATOR, HOST).warrant is Warrant.NONE
    revoked = lab.node_driver.contact(OPERATOR, HOST)
    with pytest.raises(Refused, match=r"cucm1.example.com presents a certificate that cannot be verified here"):
        lab.node_driver.plan(OPERATOR, revoked, CREDENTIALS, Order())


def test_a_product_without_the_api_is_told_before_a_connection(lab: Lab) -> None:
    lab.host_products.assign(OPERATOR, HOST, "uccx", "11.5")
    with pytest.raises(Refused) as error:
        lab.node_driver.contact(OPERATOR, HOST)
    assert error.value.rule == "node.no-api"


def test_a_host_that_is_not_known_is_unreachable(lab: Lab) -> None:
    lab.prober.addresses = {HOST: ()}
    with pytest.raises(Unreachable):
        lab.node_driver.contact(OPERATOR, HOST)


def test_an_auditor_may_not_drive_nodes(lab: Lab) -> None:
    with pytest.raises(NotAllowed):
        lab.node_driver.contact(actor(Role.AUDITOR), HOST)


def test_a_store_with_two_of_one_name_is_a_warning(lab: Lab, node: LabNode) -> None:
    several = [namesake(lab, timedelta(days=-number)) for number in (1, 2)]
    node._trust |= {str(number): each for number, each in enumerate(several)}
    assert "node.duplicate" in [each.rule for each in planned(lab, node).findings]


def test_the_emulated_node_refuses_as_cisco_does(lab: Lab, node: LabNode) -> None:
    applied(lab, node)
    leaf = installed(node)
    with pytest.raises(NodeRefusal, match="Does Not Exist"):
        node.upload_identity(TOMCAT_ECDSA.service, [leaf])
    node.generate_csr("tomcat-ECDSA", "", 384)
    with pytest.raises(NodeRefusal, match="Do Not Match") as refusal:
        node.upload_identity(TOMCAT_ECDSA.service, [leaf])
    assert refusal.value.status == 500


def asked(*names: str, common_name: str = "cucm1-EC.example.com") -> materials.Pending:
    """A CSR for these names."""
    key = ec.generate_private_key(ec.SECP384R1())
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    )
    return materials.Pending(key, builder.sign(key, hashes.SHA384()))


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        ([HOST, "vault.internal.example.org"], "cucm1-EC.example.com"),
        ([HOST, "cucm2.example.com"], "cucm1-EC.example.com"),  # of its cluster, but for this server alone
        ([HOST, "cucm2.example.com"], "cucm1-EC-ms.example.com"),  # in no cluster of it
        ([HOST], "vault.internal.example.org"),
        ([HOST], "vault"),
    ],
)
def test_a_csr_with_names_of_other_hosts_is_not_signed(
    lab: Lab, node: LabNode, names: list[str], common_name: str
) -> None:
    node._pending["tomcat-ECDSA"] = asked(*names, common_name=common_name)
    if not common_name.startswith("cucm1-EC-ms"):
        lab.fleet.create(OPERATOR, "Phones", CLUSTER)
    contact, plan = contact_of(lab, node), planned(lab, node)
    assert "node.csr-names" in [each.rule for each in only_errors(plan.findings)]
    with pytest.raises(Refused):
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys)
    assert lab.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates == ()


def test_a_csr_that_a_node_makes_for_other_hosts_ends_the_run_before_it_is_signed(lab: Lab, node: LabNode) -> None:
    def generate(service: str, *_: object) -> None:
        node._pending[service] = asked("vault.internal.example.org", common_name="vault.internal.example.org")

    node.generate_csr = generate  # type: ignore[method-assign, assignment]
    with pytest.raises(Refused) as error:
        applied(lab, node)
    assert error.value.rule == "node.csr-names"
    assert lab.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates == ()


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        ([HOST, "example.com"], "cucm1-EC.example.com"),
        (["CUCM1.example.com"], "cucm1"),
        ([HOST], "Publisher of the lab"),
        ([HOST, "cucm2.example.com", "example.com"], "cucm1-EC-ms.example.com"),
        ([HOST, "cucm2.example.com"], "cucm2-ms.example.com"),
    ],
)
def test_the_names_that_nodes_ask_for_are_signed(lab: Lab, node: LabNode, names: list[str], common_name: str) -> None:
    lab.fleet.create(OPERATOR, "Phones", CLUSTER)
    node._pending["tomcat-ECDSA"] = asked(*names, common_name=common_name)
    assert "node.csr-names" not in [each.rule for each in planned(lab, node).findings]


def test_a_csr_that_was_exchanged_after_the_plan_is_not_signed(lab: Lab, node: LabNode) -> None:
    node._pending["tomcat-ECDSA"] = asked(HOST)
    contact, plan = contact_of(lab, node), planned(lab, node)
    node._pending["tomcat-ECDSA"] = asked(HOST)
    with pytest.raises(Conflict) as error:
        lab.node_driver.apply(OPERATOR, contact, CREDENTIALS, Order(), plan.keys).finish()
    assert error.value.rule == "node.changed"
    assert lab.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates == ()


def test_the_plan_shows_what_the_csr_on_the_node_asks_for(lab: Lab, node: LabNode) -> None:
    node._pending["tomcat-ECDSA"] = asked(HOST, "example.com")
    shown = NodePlanDocument.of(contact_of(lab, node), planned(lab, node)).csr
    assert shown is not None
    assert (shown.subject, shown.names) == ("CN=cucm1-EC.example.com", [f"DNS:{HOST}", "DNS:example.com"])


@pytest.mark.parametrize(
    ("profile", "usage", "warrant"),
    [
        ("vos", ExtendedKeyUsageOID.SERVER_AUTH, Warrant.ISSUED),
        ("vos", ExtendedKeyUsageOID.CLIENT_AUTH, Warrant.NONE),
        ("server", ExtendedKeyUsageOID.SERVER_AUTH, Warrant.NONE),
        ("client", ExtendedKeyUsageOID.CLIENT_AUTH, Warrant.NONE),
    ],
)
def test_only_a_certificate_for_a_node_as_a_server_proves_it(
    lab: Lab, node: LabNode, profile: str, usage: x509.ObjectIdentifier, warrant: Warrant
) -> None:
    present(node, issued_to(lab, usage, profile))
    assert lab.node_driver.contact(OPERATOR, HOST).warrant is warrant


def present(node: LabNode, certificate: x509.Certificate) -> None:
    """Let the node present this certificate."""
    node.served = replace(node.served, ecdsa=(replace(node.served.ecdsa[0], certificate=certificate), ()))


def issued_to(lab: Lab, usage: x509.ObjectIdentifier, profile: str) -> x509.Certificate:
    """A certificate with the name of the node from here, with this extended key usage alone."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    csr = builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    (issued,) = lab.issuance.issue(OPERATOR, [materials.text(csr).encode()], Options(profile=profile)).certificates
    return x509.load_der_x509_certificate(issued.der)


def test_a_refused_password_makes_the_same_user_of_the_node_wait(lab: Lab, node: LabNode, clock: FixedClock) -> None:
    contact = contact_of(lab, node)
    with pytest.raises(NotAllowed):
        lab.node_driver.plan(OPERATOR, contact, Credentials("administrator", "wrong"), Order())
    for user in ("administrator", "ADMINISTRATOR"):
        with pytest.raises(TooManyAttempts) as error:
            lab.node_driver.plan(OPERATOR, contact, Credentials(user, PASSWORD), Order())
        assert error.value.rule == "node.wait"
    assert node._failures == 1
    assert (sign_ins(lab), events(lab)) == ([Event.NODE_SIGN_IN_TRIED], [Event.NODE_SIGN_IN_REFUSED])

    clock.advance(minutes=5)
    assert lab.node_driver.plan(OPERATOR, contact, CREDENTIALS, Order()).stage is Stage.NO_CSR


def test_who_sends_a_password_is_recorded_before_it_is_sent(lab: Lab, node: LabNode) -> None:
    lab.node_client.hook = killing("before read")
    with pytest.raises(Killed):
        lab.node_driver.plan(actor(Role.REQUESTER), contact_of(lab, node), CREDENTIALS, Order())
    (event,) = lab.edges.attempts.events  # type: ignore[attr-defined]
    assert (event.event, event.subject, event.details["user"]) == (Event.NODE_SIGN_IN_TRIED, HOST, "administrator")


def test_below_a_revoked_intermediate_a_run_goes_on_once_the_next_one_issues(lab: Lab, node: LabNode) -> None:
    applied(lab, node)
    assert planned(lab, node).stage is Stage.INSTALLED
    before = installed(node)
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    with pytest.raises(Conflict) as caught:
        planned(lab, node)
    assert caught.value.rule == "authority.not-trusted"
    lab.rollover.perform(OPERATOR, PLAN)
    assert kinds(planned(lab, node)) == (Kind.CSR, Kind.SIGN, Kind.TRUST, Kind.IDENTITY)
    applied(lab, node)
    assert installed(node).issuer == lab.hierarchy.active().chain[0].subject
    assert installed(node) != before


def test_a_certificate_below_a_revoked_intermediate_proves_nothing_at_the_first_contact(
    lab: Lab, node: LabNode
) -> None:
    applied(lab, node)
    node.restart()
    assert lab.node_driver.contact(OPERATOR, HOST).warrant is Warrant.ISSUED
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    assert lab.node_driver.contact(OPERATOR, HOST).warrant is Warrant.NONE
