"""The overview: each card for the roles that may see it, each need with its page, in few statements."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from ca_service import web
from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.notices.records import Failure
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from ca_service.vos.purposes import TOMCAT_ECDSA
from ca_service.vos.runbook import upload_key, verify_key
from tests.support import pkcs10
from tests.support.factories import OPERATOR, PASSWORD, Lab, actor
from tests.support.fleet import PUBLISHER
from tests.support.notices import RecordingChannel
from tests.support.requests import CUCM_MULTI, JUNK_COUNTRY, SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER, node
from tests.support.statements import statements
from tests.web.html import Page, read
from tests.web.visitor import Visitor, sign_in

OPTIONS = web.WebOptions(secret_key="x" * 32, session_lifetime=timedelta(days=1000))
PASSPHRASE = b"a passphrase of the root"
NOTHING = "Nothing waits for you"
MOST = 24  # session, header, requests, board, clusters, checks, root, messages, events


@pytest.fixture
def channel() -> RecordingChannel:
    """Mail."""
    return RecordingChannel()


@pytest.fixture
def lab(channel: RecordingChannel) -> Lab:
    """A lab with mail, in which only administrators have something to do."""
    return with_people(Lab(channels=(channel,)))


def with_people(lab: Lab) -> Lab:
    """The lab, initialised, with an account for each role."""
    lab.initialised()
    for role in Role:
        lab.accounts.create(OPERATOR, role.value, role, PASSWORD)
    return lab


def page_of(lab: Lab, role: Role = Role.ADMINISTRATOR) -> Page:
    """The overview as this role sees it."""
    return sign_in(web.create(lab, OPTIONS), role).page("/")


def upload(lab: Lab, *, name: str = "Contact centre") -> str:
    """A cluster whose certificate is issued; its serial number."""
    cluster = lab.fleet.create(OPERATOR, name, [PUBLISHER])
    placement = Placement(UCCX_PUBLISHER.data, cluster.nodes[0].id, "tomcat-ECDSA", is_multi_server=False)
    issued = lab.fleet.sign(OPERATOR, cluster.id, [placement], Options())
    return issued.certificates[0].serial_number


def test_a_reader_without_anything_to_do_sees_what_that_means_for_the_role(lab: Lab) -> None:
    for role, said in ((Role.REQUESTER, NOTHING), (Role.APPROVER, NOTHING), (Role.AUDITOR, "Auditors have no tasks")):
        page = page_of(lab, role)
        assert said in page.text
        assert "Needs you" not in page.text
        assert "All clear" not in page.text  # what the checks find is for administrators


def test_waiting_requests_need_those_who_decide() -> None:
    lab = with_people(Lab(rules=()))
    lab.issuance.issue(actor(Role.REQUESTER), [UCCX_PUBLISHER.data, SOCIALMINER.data], Options())

    assert "2 requests wait for a decision" in page_of(lab, Role.APPROVER).text
    assert "wait for a decision" not in page_of(lab, Role.REQUESTER).text


def test_only_for_an_administrator_without_a_root_key_and_with_mail_all_is_clear(channel: RecordingChannel) -> None:
    lab = with_people(Lab(channels=(channel,)))
    assert "All clear" not in page_of(lab).text
    lab.root_key.remove(OPERATOR, lab.root_key.export(OPERATOR, PASSPHRASE), PASSPHRASE)
    assert "All clear" in page_of(lab).text


def test_a_refused_request_needs_its_requester_until_there_is_a_newer_one() -> None:
    lab = with_people(Lab(rules=()))
    who = lab.accounts.get("requester").actor
    csrs = [each.data for each in (UCCX_PUBLISHER, UCCX_SUBSCRIBER, SOCIALMINER, CUCM_MULTI, JUNK_COUNTRY)]
    for request in lab.issuance.issue(who, csrs, Options()).waiting:
        lab.requests.refuse(OPERATOR, request.id, "The names are wrong.")

    page = page_of(lab, Role.REQUESTER)
    assert "Your request for junk1.example.com was refused Read why" in page.text
    assert "2 more requests of yours were refused" in page.text
    assert {"/requests/5", "/requests/4", "/requests/3", "/requests?state=refused"} <= set(page.links)
    assert "was refused" not in page_of(lab, Role.APPROVER).text

    lab.issuance.issue(who, csrs, Options())
    assert "was refused" not in page_of(lab, Role.REQUESTER).text


def test_a_certificate_that_expires_needs_those_who_sign(lab: Lab) -> None:
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(validity_days=20))
    expected = f"uccx1.example.com expires on {lab.clock() + timedelta(days=20):%Y-%m-%d}"

    assert expected not in page_of(lab, Role.REQUESTER).text  # it is in the first half of its short lifetime
    lab.clock.advance(days=11)
    assert expected in page_of(lab, Role.REQUESTER).text
    assert "Needs you" not in page_of(lab, Role.AUDITOR).text


def test_each_of_the_first_that_expire_leads_to_its_renewal_and_one_button_to_that_of_all(lab: Lab) -> None:
    csrs = [
        pkcs10.pem(node(name, name, bits=("digitalSignature",), purposes=("serverAuth",)).der())
        for name in (f"web{number}.example.com" for number in range(5))
    ]
    for days, csr in enumerate(csrs, 10):
        lab.issuance.issue(OPERATOR, [csr], Options(profile="server", validity_days=days))
    expiring = lab.inventory.list_certificates(OPERATOR, CertificateQuery(sort="expires")).certificates
    serials = [certificate.serial_number for certificate in expiring]
    lab.clock.advance(days=8)

    page = page_of(lab, Role.REQUESTER)

    own = [f"/certificates/renew?serial={serial}" for serial in serials[:3]]
    together = f"/certificates/renew?{urlencode({'serial': serials}, doseq=True)}"
    assert [link for link in page.links if link.startswith("/certificates/renew")] == [*own, together]
    assert "Renew all" in page.text
    assert "5 certificates expire soon" in page.text


def test_a_certificate_that_has_a_successor_needs_no_reader(lab: Lab) -> None:
    for days in (20, 200):
        lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(validity_days=days, new=True))
    lab.clock.advance(days=11)

    assert NOTHING in page_of(lab, Role.REQUESTER).text


def test_a_node_is_to_be_uploaded_then_verified_then_done(lab: Lab) -> None:
    serial_number = upload(lab)
    page = page_of(lab, Role.REQUESTER)
    assert "Contact centre: 1 certificate to upload" in page.text
    assert "/clusters/1/runbook" in page.links
    assert "Contact centre" in page_of(lab, Role.AUDITOR).text
    assert "Needs you" not in page_of(lab, Role.AUDITOR).text

    step = upload_key(TOMCAT_ECDSA, serial_number)
    lab.fleet.mark(OPERATOR, 1, step, True, {step: "Upload"})
    assert "Contact centre: 1 to verify" in page_of(lab, Role.REQUESTER).text

    step = verify_key(TOMCAT_ECDSA, serial_number)
    lab.fleet.mark(OPERATOR, 1, step, True, {step: "Upload"})
    assert NOTHING in page_of(lab, Role.REQUESTER).text


def test_a_node_whose_certificate_is_revoked_needs_another_and_is_named_as_such(lab: Lab) -> None:
    serial_number = upload(lab)
    lab.revocation.revoke(OPERATOR, Selection((serial_number,)), Reason.SUPERSEDED)
    assert "Contact centre: 1 revoked or on hold" in page_of(lab, Role.REQUESTER).text


def test_a_covered_node_has_come_as_far_as_the_certificate_of_the_other_node(lab: Lab) -> None:
    nodes = [NodeInput(f"cucm{number}.example.com", "cucm", "12.5", "publisher") for number in (1, 2)]
    nodes[1] = replace(nodes[1], role="subscriber")
    cluster = lab.fleet.create(OPERATOR, "Calls", nodes)
    placement = Placement(CUCM_MULTI.data, cluster.nodes[0].id, "tomcat-ECDSA", is_multi_server=True)

    lab.fleet.place(OPERATOR, cluster.id, [placement], Options())
    assert stations(lab) == [(1, "requested"), (1, "requested, with cucm1")]
    serial_number = lab.fleet.sign(OPERATOR, cluster.id, [placement], Options()).certificates[0].serial_number
    assert stations(lab) == [(2, "issued"), (2, "issued, with cucm1")]
    step = upload_key(TOMCAT_ECDSA, serial_number)
    lab.fleet.mark(OPERATOR, cluster.id, step, True, {step: "Upload"})
    assert stations(lab) == [(3, "uploaded"), (3, "uploaded, with cucm1")]
    lab.revocation.revoke(OPERATOR, Selection((serial_number,)), Reason.SUPERSEDED)
    assert stations(lab) == [(3, "revoked"), (3, "revoked, with cucm1")]


def stations(lab: Lab) -> list[tuple[int, str]]:
    """Each node of the only cluster on the overview: how many of its stations are reached, and the words beside."""
    source = sign_in(web.create(lab, OPTIONS), Role.AUDITOR).get("/").text
    found = re.findall(r'class="stations.*?>(.*?)</span>\s*<span class="quiet">(.*?)</span>', source, re.DOTALL)
    return [(drawn.count('class="done"'), words) for drawn, words in found]


def test_more_clusters_than_are_shown_are_one_need(lab: Lab) -> None:
    for number in range(8):
        lab.fleet.create(OPERATOR, f"Done {number}", [PUBLISHER])
    for number in range(7):
        upload(lab, name=f"Site {number}")

    page = page_of(lab, Role.REQUESTER)

    assert "2 more clusters have steps left" in page.text
    assert "Done" not in page.text  # those with something to do come first


def test_messages_that_failed_need_administrators(lab: Lab, channel: RecordingChannel) -> None:
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(validity_days=31))
    lab.clock.advance(days=2)
    channel.failure = Failure("refused", is_final=True)
    lab.notices.announce_due()
    lab.deliveries.deliver_due()

    page = page_of(lab)

    assert "1 message failed" in page.text
    assert "/notices/messages?state=dead" in page.links
    assert "message failed" not in page_of(lab, Role.APPROVER).text


def test_what_is_not_set_up_needs_administrators() -> None:
    lab = with_people(Lab(channels=()))

    page = page_of(lab)

    assert "The root key is on this machine" in page.text
    assert "No notifications are being sent" in page.text
    assert "root key" not in page_of(lab, Role.APPROVER).text


def test_what_the_checks_find_needs_administrators(lab: Lab) -> None:
    lab.clock.advance(days=4)

    page = page_of(lab)

    assert "/rules/doctor.job-late" in page.links
    assert NOTHING in page_of(lab, Role.APPROVER).text


def test_only_readers_of_the_audit_log_see_events(lab: Lab) -> None:
    upload(lab)
    lab.issuance.issue(actor(Role.REQUESTER), [SOCIALMINER.data], Options())

    for role in Role:
        sees = role in (Role.AUDITOR, Role.ADMINISTRATOR)
        assert ("Last events" in page_of(lab, role).text) is sees
    assert "sm1.example.com" in page_of(lab, Role.APPROVER).text


def test_a_new_installation_shows_the_first_steps_until_there_is_a_certificate(
    signed_in: Callable[[Role], Visitor],
) -> None:
    requester, administrator = signed_in(Role.REQUESTER), signed_in(Role.ADMINISTRATOR)
    assert "Try sample CSRs" in requester.page("/").text
    assert "Invite a colleague" not in requester.page("/").text
    assert "Invite a colleague" in administrator.page("/").text

    requester.issue(UCCX_PUBLISHER)

    assert "Try sample CSRs" not in requester.page("/").text
    assert "Expirations per week" in requester.page("/").text


def test_samples_go_through_the_review_and_nothing_is_stored(requester: Visitor, installation: Installation) -> None:
    review = read(requester.post("/sign/samples").text)

    assert review.values("include") == ["0", "1", "2"]
    assert "Sign 3 certificates" in review.text
    assert not installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    assert requester.sign(review).status_code == 303


def test_the_form_is_at_its_own_address_too(requester: Visitor) -> None:
    assert requester.page("/sign").values("profile") == ["vos"]


def test_the_page_takes_the_same_few_statements_however_many_clusters_there_are(
    signed_in: Callable[[Role], Visitor], installation: Installation
) -> None:
    administrator, counts = signed_in(Role.ADMINISTRATOR), []
    for number, request in enumerate((UCCX_PUBLISHER, UCCX_SUBSCRIBER, SOCIALMINER)):
        node = replace(PUBLISHER, fqdn=f"{request.name}.example.com")
        cluster = installation.fleet.create(OPERATOR, f"Site {number}", [node])
        placement = Placement(request.data, cluster.nodes[0].id, "tomcat-ECDSA", is_multi_server=False)
        installation.fleet.sign(OPERATOR, cluster.id, [placement], Options())
        administrator.page("/")  # the results of the checks are kept
        with statements() as seen:
            administrator.page("/")
        counts.append(len(seen))

    assert max(counts) <= MOST
    assert len(set(counts)) == 1, counts


def test_weeks_without_an_expiration_are_a_sentence_and_not_an_empty_picture(lab: Lab) -> None:
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options("vos", validity_days=365))
    assert "Nothing expires within 13 weeks." in page_of(lab).text
    lab.clock.advance(days=300)
    assert "Nothing expires within" not in page_of(lab).text
