"""Requests of one submission: one row above them in the queue, side by side on one page, one decision."""

from __future__ import annotations

import io
import zipfile

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import State
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from tests.support import pkcs10
from tests.support.factories import OPERATOR
from tests.support.requests import THREE_NODES, node
from tests.web.html import read
from tests.web.visitor import Visitor

SIDE_BY_SIDE = "/requests/decide?request=1&request=2&request=3"
ALL = {"request": ["1", "2", "3"]}


@pytest.fixture(autouse=True)
def _waiting(installation: Installation) -> None:
    """Three requests of one submission."""
    who = installation.accounts.get("requester").actor
    installation.issuance.issue(who, [each.data for each in THREE_NODES], Options())


def states(installation: Installation) -> list[State]:
    return [installation.requests.get(OPERATOR, number).state for number in (1, 2, 3)]


def test_the_queue_shows_a_submission_as_one_and_leads_to_the_decision(approver: Visitor, requester: Visitor) -> None:
    page = approver.page("/requests")
    assert "3 requests by requester" in page.text
    assert SIDE_BY_SIDE in page.links
    assert "DNS:" not in page.text
    own = requester.page("/requests")
    assert SIDE_BY_SIDE not in own.links
    assert "Select uccx1" not in own.text


def test_equal_facts_are_shown_once_and_different_ones_side_by_side(approver: Visitor) -> None:
    source = approver.get(SIDE_BY_SIDE).text
    assert (
        source.count("the same for all") == 8
    )  # state, purpose, usages, lifetime, profile, requester; no certificates, no findings
    for request in ("uccx1", "uccx2", "sm1"):
        assert f"CN={request}-EC.example.com" in source
    assert "Approve all 3" in source


def test_approvers_see_purpose_product_and_version_which_the_steps_follow(
    approver: Visitor, installation: Installation
) -> None:
    assert "Product and version" not in approver.page(SIDE_BY_SIDE).text
    for host, product in (("uccx1", "uccx"), ("sm1", "socialminer")):
        installation.host_products.assign(OPERATOR, f"{host}.example.com", product, "11.5")

    text = approver.page(SIDE_BY_SIDE).text
    assert "Purpose tomcat-ECDSA the same for all" in text
    assert "Product and version UCCX 11.5 not given SocialMiner/CCP 11.5" in text
    assert "Purpose tomcat-ECDSA Product and version UCCX 11.5" in approver.page("/requests/1").text


def test_a_plain_server_has_neither_purpose_nor_product(approver: Visitor, installation: Installation) -> None:
    who = installation.accounts.get("requester").actor
    web = node("web1.example.com", "web1.example.com", bits=("digitalSignature",), purposes=("serverAuth",))
    installation.issuance.issue(who, [pkcs10.pem(web.der())], Options(profile="server"))
    installation.host_products.assign(OPERATOR, "web1.example.com", "uccx", "11.5")

    for path in ("/requests/4", "/requests/decide?request=4"):
        text = approver.page(path).text
        assert "Purpose" not in text
        assert "Product and version" not in text


def test_all_are_approved_at_once(approver: Visitor, installation: Installation) -> None:
    answer = approver.post("/requests/approve", ALL)
    assert (answer.status_code, answer.location) == (303, "/requests?decided=3")
    assert states(installation) == [State.ISSUED] * 3
    assert "3 requests are decided." in approver.page(answer.location).text


def test_all_are_refused_with_one_note(approver: Visitor, installation: Installation) -> None:
    answer = approver.post("/requests/refuse", ALL)
    assert (answer.status_code, read(answer.text).blocking) == (409, ["request.note"])
    assert states(installation) == [State.SUBMITTED] * 3

    assert approver.post("/requests/refuse", {**ALL, "note": "The names are wrong."}).status_code == 303
    assert states(installation) == [State.REFUSED] * 3
    assert {installation.requests.get(OPERATOR, number).note for number in (1, 2, 3)} == {"The names are wrong."}


def test_one_that_was_decided_before_does_not_stop_the_others(approver: Visitor, installation: Installation) -> None:
    installation.requests.refuse(OPERATOR, 2, "no")
    answer = approver.post("/requests/approve", {**ALL, "note": "kept"})
    assert (answer.status_code, read(answer.text).blocking) == (409, ["request.decided"])
    assert states(installation) == [State.ISSUED, State.REFUSED, State.ISSUED]


def test_nobody_decides_on_own_requests(requester: Visitor, installation: Installation) -> None:
    installation.accounts.set_role(OPERATOR, "requester", Role.APPROVER)
    requester.sign_in("requester")
    assert "Approve all" not in requester.get(SIDE_BY_SIDE).text

    answer = requester.post("/requests/approve", ALL)
    assert (answer.status_code, read(answer.text).blocking) == (409, ["request.own"] * 3)
    assert states(installation) == [State.SUBMITTED] * 3


@pytest.mark.parametrize("path", ["/requests/decide", "/requests/decide?request=99", "/requests/decide?request=x"])
def test_what_is_not_there_cannot_be_decided(approver: Visitor, path: str) -> None:
    assert approver.get(path).status_code in (400, 404)


def test_a_requester_does_not_decide(requester: Visitor) -> None:
    assert requester.get(SIDE_BY_SIDE).status_code == 403
    assert requester.post("/requests/approve", ALL).status_code == 403


# One ZIP


def test_what_is_signed_is_one_zip_and_the_rest_is_named(
    approver: Visitor, requester: Visitor, installation: Installation
) -> None:
    installation.requests.approve(OPERATOR, 1)
    installation.requests.approve(OPERATOR, 3)
    installation.requests.refuse(OPERATOR, 2, "The parent domain is wrong.")
    for visitor in (requester, approver):
        page = visitor.page("/requests/2/submission")
        assert "Not in the ZIP: uccx2.example.com (refused)" in page.text
        assert "The parent domain is wrong." in page.text
        (path,) = [link for link in page.links if link.endswith(".zip")]
        names = zipfile.ZipFile(io.BytesIO(visitor.get(path).data)).namelist()
        assert {name.split("/")[0] for name in names if name.endswith("UPLOAD.txt")} == {
            "uccx1.example.com",
            "sm1.example.com",
        }


def test_the_list_leads_to_the_submission_once_something_is_signed(
    requester: Visitor, installation: Installation
) -> None:
    before = requester.page("/requests").links
    installation.requests.approve(OPERATOR, 2)
    page = requester.page("/requests")
    assert "3 requests by requester" in page.text
    assert {link for link in page.links if link.endswith("/submission")} == {"/requests/3/submission"}
    assert not [link for link in before if link.endswith("/submission")]


def test_a_request_leads_to_those_that_came_with_it(requester: Visitor) -> None:
    page = requester.page("/requests/2")
    assert "3 requests were submitted together" in page.text
    assert "/requests/2/submission" in page.links


def test_a_submission_of_which_nothing_is_signed_has_nothing_to_download(requester: Visitor) -> None:
    page = requester.page("/requests/1/submission")
    assert "No request of this submission is signed" in page.text
    assert not [link for link in page.links if link.endswith(".zip")]
    answer = requester.get("/requests/1/submission.zip")
    assert (answer.status_code, read(answer.text).blocking) == (409, ["submission.nothing-signed"])


def test_a_revoked_certificate_of_a_submission_is_named(requester: Visitor, installation: Installation) -> None:
    serial = installation.requests.approve(OPERATOR, 1).serial_number
    assert serial
    installation.revocation.revoke(OPERATOR, Selection((serial,)), Reason.SUPERSEDED)
    assert "Revoked or on hold: uccx1.example.com." in requester.page("/requests/1/submission").text
