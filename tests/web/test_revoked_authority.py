"""A revoked intermediate is not handed out as trust, on any page and in any file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR
from tests.support.fleet import PUBLISHER
from tests.support.requests import UCCX_PUBLISHER
from tests.web.visitor import Visitor

INTERMEDIATE = "intermediate-g1"


@pytest.fixture
def revoked(requester: Visitor, installation: Installation) -> str:
    """The serial number of a leaf whose issuer is revoked now."""
    [serial] = requester.issue(UCCX_PUBLISHER)
    installation.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    return serial


@pytest.mark.usefixtures("revoked")
def test_the_files_of_the_chain_hold_the_root_alone(visitor: Visitor, installation: Installation) -> None:
    root = installation.hierarchy.active().root
    assert visitor.get("/ca/chain.pem").data == encodings.pem(root)
    assert encodings.load_certificates(visitor.get("/ca/chain.p7b").data) == (root,)
    assert visitor.get("/ca/root.pem").data == encodings.pem(root)


@pytest.mark.usefixtures("revoked")
@pytest.mark.parametrize("name", ["intermediate.pem", "intermediate.der"])
def test_its_own_file_is_refused(visitor: Visitor, name: str) -> None:
    answer = visitor.get(f"/ca/{name}")
    assert answer.status_code == 409
    assert "authority.not-trusted" in answer.text


@pytest.mark.usefixtures("revoked")
def test_a_client_that_follows_a_leaf_still_finds_its_issuer(visitor: Visitor) -> None:
    assert visitor.get(f"/ca/{INTERMEDIATE}.der").status_code == 200


@pytest.mark.usefixtures("revoked")
@pytest.mark.parametrize("path", ["/ca/", "/authority"])
def test_the_pages_show_the_root_alone_and_say_why(requester: Visitor, installation: Installation, path: str) -> None:
    intermediate, root = map(encodings.fingerprint_text, installation.hierarchy.active().chain)
    text = requester.page(path).text.replace(": ", ":")
    assert root in text
    assert intermediate not in text
    assert "The intermediate is revoked or on hold." in text


@pytest.mark.usefixtures("revoked")
@pytest.mark.parametrize("path", ["/authority", "/certificates", "/certificates/expiry"])
def test_the_pages_lead_to_the_next_intermediate(requester: Visitor, path: str) -> None:
    [fix] = [link for link in requester.page(path).links if "authority.revoked" in link]
    assert "ca-service ca rollover" in requester.page(fix).text


@pytest.mark.usefixtures("revoked")
def test_the_public_page_leads_nobody_to_a_command_of_administrators(visitor: Visitor) -> None:
    assert not [link for link in visitor.page("/ca/").links if "authority.revoked" in link]


@pytest.mark.parametrize("path", ["/ca/", "/authority"])
def test_the_pages_say_nothing_about_a_good_intermediate(requester: Visitor, path: str) -> None:
    assert "revoked or on hold" not in requester.page(path).text


def test_no_bundle_makes_a_node_trust_it(requester: Visitor, revoked: str) -> None:
    assert requester.get(f"/certificates/{revoked}/download").status_code == 409
    assert requester.get(f"/certificates/{revoked}/files/2-intermediate.tomcat-trust.pem").status_code == 409


def test_its_certificates_are_not_recommended_on_any_page(requester: Visitor, revoked: str) -> None:
    page = requester.page(f"/certificates/{revoked}")
    assert "authority revoked" in page.text
    assert "days left" not in page.text
    assert "Next steps" not in page.text
    assert not [link for link in page.links if "format=zip" in link or "/files/" in link]
    downloads = [link for link in page.links if "/download" in link]
    assert {requester.get(link).status_code for link in downloads} == {200}
    for path in ("/certificates", "/certificates/expiry"):
        assert "Clients reject every certificate that it issued" in requester.get(path).text


@pytest.mark.parametrize("path", ["/clusters/1", "/clusters/1/runbook"])
def test_a_cluster_offers_no_bundle_with_it_and_says_why(
    requester: Visitor, installation: Installation, path: str
) -> None:
    number = installation.fleet.create(OPERATOR, "Lab", [PUBLISHER]).nodes[0].id
    placement = Placement(UCCX_PUBLISHER.data, number, "tomcat-ECDSA", is_multi_server=False)
    installation.fleet.place(OPERATOR, 1, [placement], Options())
    requester.issue(UCCX_PUBLISHER)
    assert "Download the bundle" in requester.page(path).text

    installation.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    page = requester.page(path)
    assert "Download the bundle" not in page.text
    assert "intermediate-g1 is revoked or on hold" in page.text


@pytest.mark.usefixtures("revoked")
def test_administrators_see_it_on_the_overview(signed_in: Callable[[Role], Visitor]) -> None:
    assert "intermediate-g1 is revoked or on hold" in signed_in(Role.ADMINISTRATOR).get("/").text


def test_certificates_of_a_good_intermediate_have_no_such_warning(requester: Visitor) -> None:
    [serial] = requester.issue(UCCX_PUBLISHER)
    assert "authority revoked" not in requester.get(f"/certificates/{serial}").text
    assert "Clients reject" not in requester.get("/certificates").text


def test_the_leaf_itself_can_be_looked_at(requester: Visitor, revoked: str) -> None:
    assert requester.get(f"/certificates/{revoked}").status_code == 200
    assert requester.get(f"/certificates/{revoked}/download?format=pem").status_code == 200
    assert requester.get(f"/certificates/{revoked}/files/3-uccx1.example.com.tomcat-ECDSA.pem").status_code == 200


def test_after_a_rollover_the_next_intermediate_is_handed_out_and_the_list_says_which_rows_are_rejected(
    requester: Visitor, installation: Installation, revoked: str
) -> None:
    installation.rollover.perform(OPERATOR, installation.plan)
    [serial] = requester.issue(UCCX_PUBLISHER)
    assert serial != revoked
    active = installation.hierarchy.active()
    assert requester.get("/ca/chain.pem").data == encodings.pem_chain(active.chain)
    assert requester.get(f"/ca/{INTERMEDIATE}.der").status_code == 200
    assert requester.get(f"/ca/{active.record.id}.der").data == encodings.der(active.chain[0])
    text = requester.page("/certificates").text
    assert "The intermediate is revoked or on hold." not in text
    assert text.count("authority revoked") == 2  # once for phones
    assert "authority revoked" in requester.get(f"/certificates/{revoked}").text
    assert "authority revoked" not in requester.get(f"/certificates/{serial}").text


def test_expirations_tell_the_intermediates_apart_and_say_what_is_rejected(
    requester: Visitor, installation: Installation
) -> None:
    requester.issue(UCCX_PUBLISHER)
    installation.rollover.perform(OPERATOR, installation.plan)
    text = requester.page("/certificates/expiry").text
    assert "Example Lab EC Intermediate CA G1" in text
    assert "Example Lab EC Intermediate CA G2" in text
    assert "revoked" not in text
    installation.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    text = requester.page("/certificates/expiry").text
    assert text.count("authority revoked") == 1
    assert text.count("revoked") == 2
    assert text.count("days left") == 2  # those of the root and of the next intermediate


def test_the_page_of_the_authority_lists_earlier_intermediates_and_which_of_them_are_revoked(
    requester: Visitor, installation: Installation
) -> None:
    before = encodings.fingerprint_text(installation.hierarchy.active().chain[0])
    assert "Earlier intermediates" not in requester.page("/authority").text
    installation.rollover.perform(OPERATOR, installation.plan)
    page = requester.page("/authority")
    assert "Earlier intermediates" in page.text
    assert before in page.text.replace(": ", ":")
    assert {f"/ca/{INTERMEDIATE}.der", f"/ca/{INTERMEDIATE}.crl"} <= set(page.links)
    installation.authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.SUPERSEDED)
    page = requester.page("/authority")
    assert "Intermediate CA G1 revoked" in page.text
    assert f"/ca/{INTERMEDIATE}.der" not in page.links
