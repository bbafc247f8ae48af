"""Nodes through the API, against an emulated node over TLS: contact, plan, run, the board, secrets, and who may."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from werkzeug.test import Client, TestResponse

from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.states import State
from ca_service.authority.installation import Installation
from ca_service.documents.nodes import ContactDocument, NodeAppliedDocument, NodePlanDocument
from ca_service.lab.node import LabNode
from ca_service.lab.serving import Ports, serving
from ca_service.pki import encodings
from tests.api.test_clusters import rule, token_with
from tests.support.factories import OPERATOR

HOST: Final = "cucm1.localhost"
PASSWORD: Final = "a password of the lab"
ALL: Final = ["csr", "sign", "trust", "trust", "identity"]


@dataclass(frozen=True, slots=True)
class Lab:
    """A client, and a node of a cluster that it can reach."""

    client: Client
    installation: Installation
    node: LabNode
    ports: Ports

    @property
    def known(self) -> dict[str, Any]:
        """Who signs in, and the fingerprint that was compared."""
        found = encodings.fingerprint(self.node.served.ecdsa[0].certificate)
        return {"user": "administrator", "password": PASSWORD, "fingerprint": found}

    def send(self, what: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> TestResponse:
        """Send this about the node."""
        return self.client.post(f"/api/v1/nodes/{HOST}:{self.ports.api}/{what}", json=body, headers=headers)

    def plan(self, **more: Any) -> NodePlanDocument:
        """The plan, which fits its model."""
        answer = self.send("plan", self.known | more)
        assert answer.status_code == 200, answer.text
        return NodePlanDocument.model_validate_json(answer.data)

    def apply(self, confirmed: list[str], **more: Any) -> NodeAppliedDocument:
        """The end of a run, which fits its model."""
        body = {**self.known, "confirmed": confirmed, "probe_ports": [self.ports.served], **more}
        answer = self.send("apply", body)
        assert answer.status_code == 200, answer.text
        return NodeAppliedDocument.model_validate_json(answer.data)

    def whole(self) -> NodeAppliedDocument:
        """The end of a run of the whole plan."""
        return self.apply([change.key for change in self.plan().changes])

    def state(self) -> State:
        """The state of the slot of the node."""
        (slot,) = self.installation.fleet.slots(OPERATOR, 1)
        return slot.state


@pytest.fixture
def lab(client: Client, installation: Installation) -> Iterator[Lab]:
    """A publisher with a self-signed certificate."""
    node = LabNode(HOST, PASSWORD, now=lambda: datetime.now(UTC), stopwatch=time.monotonic)
    installation.fleet.create(OPERATOR, "Phones", [NodeInput(HOST, "cucm", "15", "publisher")])
    with serving(node) as ports:
        yield Lab(client, installation, node, ports)


def test_the_first_contact_shows_a_certificate_and_believes_the_one_that_was_compared(lab: Lab) -> None:
    first = ContactDocument.model_validate_json(lab.send("contact", {}).data)
    assert (first.host, first.port, first.believed) == (HOST, lab.ports.api, "")
    assert first.fingerprint == lab.known["fingerprint"]
    again = lab.send("contact", {"fingerprint": first.fingerprint}).get_json()
    assert again["believed"] == "pinned"


def test_the_plan_has_a_key_for_each_change_and_changes_nothing(lab: Lab) -> None:
    found = lab.plan()
    assert [change.kind for change in found.changes] == ALL
    assert [change.key for change in found.changes if change.kind != "trust"] == ["csr", "sign", "identity"]
    assert any("single sign-on" in step.title for step in found.steps)
    assert lab.node.calls == {}
    assert lab.state() is State.NO_REQUEST


def test_the_whole_loop_from_plan_to_a_verified_slot(lab: Lab) -> None:
    first = lab.whole()
    assert [change.kind for change in first.made] == ALL
    assert first.plan.stage == "installed"
    assert [line for step in first.steps for line in step.commands] >= ["utils service restart Cisco Tomcat"]
    assert first.probe is not None
    assert not first.probe.works
    assert first.probe.summary == "Restart: not every port presents the new certificate yet."
    assert lab.state() is State.UPLOADED

    lab.node.restart()
    last = lab.apply([], fingerprint="")  # the node presents a certificate from here
    assert (last.made, last.steps) == ([], [])
    assert last.plan.contact.believed == "issued"
    assert last.probe is not None
    assert last.probe.works
    assert lab.state() is State.VERIFIED


def test_a_plan_without_changes_marks_the_upload_and_the_board_follows(lab: Lab) -> None:
    lab.whole()
    board = lab.installation.handover.board(OPERATOR, 1)
    lab.installation.handover.mark(OPERATOR, 1, board.lines[0].upload_step, done=False)
    assert lab.state() is State.ISSUED
    assert lab.plan().changes == []
    assert lab.state() is State.UPLOADED


def lines(answer: TestResponse) -> list[dict[str, Any]]:
    """The lines of an answer as NDJSON."""
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_as_ndjson_each_change_is_a_line_and_the_last_one_is_the_end(lab: Lab) -> None:
    confirmed = [change.key for change in lab.plan().changes]
    *changes, end = lines(lab.send("apply?format=ndjson", {**lab.known, "confirmed": confirmed}))
    assert [each["kind"] for each in changes] == ALL
    assert NodeAppliedDocument.model_validate(end).plan.stage == "installed"


def test_as_ndjson_a_refusal_in_the_middle_is_the_last_line(lab: Lab) -> None:
    change, end = lines(lab.send("apply?format=ndjson", {**lab.known, "confirmed": ["csr"]}))
    assert (change["key"], end["status"], end["errors"][0]["rule"]) == ("csr", 409, "node.changed")


def test_only_confirmed_changes_are_made(lab: Lab) -> None:
    answer = lab.send("apply", {**lab.known, "confirmed": ["csr"]})
    assert (answer.status_code, rule(answer)) == (409, "node.changed")
    assert lab.node.calls == {"csr": 1}


def test_lines_need_no_node_and_a_product_that_there_is(lab: Lab) -> None:
    address = "/api/v1/nodes/uccx1.example.com/lines"
    (step,) = lab.client.get(address, query_string={"product": "uccx", "version": "15"}).get_json()["steps"]
    assert "set csr gen tomcat-ECDSA" in step["commands"]
    refused = [
        lab.client.get(address, query_string=query)
        for query in ({"product": "pbx", "version": "15"}, {"product": "uccx", "version": "new"}, {"purpose": "x"})
    ]
    assert [(each.status_code, rule(each)) for each in refused] == [
        (400, "product.unknown"),
        (400, "version.unknown"),
        (400, "purpose.unknown"),
    ]


def test_signing_needs_the_scope_submit(lab: Lab) -> None:
    fleet = token_with(lab.installation, "fleet")
    assert lab.send("plan", lab.known, fleet).status_code == 200
    refused = lab.send("apply", {**lab.known, "confirmed": ALL}, fleet)
    assert (refused.status_code, lab.node.calls) == (403, {})
    both = token_with(lab.installation, "fleet", "submit")
    confirmed = [change.key for change in lab.plan().changes]
    assert lab.send("apply", {**lab.known, "confirmed": confirmed}, both).status_code == 200


@pytest.mark.parametrize("scopes", [("submit",), ("check", "read")])
@pytest.mark.parametrize("what", ["contact", "plan", "apply"])
def test_nodes_need_the_scope_fleet(lab: Lab, what: str, scopes: tuple[str, ...]) -> None:
    assert lab.send(what, {}, token_with(lab.installation, *scopes)).status_code == 403


def test_the_first_refused_password_ends_the_call(lab: Lab) -> None:
    answer = lab.send("plan", lab.known | {"password": "wrong"})
    assert (answer.status_code, rule(answer)) == (403, "node.sign-in")
    assert lab.node._failures == 1


def test_no_password_goes_to_a_peer_that_was_not_compared(lab: Lab) -> None:
    unknown = lab.send("plan", lab.known | {"fingerprint": ""})
    assert (unknown.status_code, rule(unknown)) == (422, "node.not-pinned")
    other = lab.send("apply", lab.known | {"fingerprint": "ab" * 32, "confirmed": []})
    assert (other.status_code, rule(other)) == (422, "node.fingerprint")


def test_a_node_that_does_not_answer_is_502(lab: Lab) -> None:
    answer = lab.client.post(f"/api/v1/nodes/{HOST}:1/contact", json={})
    assert (answer.status_code, rule(answer)) == (502, "node.unreachable")


def test_a_product_without_the_api_is_named(lab: Lab) -> None:
    lab.installation.fleet.create(OPERATOR, "Agents", [NodeInput("uccx1.localhost", "uccx", "11.5", "publisher")])
    answer = lab.client.post("/api/v1/nodes/uccx1.localhost/contact", json={})
    assert (answer.status_code, rule(answer)) == (422, "node.no-api")


@pytest.mark.parametrize("host", ["router.example.org", "169.254.169.254", "uccx 1", "x:99999"])
def test_a_host_that_is_not_known_here_is_not_contacted(lab: Lab, host: str) -> None:
    answer = lab.client.post(f"/api/v1/nodes/{host}/contact", json={})
    assert (answer.status_code, rule(answer)) in ((400, "probe.host"), (400, "probe.target"))


@pytest.mark.parametrize(
    "fault",
    [
        {"password": [PASSWORD]},
        {"password": 5 * f"{PASSWORD}, " + "x" * 1000},
        {"password": PASSWORD, "curve": "P-521"},
        {"password": PASSWORD, "confirmed": "all"},
        {"password": PASSWORD, "pasword": PASSWORD},
        {"password": PASSWORD, "validity_days": 100_000},
    ],
)
def test_no_refusal_shows_a_password(lab: Lab, fault: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = lab.send("apply", {**lab.known, "confirmed": [], **fault})
    assert 400 <= answer.status_code < 500, answer.text
    assert PASSWORD not in answer.text
    assert PASSWORD not in caplog.text


def test_no_answer_no_log_and_no_event_has_the_password(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = lab.send("apply", {**lab.known, "confirmed": [change.key for change in lab.plan().changes]})
    events = str(lab.installation.audit_log.list_events(OPERATOR, EventQuery(limit=100)).items)
    assert "node.identity-sent" in events
    for text in (answer.text, caplog.text, events):
        assert PASSWORD not in text
