"""The pages that put a certificate on a node: contact, plan, run, the board, and what they never show."""

from __future__ import annotations

import gc
import logging
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.fleet.node_contact import Place
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.states import State
from ca_service.authority.installation import Installation
from ca_service.errors import Rule, SigningError
from ca_service.lab.node import LabNode
from ca_service.pki import encodings
from tests.support.factories import OPERATOR
from tests.support.nodes import FakeNodeClient
from tests.support.probes import FakeProber
from tests.web.html import Page, read
from tests.web.visitor import Visitor

HOST: Final = "cucm1.example.com"
PASSWORD: Final = "a password of the lab"
START: Final = "/clusters/1/nodes/1/certificate"
BROKEN: Final = Rule("test.broken", "The key is at /secret/path.")


@dataclass(slots=True)
class Client(FakeNodeClient):
    """Remembers the ports that were connected to."""

    ports: list[int] = field(default_factory=list)

    def present(self, place: Place) -> Any:
        """See the port."""
        self.ports.append(place.port)
        return FakeNodeClient.present(self, place)


@dataclass(frozen=True, slots=True)
class Lab:
    """A requester, and a node of a cluster that the service can reach."""

    visitor: Visitor
    installation: Installation
    node: LabNode
    client: Client
    prober: FakeProber

    def send(self, step: str, data: dict[str, Any]) -> tuple[int, Page, str]:
        """Send the form of a step: status, page, source."""
        answer = self.visitor.post(f"{START}/{step}", data)
        return answer.status_code, read(answer.text), answer.text

    def follow(self, page: Page, step: str, **more: Any) -> tuple[int, Page, str]:
        """Fill in the form of a page, and send it."""
        fields: dict[str, Any] = {}
        for name, value in page.fields:
            fields.setdefault(name, []).append(value)
        return self.send(step, fields | more)

    def contacted(self) -> Page:
        """The page of the first contact."""
        return self.follow(self.visitor.page(START), "contact")[1]

    def planned(self, **more: Any) -> Page:
        """The page of the plan."""
        status, page, _ = self.follow(
            self.contacted(), "plan", **{"user": "administrator", "password": PASSWORD, "compared": "true"} | more
        )
        assert status == 200, page.text
        return page

    def applied(self) -> tuple[int, Page, str]:
        """The page of a whole run."""
        return self.follow(self.planned(), "apply", password=PASSWORD)

    def serve(self, port: int) -> None:
        """Restart the node, and let this port present what it has."""
        self.node.restart()
        self.prober.chains = {(HOST, port): self.node.served.ecdsa[1]}

    def state(self) -> State:
        """The state of the slot of the node."""
        (slot,) = self.installation.fleet.slots(OPERATOR, 1)
        return slot.state


def upload_step(lab: Lab) -> str:
    """The key of the step that uploads the certificate of the node."""
    (line,) = lab.installation.handover.board(OPERATOR, 1).lines
    return line.upload_step


@pytest.fixture
def lab(requester: Visitor, installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A publisher with a self-signed certificate."""
    node = LabNode(HOST, PASSWORD, now=lambda: datetime.now(UTC), stopwatch=lambda: 0.0)
    client, prober = Client({HOST: node}), FakeProber()
    monkeypatch.setattr(installation.node_driver, "_client", client)
    monkeypatch.setattr(installation.probes, "_prober", prober)
    monkeypatch.setattr(installation.probes._connections, "_resolver", prober)
    installation.fleet.create(OPERATOR, "Phones", [NodeInput(HOST, "cucm", "15", "publisher")])
    return Lab(requester, installation, node, client, prober)


def test_the_board_leads_to_the_form_of_nodes_that_have_the_api(lab: Lab) -> None:
    others = [
        NodeInput("uccx1.example.com", "uccx", "15", "publisher"),
        NodeInput("old.example.com", "cucm", "12.5", "publisher"),
    ]
    lab.installation.fleet.create(OPERATOR, "Without", others)
    assert f"{START}?purpose=tomcat-ECDSA" in lab.visitor.page("/clusters/1").links
    assert not [link for link in lab.visitor.page("/clusters/2").links if "certificate" in link and "nodes" in link]


def test_the_form_connects_to_nothing_and_has_the_purpose_of_the_link(lab: Lab) -> None:
    page = lab.visitor.page(f"{START}?purpose=CallManager-ECDSA")
    assert page.values("purpose") == ["CallManager-ECDSA"]
    assert page.values("port") == ["443"]
    assert lab.client.ports == []


def test_the_first_contact_shows_the_fingerprint_to_compare(lab: Lab) -> None:
    status, page, text = lab.send("contact", {"port": "8443"})
    assert status == 200
    found = encodings.fingerprint(lab.node.served.ecdsa[0].certificate)
    assert bytes.fromhex(found).hex(":").upper() in page.text.replace(" ", "")
    assert "show cert own tomcat-ECDSA/tomcat-ECDSA.pem" in page.text
    assert page.values("fingerprint") == [found]
    assert page.values("compared") == []  # a person ticks it
    assert ">verified<" not in text
    assert lab.client.ports == [8443]


def test_without_the_comparison_no_password_is_sent(lab: Lab) -> None:
    status, page, _ = lab.follow(lab.contacted(), "plan", user="administrator", password=PASSWORD)
    assert (status, page.blocking) == (422, ["node.not-pinned"])
    assert lab.client.opened == {}


def test_the_plan_has_what_is_there_and_what_will_change(lab: Lab) -> None:
    page = lab.planned()
    for part in ("cucm1-EC.example.com", "Generate a CSR for tomcat-ECDSA", "to tomcat-trust", "single sign-on"):
        assert part in page.text
    assert [key.partition(":")[0] for key in page.values("confirmed")] == ["csr", "sign", "trust", "trust", "identity"]
    assert lab.node.calls == {}


def test_a_whole_run_shows_its_changes_the_restarts_and_the_way_to_the_board(lab: Lab) -> None:
    status, page, _ = lab.applied()
    assert status == 200
    for part in ("Generate a CSR", "Have the CSR signed", "The node has the certificate.", "Left to do"):
        assert part in page.text
    assert "utils service restart Cisco Tomcat" in page.text
    assert {"left-2-cli"} <= set(page.references) & set(page.ids)
    assert "/clusters/1" in page.links
    assert lab.node.calls == {"csr": 1, "trust": 2, "identity": 1}
    assert lab.state() is State.UPLOADED


def test_after_the_restart_a_probe_verifies_the_slot(lab: Lab) -> None:
    lab.applied()
    lab.serve(8443)
    status, page, _ = lab.send("probe", {})
    assert (status, "/clusters/1" in page.links) == (200, True)
    assert lab.state() is State.VERIFIED


def test_a_second_run_needs_no_comparison_and_says_that_all_is_done(lab: Lab) -> None:
    lab.applied()
    lab.serve(10443)
    contacted = lab.follow(lab.visitor.page(START), "contact", probe_ports="10443")[1]
    assert "It was issued here, is valid, and names this host." in contacted.text
    _, planned, _ = lab.follow(contacted, "plan", user="administrator", password=PASSWORD)
    assert "None: the node has its certificate." in planned.text
    status, page, _ = lab.follow(planned, "probe")
    assert (status, "Every EC certificate that is presented is the one from here." in page.text) == (200, True)
    assert "Left to do" not in page.text
    assert lab.state() is State.VERIFIED


def test_after_the_upload_the_page_says_that_the_restart_comes_next(lab: Lab) -> None:
    page = lab.contacted()
    lab.prober.chains = {(HOST, 8443): lab.node.served.ecdsa[1]}  # as before the restart
    _, planned, _ = lab.follow(page, "plan", user="administrator", password=PASSWORD, compared="true")
    _, page, _ = lab.follow(planned, "apply", password=PASSWORD)
    assert "Uploaded The node has the certificate." in page.text
    assert "Next Restart: not every port presents the new certificate yet." in page.text
    assert "Done" not in page.text


def test_a_restart_comes_next_only_if_a_port_presents_another_certificate(lab: Lab) -> None:
    _, closed, _ = lab.applied()
    lab.node.restart()
    lab.prober.chains = {(HOST, 8443): lab.node.served.ecdsa[1][:1]}  # without the intermediate
    broken = lab.follow(closed, "probe")[1]
    assert "It sends no intermediate" in broken.text
    for page in (closed, broken):
        assert "Next Not every port presents a certificate from here that clients accept." in page.text
        assert "Restart: not every port" not in page.text
        assert "Left to do" in page.text


@pytest.mark.parametrize("port", ["", "abc", "0", "99999"])
def test_what_is_no_port_is_said_of_the_port_and_nothing_is_connected_to(lab: Lab, port: str) -> None:
    status, page, _ = lab.follow(lab.visitor.page(START), "contact", port=port)
    assert (status, page.blocking, lab.client.ports) == (400, ["node.port-number"], [])
    assert f"\u201c{port}\u201d is not a port." in page.text


def test_a_plan_that_is_refused_leads_back_to_the_form_with_what_was_typed(lab: Lab) -> None:
    contacted = lab.follow(lab.visitor.page(START), "contact", days="9999")[1]
    _, planned, _ = lab.follow(contacted, "plan", user="administrator", password=PASSWORD, compared="true")
    assert planned.blocking == ["validity.range"]
    [again] = [link for link in planned.links if link.startswith(START)]
    assert lab.visitor.page(again).values("days") == ["9999"]


def test_a_node_that_has_its_certificate_is_probed_without_a_password(lab: Lab) -> None:
    lab.applied()
    lab.serve(10443)
    step = upload_step(lab)
    lab.installation.handover.mark(OPERATOR, 1, step, done=False)
    contacted = lab.follow(lab.visitor.page(START), "contact", probe_ports="10443")[1]
    _, planned, source = lab.follow(contacted, "plan", user="administrator", password=PASSWORD)
    assert 'type="password"' not in source
    assert lab.state() is State.UPLOADED  # a run that was cut after the upload has no mark

    status, page, _ = lab.follow(planned, "probe")
    assert (status, "Every EC certificate that is presented is the one from here." in page.text) == (200, True)
    assert lab.state() is State.VERIFIED


def test_a_node_without_a_certificate_from_here_is_probed_and_nothing_is_left_to_restart(lab: Lab) -> None:
    lab.prober.chains = {(HOST, 8443): lab.node.served.ecdsa[1]}
    status, page, _ = lab.send("probe", {"csrf_token": lab.visitor.page(START).values("csrf_token")[0]})
    assert (status, "See what the node presents" in lab.visitor.page(START).text) == (200, True)
    assert "Next Not every port presents a certificate from here that clients accept." in page.text
    assert "Left to do" not in page.text
    assert lab.client.ports == []


def test_what_was_typed_stays_for_the_next_probe_and_the_next_run(lab: Lab) -> None:
    typed = {"port": "8443", "probe_ports": "10443", "days": "90"}
    contacted = lab.follow(lab.visitor.page(START), "contact", **typed)[1]
    _, planned, _ = lab.follow(contacted, "plan", user="administrator", password=PASSWORD, compared="true")
    _, applied, _ = lab.follow(planned, "apply", password=PASSWORD)
    _, probed, source = lab.follow(applied, "probe")
    for page in (applied, probed):
        assert {name: page.values(name) for name in typed} == {name: [value] for name, value in typed.items()}
        [again] = [link for link in page.links if link.startswith(START)]
        assert {name: lab.visitor.page(again).values(name) for name in typed} == {
            name: [value] for name, value in typed.items()
        }
    assert "utils service restart Cisco Tomcat" in probed.text
    assert PASSWORD not in source


def test_a_request_that_waits_is_linked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = replace(lab.installation.issuance._policy, rules=())
    monkeypatch.setattr(lab.installation.issuance, "_policy", policy)
    planned = lab.planned()
    _, page, _ = lab.follow(planned, "apply", password=PASSWORD)
    assert "The request waits for an approver." in page.text
    assert "/requests/1" in page.links
    assert lab.state() is State.WAITING


@pytest.mark.parametrize("step", ["plan", "apply"])
def test_a_wrong_password_is_a_finding_and_is_tried_once(lab: Lab, step: str) -> None:
    page = lab.contacted() if step == "plan" else lab.planned()
    form = {"user": "administrator", "compared": "true", "password": "wrong"}
    status, shown, _ = lab.follow(page, step, **form)
    assert (status, shown.blocking) == (403, ["node.sign-in"])
    assert lab.node._failures == 1
    assert shown.values("user") == ["administrator"]


@pytest.mark.parametrize("step", ["plan", "apply"])
def test_a_missing_password_is_a_finding(lab: Lab, step: str) -> None:
    status, shown, _ = lab.follow(lab.contacted(), step, user="administrator", compared="true")
    assert (status, shown.blocking) == (400, ["node.password"])


def test_another_certificate_than_the_compared_one_is_a_finding(lab: Lab) -> None:
    page = lab.contacted()
    form = {"user": "administrator", "compared": "true", "password": PASSWORD, "fingerprint": "ab" * 32}
    status, shown, _ = lab.follow(page, "plan", **form)
    assert (status, shown.blocking) == (422, ["node.fingerprint"])
    assert lab.client.opened == {}


def test_a_node_that_does_not_answer_is_a_finding(lab: Lab) -> None:
    lab.client.nodes.clear()
    status, page, _ = lab.send("contact", {})
    assert (status, page.blocking) == (502, ["node.unreachable"])


@pytest.mark.parametrize(
    ("product", "version"), [("uccx", "15"), ("cucm", "12.5"), ("finesse", "12.6")], ids=lambda each: str(each)
)
def test_a_node_without_the_api_is_a_finding(lab: Lab, product: str, version: str) -> None:
    role = "publisher" if product != "finesse" else "primary"
    lab.installation.fleet.create(OPERATOR, "Without", [NodeInput("old.example.com", product, version, role)])
    answer = lab.visitor.post("/clusters/2/nodes/2/certificate/contact")
    assert (answer.status_code, read(answer.text).blocking) == (422, ["node.no-api"])


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("port", "x", "node.port-number"),
        ("port", "99999", "node.port-number"),
        ("purpose", "nothing", "purpose.unknown"),
        ("purpose", "cup-ECDSA", "slot.purpose"),
        ("probe_ports", "8443 x", "node.ports"),
        ("probe_ports", " ".join(["1"] * 21), "node.ports"),
        ("days", "x", "validity.number"),
        ("days", "9999", "validity.range"),
    ],
)
def test_a_wrong_value_is_a_finding(lab: Lab, field: str, value: str, rule: str) -> None:
    status, page, _ = lab.send("contact", {field: value})
    if status == 200:  # what is judged with the CSR, or by the product
        form = {"user": "administrator", "compared": "true", "password": PASSWORD}
        status, page, _ = lab.follow(page, "plan", **form)
    assert page.blocking == [rule]
    assert lab.node.calls == {}


def test_a_node_that_refuses_in_the_middle_is_a_finding_below_what_was_done(lab: Lab) -> None:
    page = lab.planned()
    lab.node.upload_trust = lambda _: None  # type: ignore[method-assign, assignment]
    status, shown, _ = lab.follow(page, "apply", password=PASSWORD)
    assert (status, shown.blocking) == (200, ["node.not-taken"])
    assert "Have the CSR signed here" in shown.text
    assert "The node has the certificate." not in shown.text


def test_a_change_that_was_not_in_the_plan_is_a_finding(lab: Lab) -> None:
    status, shown, _ = lab.follow(lab.planned(), "apply", password=PASSWORD, confirmed=["sign"])
    assert (status, shown.blocking, lab.node.calls) == (409, ["node.changed"], {})


def test_a_fault_of_the_service_in_the_middle_shows_no_detail(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = lab.planned()

    def broken(*_: object, **__: object) -> None:
        raise SigningError.because(BROKEN)

    monkeypatch.setattr(lab.installation.issuance, "issue", broken)
    status, shown, text = lab.follow(page, "apply", password=PASSWORD)
    assert (status, shown.blocking) == (200, ["internal"])
    assert "/secret/path" not in text
    assert "/secret/path" in caplog.text


def test_no_page_no_cookie_no_log_and_no_event_has_the_password(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    page = lab.contacted()
    form = {"user": "administrator", "compared": "true", "password": PASSWORD}
    _, planned, plan_text = lab.follow(page, "plan", **form)
    _, _, run_text = lab.follow(planned, "apply", password=PASSWORD)
    _, _, wrong_text = lab.follow(planned, "apply", password=f"not {PASSWORD}")
    events = str(lab.installation.audit_log.list_events(OPERATOR, EventQuery(limit=100)).items)
    cookies = str(lab.visitor.client._cookies)
    for text in (plan_text, run_text, wrong_text, events, cookies, caplog.text):
        assert PASSWORD not in text


def test_a_page_that_is_left_ends_the_run_and_gives_its_turn_back(lab: Lab) -> None:
    planned = lab.planned()
    fields: dict[str, Any] = {name: planned.values(name) for name, _ in planned.fields}
    fields |= {"password": PASSWORD, "csrf_token": lab.visitor.csrf_token()}
    gc.disable()  # a turn must not depend on it
    try:
        left = lab.visitor.client.post(f"{START}/apply", data=fields, base_url=lab.visitor.base_url)
        rows = left.iter_encoded()
        while "csr" not in lab.node.calls:
            next(rows)
        left.close()
        assert "identity" not in lab.node.calls
        assert lab.applied()[0] == 200
    finally:
        gc.enable()
    assert lab.node.calls == {"csr": 1, "trust": 2, "identity": 1}


def test_a_node_of_another_cluster_does_not_exist(lab: Lab) -> None:
    assert lab.visitor.get("/clusters/1/nodes/9/certificate").status_code == 404


def test_a_browser_neither_fills_in_nor_offers_to_keep_the_password_of_a_node(lab: Lab) -> None:
    _, _, contacted = lab.send("contact", {})
    planned = lab.follow(read(contacted), "plan", user="administrator", password=PASSWORD, compared="true")[2]
    for source in (contacted, planned):
        (field,) = re.findall(r'<input[^>]* type="password"[^>]*>', source)
        assert 'autocomplete="new-password"' in field
    (user,) = re.findall(r'<input id="user"[^>]*>', contacted)
    assert 'autocomplete="off"' in user
