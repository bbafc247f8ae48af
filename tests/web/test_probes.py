"""The page on which one sees what nodes present, and the button on the board."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR
from tests.support.fleet import CONTACT_CENTRE
from tests.support.probes import FakeProber
from tests.support.requests import UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor

HOST = "uccx1.example.com"


@pytest.fixture
def prober(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> FakeProber:
    """The ports of this test, in place of the network."""
    found = FakeProber()
    monkeypatch.setattr(installation.probes, "_prober", found)
    monkeypatch.setattr(installation.probes._connections, "_resolver", found)
    return found


def test_the_form_has_the_host_of_the_address(requester: Visitor) -> None:
    assert f">{HOST}</textarea>" in requester.get(f"/probe?host={HOST}").text


def test_each_port_is_shown_with_its_meaning(requester: Visitor, prober: FakeProber) -> None:
    requester.issue(UCCX_PUBLISHER)
    answer = requester.post("/probe", {"hosts": f"{HOST}:443, {HOST}:8443"})
    assert answer.status_code == 200
    page = read(answer.text)
    for part in (f"{HOST}:443", f"{HOST}:8443", "Nothing listens on this port.", "Not every port presents"):
        assert part in page.text
    assert len(prober.connected) == 2


def test_a_name_that_dns_does_not_know_is_one_row_without_a_port(requester: Visitor, prober: FakeProber) -> None:
    requester.issue(UCCX_PUBLISHER)
    prober.addresses = {HOST: ()}
    text = read(requester.post("/probe", {"hosts": f"{HOST}:443 {HOST}:8443"}).text).text
    assert text.count(f"DNS gives no address for {HOST}") == 1
    assert f"{HOST}:" not in text


def test_a_certificate_from_here_is_linked(requester: Visitor, prober: FakeProber, installation: Installation) -> None:
    (serial,) = requester.issue(UCCX_PUBLISHER)
    delivery = installation.issuance.delivery(installation.issuance.get_certificate(OPERATOR, serial))
    requester.post("/probe", {"hosts": f"{HOST}:8443"})
    prober.chains = {(HOST, 8443): (delivery.leaf, *delivery.authorities[:-1])}
    text = requester.post("/probe", {"hosts": f"{HOST}:8443"}).text
    assert f"/certificates/{serial}" in text
    assert "Every EC certificate that is presented is the one from here." in read(text).text
    shown = requester.page(f"/certificates/{serial}").text
    assert "presents this certificate" in shown
    assert f"Earlier on its ports {HOST}:8443 closed from 20" in shown


def test_a_node_that_was_not_restarted_is_named(
    requester: Visitor, prober: FakeProber, installation: Installation
) -> None:
    installation.fleet.create(OPERATOR, "Lab", CONTACT_CENTRE)
    (serial,) = requester.issue(UCCX_PUBLISHER)
    delivery = installation.issuance.delivery(installation.issuance.get_certificate(OPERATOR, serial))
    prober.chains = {(HOST, 12015): (delivery.leaf, *delivery.authorities[:-1])}
    prober.rsa = {("uccx2.example.com", 12015): delivery.authorities[-1:]}
    text = read(requester.post("/probe", {"hosts": f"{HOST}:12015 uccx2.example.com:12015"}).text).text
    assert "If it was uploaded, restart: uccx2.example.com" in text
    assert "UCCX 11.5 presents the ECDSA certificate by itself" in text


@pytest.mark.parametrize(
    ("hosts", "rule"), [("", "probe.count"), ("http://x/", "probe.target"), ("router.example.org", "probe.host")]
)
def test_what_may_not_be_looked_at_is_refused_and_stays_in_the_form(
    requester: Visitor, prober: FakeProber, hosts: str, rule: str
) -> None:
    answer = requester.post("/probe", {"hosts": hosts})
    assert (answer.status_code, read(answer.text).blocking) == (400, [rule])
    assert f">{hosts}</textarea>" in answer.text
    assert prober.connected == []


def test_the_board_marks_what_is_proven(
    requester: Visitor, prober: FakeProber, installation: Installation, app: Flask
) -> None:
    assert app
    cluster = installation.fleet.create(OPERATOR, "Lab", CONTACT_CENTRE)
    assert "See what the nodes present" not in requester.get(f"/clusters/{cluster.id}").text
    answer = requester.post(f"/clusters/{cluster.id}/probe")
    assert (answer.status_code, read(answer.text).blocking) == (404, ["cluster.no-certificates"])
    assert prober.connected == []


def test_an_auditor_may_look_and_not_mark(signed_in: Callable[[Role], Visitor], installation: Installation) -> None:
    cluster = installation.fleet.create(OPERATOR, "Lab", CONTACT_CENTRE)
    auditor = signed_in(Role.AUDITOR)
    assert auditor.get("/probe").status_code == 200
    assert auditor.post(f"/clusters/{cluster.id}/probe").status_code == 403


def test_a_page_that_is_left_stops_its_probe_and_gives_its_place_to_the_next_one(
    requester: Visitor, prober: FakeProber, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    requester.issue(UCCX_PUBLISHER)
    monkeypatch.setattr(installation.probes._connections, "_turns", threading.BoundedSemaphore(1))  # no second place
    gc.disable()  # a place must not depend on it
    try:
        form = {"hosts": f"{HOST}:443, {HOST}:8443", "csrf_token": requester.csrf_token()}
        left = requester.client.post("/probe", data=form, base_url=requester.base_url)
        rows = left.iter_encoded()
        while not prober.connected:
            next(rows)
        left.close()
        assert [port for _, port, _ in prober.connected] == [443]
        assert [each.port for each in installation.probes.list_served(OPERATOR, HOST)] == [443]  # what was seen is kept
        assert requester.post("/probe", {"hosts": f"{HOST}:8444"}).status_code == 200
    finally:
        gc.enable()
    assert [port for _, port, _ in prober.connected] == [443, 8444]
