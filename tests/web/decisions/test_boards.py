"""A board whose requests are waiting for a decision: it says so, and shows the certificate by itself."""

from __future__ import annotations

import pytest

from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR
from tests.support.fleet import CONTACT_CENTRE
from tests.support.requests import UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor, form, upload


@pytest.fixture
def path(installation: Installation) -> str:
    """Return the path of a cluster whose publisher has no certificate."""
    return f"/clusters/{installation.fleet.create(OPERATOR, 'Contact centre', CONTACT_CENTRE).id}"


def submit(visitor: Visitor, path: str, node_id: int) -> str:
    """Bring the request of the publisher and submit it; where one lands."""
    review = visitor.post(f"{path}/requests", form([upload(UCCX_PUBLISHER)], {}))
    assert "Submit 1 request" in review.text
    fields = {name: value for name, value in read(review.text).fields if name != "csr"}
    fields |= {"do": "sign", "include": "0", "purpose-0": "tomcat-ECDSA", "node-0": str(node_id)}
    answer = visitor.post(f"{path}/requests", fields)
    assert answer.status_code == 303
    return str(answer.location)


def test_a_board_shows_what_waits_and_then_the_certificate(
    installation: Installation, path: str, requester: Visitor, approver: Visitor
) -> None:
    publisher = installation.fleet.get_cluster(OPERATOR, 1).nodes[0]
    location = submit(requester, path, publisher.id)
    assert location == f"{path}?waiting=1"
    board = requester.page(location)
    assert "The requests are waiting for approval." in board.text
    assert "An approver must decide." in board.text
    assert "/requests/1" in board.links
    assert "Review and sign" not in board.text
    approver.post("/requests/1/approve")
    assert "issued" in requester.page(path).text
    assert "waiting for approval" not in requester.page(path).text


def test_a_board_leads_to_why_a_request_was_refused(installation: Installation, path: str, requester: Visitor) -> None:
    submit(requester, path, installation.fleet.get_cluster(OPERATOR, 1).nodes[0].id)
    installation.requests.refuse(OPERATOR, 1, "no")
    board = requester.page(path)
    assert "The request was refused: see the reason" in board.text
    assert "Review and sign" in board.text
