"""The page of a certificate: a button that renews a plain server, the next step for a node."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.issuance.examination import Options
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.fleet import PUBLISHER
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor, sign_in


@pytest.fixture
def somebody(lab: Lab, lab_app: Flask) -> Callable[[Role], Visitor]:
    """Return a function that signs in a visitor of a role to the lab."""

    def make(role: Role) -> Visitor:
        lab.accounts.create(OPERATOR, role.value, role, PASSWORD)
        return sign_in(lab_app, role)

    return make


@pytest.fixture
def requester(somebody: Callable[[Role], Visitor]) -> Visitor:
    """Return a signed-in requester."""
    return somebody(Role.REQUESTER)


def issue(lab: Lab, profile: str = "server") -> str:
    """The serial number of a certificate."""
    issued = lab.issuance.issue(OPERATOR, [SOCIALMINER.data], Options(profile=profile))
    return issued.certificates[0].serial_number


def renew(visitor: Visitor, serial: str, **fields: str) -> str:
    """Press the button; where it leads."""
    answer = visitor.post(f"/certificates/{serial}/renew", fields)
    assert answer.status_code == 303, read(answer.text).text
    return str(answer.location)


def test_the_button_renews_and_shows_what_was_issued(lab: Lab, requester: Visitor) -> None:
    serial = issue(lab)
    page = requester.page(f"/certificates/{serial}")

    location = renew(requester, serial, once=page.values("once")[0])

    assert location.startswith("/issued?serial=")
    assert serial not in location
    assert "sm1.example.com" in requester.page(location).text


def test_two_clicks_renew_once(lab: Lab, requester: Visitor) -> None:
    serial = issue(lab)
    [once] = requester.page(f"/certificates/{serial}").values("once")

    first = renew(requester, serial, once=once)

    assert renew(requester, serial, once=once) == first


def test_the_page_of_one_that_was_followed_leads_to_the_newer_one(lab: Lab, requester: Visitor) -> None:
    serial = issue(lab)
    newer = renew(requester, serial).rpartition("=")[2]

    page = requester.page(f"/certificates/{serial}")

    assert "This certificate is superseded by a newer one." in page.text
    assert f"/certificates/{newer}" in page.links
    answer = requester.post(f"/certificates/{serial}/renew")
    assert (answer.status_code, read(answer.text).blocking) == (409, ["renewal.followed"])
    assert renew(requester, serial, new="true")


def test_an_auditor_sees_no_button(lab: Lab, somebody: Callable[[Role], Visitor]) -> None:
    serial = issue(lab)

    assert f"/certificates/{serial}/renew" not in somebody(Role.AUDITOR).get(f"/certificates/{serial}").text


def test_a_node_has_no_button_and_its_next_step_when_the_end_is_near(lab: Lab, requester: Visitor) -> None:
    serial = issue(lab, "vos")
    assert "make a new CSR" not in requester.page(f"/certificates/{serial}").text
    lab.clock.advance(days=370)

    page = requester.page(f"/certificates/{serial}")

    assert "Next: create a new CSR" in page.text
    assert "Generate the CSR for tomcat-ECDSA on sm1.example.com" in page.text
    assert "Drop it on the page Sign" in page.text
    answer = requester.post(f"/certificates/{serial}/renew")
    assert (answer.status_code, read(answer.text).blocking) == (422, ["renewal.node"])


def test_a_node_in_a_cluster_is_led_to_its_board(lab: Lab, requester: Visitor) -> None:
    cluster = lab.fleet.create(OPERATOR, "Lab", [PUBLISHER])
    place = Placement(UCCX_PUBLISHER.data, cluster.nodes[0].id, "tomcat-ECDSA", False)
    [leaf] = lab.fleet.sign(OPERATOR, cluster.id, [place], Options()).certificates
    lab.clock.advance(days=370)

    page = requester.page(f"/certificates/{leaf.serial_number}")

    assert f"/clusters/{cluster.id}" in page.links
    assert "set csr gen tomcat-ECDSA" in page.text
    assert "Leave common name and Parent Domain as they are filled in." in page.text
    assert f"/clusters/{cluster.id}/runbook?node=uccx1.example.com" in requester.page(f"/clusters/{cluster.id}").links
