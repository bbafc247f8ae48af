"""Renewal of several certificates that were selected in the list."""

from __future__ import annotations

from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from tests.support.factories import OPERATOR
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER, Request
from tests.web.html import read
from tests.web.visitor import Visitor

PATH = "/certificates/renew"


def issue(installation: Installation, profile: str, *requests: Request) -> list[str]:
    issued = installation.issuance.issue(OPERATOR, [each.data for each in requests], Options(profile=profile))
    return [record.serial_number for record in issued.certificates]


def query(serials: list[str]) -> str:
    return f"{PATH}?serial={'&serial='.join(serials)}"


def test_servers_are_renewed_and_nodes_are_led_to_their_new_csr(requester: Visitor, installation: Installation) -> None:
    servers = issue(installation, "server", UCCX_PUBLISHER, UCCX_SUBSCRIBER)
    nodes = issue(installation, "vos", SOCIALMINER)
    page = requester.page(query([*servers, *nodes]))

    assert page.values("serial") == servers
    assert "Generate the CSR for tomcat-ECDSA on sm1.example.com" in page.text
    assert "Renew 2 certificates" in page.text
    answer = requester.post(PATH, {"serial": servers, "once": page.values("once")[0]})
    assert answer.status_code == 303
    assert answer.location.count("serial=") == 2
    assert not set(servers) & set(answer.location.split("="))


def test_two_clicks_renew_once(requester: Visitor, installation: Installation) -> None:
    serials = issue(installation, "server", UCCX_PUBLISHER, UCCX_SUBSCRIBER)
    fields = {"serial": serials, "once": requester.page(query(serials)).values("once")[0]}

    assert requester.post(PATH, fields).location == requester.post(PATH, fields).location


def test_what_was_superseded_in_the_meantime_is_told(requester: Visitor, installation: Installation) -> None:
    serials = issue(installation, "server", UCCX_PUBLISHER, UCCX_SUBSCRIBER)
    assert requester.post(PATH, {"serial": serials[:1], "once": "a"}).status_code == 303

    answer = requester.post(PATH, {"serial": serials, "once": "b"})
    page = read(answer.text)
    assert (answer.status_code, page.blocking) == (409, ["renewal.followed"])
    assert "Superseded." in page.text
    assert page.values("serial") == []  # the other one has been renewed


def test_a_node_is_not_renewed_here(requester: Visitor, installation: Installation) -> None:
    nodes = issue(installation, "vos", UCCX_PUBLISHER)
    page = requester.page(query(nodes))
    assert page.values("serial") == []

    answer = requester.post(PATH, {"serial": nodes})
    assert answer.location == query(nodes)


def test_nothing_selected_is_refused(requester: Visitor) -> None:
    answer = requester.get(PATH)
    assert (answer.status_code, read(answer.text).blocking) == (400, ["certificate.none-chosen"])
