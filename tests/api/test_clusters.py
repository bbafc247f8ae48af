"""Clusters through the API: create, place and sign CSRs, read board, bundle and runbook, mark steps, and who may."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from werkzeug.test import Client

from ca_service import deadline
from ca_service.app import create_app
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.people.tokens import TokenLimits
from ca_service.documents.fleet import ClusterDocument, ClustersDocument, PlacementsDocument
from ca_service.documents.runbooks import RunbookDocument
from ca_service.settings import Settings
from ca_service.vos.runbook import as_text
from ca_service.vos.served import Ending, Handshake, Offer, Target
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from tests.support import pkcs10, requests
from tests.support.factories import OPERATOR
from tests.support.requests import CUCM_MULTI, SOCIALMINER, THREE_NODES, UCCX_PUBLISHER, UCCX_SUBSCRIBER

from .conftest import Made, deciding, served
from .test_curl import run

URL: Final = "/api/v1/clusters"
LAB: Final[dict[str, Any]] = {
    "name": "Lab",
    "nodes": [
        {"fqdn": "uccx1.example.com", "product": "uccx", "version": "11.5", "role": "publisher"},
        {"fqdn": "uccx2.example.com", "product": "uccx", "version": "11.5", "role": "subscriber"},
        {"fqdn": "sm1.example.com", "product": "socialminer", "version": "11.5", "role": "single server"},
    ],
}
NOBODY_APPROVES: Final = "[]"
Clients = Callable[[Role], Client]


@pytest.fixture
def lab(client: Client) -> str:
    """The address of a cluster with three nodes."""
    answer = client.post(URL, json=LAB)
    assert answer.status_code == 201, answer.data
    return URL + answer.headers["Location"].rpartition(URL)[2]


def place(client: Client, lab: str, *requests: bytes, **query: Any) -> dict[str, Any]:
    """Send CSRs; the answer fits its model."""
    files = [(io.BytesIO(data), f"{number}.csr") for number, data in enumerate(requests)]
    answer = client.post(f"{lab}/csrs", data={"csr": files}, query_string=query)
    assert answer.status_code == 200, answer.data
    return PlacementsDocument.model_validate_json(answer.data).model_dump(mode="json")


def board(client: Client, lab: str) -> dict[str, Any]:
    answer = client.get(lab)
    assert answer.status_code == 200
    return ClusterDocument.model_validate_json(answer.data).model_dump(mode="json")


def states(client: Client, lab: str) -> dict[str, str]:
    return {slot["node"]: slot["state"] for slot in board(client, lab)["slots"]}


def signed(client: Client, lab: str) -> dict[str, Any]:
    return place(client, lab, *(each.data for each in THREE_NODES), sign="true")


def token_with(installation: Installation, *scopes: str, names: tuple[str, ...] = ()) -> dict[str, str]:
    """The header of a token of the requester with these scopes."""
    limits = TokenLimits(scopes, names=names)
    secret = installation.tokens.create(OPERATOR, Role.REQUESTER.value, "test", 1, limits).secret
    return {"Authorization": f"Bearer {secret}"}


def rule(answer: Any) -> str:
    return str(answer.get_json()["errors"][0]["rule"])


def test_a_created_cluster_is_answered_with_its_board(client: Client) -> None:
    answer = client.post(URL, json=LAB)
    found = ClusterDocument.model_validate_json(answer.data)
    assert answer.status_code == 201
    assert found.links is not None
    assert answer.headers["Location"] == found.links.self
    assert [slot.state for slot in found.slots] == ["no CSR"] * 3
    assert [node.model_dump(exclude={"id"}) for node in found.nodes] == LAB["nodes"]


def test_clusters_are_listed_page_by_page(client: Client) -> None:
    for name in "abc":
        client.post(URL, json=LAB | {"name": name})
    first = client.get(URL, query_string={"limit": 2, "sort": "newest", "q": "uccx1"})
    page = ClustersDocument.model_validate_json(first.data)
    assert [each.name for each in page.clusters] == ["c", "b"]
    assert page.next is not None
    assert first.headers["Link"] == f'<{page.next}>; rel="next"'
    second = ClustersDocument.model_validate_json(client.get(page.next).data)
    assert ([each.name for each in second.clusters], second.next) == (["a"], None)


def test_every_invalid_field_of_a_new_cluster_is_named(client: Client) -> None:
    wrong = {"fqdn": "uccx1", "product": "pbx", "version": "new", "role": "x"}
    answer = client.post(URL, json={"name": " ", "nodes": [wrong]})
    found = {each["pointer"]: each["rule"] for each in answer.get_json()["errors"]}
    assert answer.status_code == 400
    assert found == {
        "/name": "cluster.name",
        "/nodes/0/fqdn": "node.fqdn",
        "/nodes/0/version": "version.unknown",
        "/nodes/0/product": "product.unknown",
    }


def test_a_host_that_another_cluster_has_is_a_warning_in_the_answer_to_the_new_one(client: Client) -> None:
    node = {"fqdn": "uccx1.example.com", "product": "uccx", "version": "11.5", "role": "publisher"}
    first = client.post(URL, json={"name": "One", "nodes": [node]})
    second = client.post(URL, json={"name": "Two", "nodes": [node]})
    assert (first.status_code, first.get_json()["findings"]) == (201, [])
    [found] = second.get_json()["findings"]
    assert second.status_code == 201
    assert (found["rule"], found["severity"], found["pointer"]) == ("node.elsewhere", "warning", "/nodes/0/fqdn")


def test_a_node_without_a_version_is_named_by_its_row_and_host(client: Client) -> None:
    node = {"fqdn": "uccx1.example.com", "product": "uccx", "version": "", "role": "publisher"}
    [found] = client.post(URL, json={"name": "Lab", "nodes": [node]}).get_json()["errors"]
    assert (found["pointer"], found["rule"]) == ("/nodes/0/version", "version.missing")
    assert found["detail"] == "Node 1 (uccx1.example.com): The version is missing."


@pytest.mark.parametrize(
    "body", [{}, {"name": 1}, {"name": "x", "nodes": [{}]}, {"name": "x", "nodes": "uccx1"}, {"name": "x", "more": 1}]
)
def test_what_is_no_cluster_is_a_usage_error(client: Client, body: dict[str, Any]) -> None:
    answer = client.post(URL, json=body)
    assert (answer.status_code, rule(answer).split(".")[0]) == (400, "option")


@pytest.mark.usefixtures("lab")
def test_a_name_is_taken_once(client: Client) -> None:
    answer = client.post(URL, json=LAB | {"name": "LAB"})
    assert (answer.status_code, rule(answer)) == (409, "cluster.name-taken")


def test_csrs_are_placed_by_their_names_and_signed_later(client: Client, lab: str) -> None:
    found = place(client, lab, *(each.data for each in THREE_NODES))
    assert found["outcome"] == "placed"
    assert {each["node"] for each in found["csrs"]} == {node["fqdn"] for node in LAB["nodes"]}
    assert set(states(client, lab).values()) == {"requested"}
    later = signed(client, lab)
    assert (later["outcome"], len(later["serial_numbers"])) == ("signed", 3)
    assert set(states(client, lab).values()) == {"issued"}
    assert signed(client, lab)["serial_numbers"] == later["serial_numbers"]


def test_a_preview_stores_nothing(client: Client, lab: str) -> None:
    found = place(client, lab, UCCX_PUBLISHER.data, sign="true", preview="true")
    assert (found["outcome"], found["csrs"][0]["node"]) == ("preview", "uccx1.example.com")
    assert set(states(client, lab).values()) == {"no CSR"}


def test_node_and_purpose_can_be_given(client: Client, lab: str) -> None:
    found = place(client, lab, UCCX_PUBLISHER.data, node="uccx2.example.com", purpose="tomcat-ECDSA")
    assert found["csrs"][0]["node"] == "uccx2.example.com"


@pytest.mark.parametrize(
    ("request_", "query", "status", "expected"),
    [
        (CUCM_MULTI, {}, 422, "node.unmatched"),
        (UCCX_PUBLISHER, {"purpose": "CallManager-ECDSA"}, 422, "slot.purpose"),
        (UCCX_PUBLISHER, {"node": "uccx9.example.com"}, 400, "node.unknown"),
        (UCCX_PUBLISHER, {"profile": "server"}, 400, "cluster.profile"),
        (UCCX_PUBLISHER, {"validity_days": 9999}, 422, "validity.range"),
        (UCCX_PUBLISHER, {"sign": "yes"}, 400, "option.value"),
    ],
)
def test_what_has_no_place_is_refused_and_nothing_is_stored(
    client: Client, lab: str, request_: Any, query: dict[str, Any], status: int, expected: str
) -> None:
    answer = client.post(f"{lab}/csrs", data=request_.data, query_string={"sign": "true"} | query)
    assert (answer.status_code, rule(answer)) == (status, expected)
    assert set(states(client, lab).values()) == {"no CSR"}


def test_signing_without_an_approval_rule_waits(made: Made, tmp_path: Path) -> None:
    installation = deciding(made, tmp_path, NOBODY_APPROVES, lambda _: None)
    client = create_app(Settings(instance_path=tmp_path / "instance"), installation).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.tokens[Role.REQUESTER]}"
    lab = URL + client.post(URL, json=LAB).headers["Location"].rpartition(URL)[2]
    found = place(client, lab, SOCIALMINER.data, sign="true")
    (slot,) = [each for each in board(client, lab)["slots"] if each["node"] == "sm1.example.com"]
    assert (found["outcome"], found["serial_numbers"]) == ("waiting", [])
    assert (slot["state"], [slot["request_id"]]) == ("waiting", found["request_ids"])


def test_the_bundle_is_the_one_of_the_page(client: Client, lab: str, installation: Installation) -> None:
    assert (client.get(f"{lab}/bundle").status_code, rule(client.get(f"{lab}/bundle"))) == (
        404,
        "cluster.no-certificates",
    )
    signed(client, lab)
    answer = client.get(f"{lab}/bundle")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lab.zip"'
    assert answer.data == installation.handover.bundle(OPERATOR, 1).to_zip()
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert "RUNBOOK.txt" in bundle.namelist()
    assert client.get(f"{lab}/bundle", headers={"Accept": "application/json"}).status_code == 406


def test_the_runbook_is_json_or_text(client: Client, lab: str, installation: Installation) -> None:
    signed(client, lab)
    runbook = installation.handover.board(OPERATOR, 1).runbook
    text = client.get(f"{lab}/runbook?format=text")
    found = RunbookDocument.model_validate_json(client.get(f"{lab}/runbook").data)
    assert (text.content_type, text.text) == ("text/plain; charset=utf-8", as_text(runbook))
    assert [step.key for section in found.sections for step in section.steps] == [step.key for step in runbook.steps]


def test_a_marked_step_moves_the_slot_and_the_mark_can_be_undone(client: Client, lab: str) -> None:
    signed(client, lab)
    first = board(client, lab)["slots"][0]
    answer = client.post(f"{lab}/marks", json={"step": first["upload_step"]})
    assert answer.get_json()["slots"][0]["state"] == "uploaded"
    runbook = client.get(f"{lab}/runbook").get_json()
    (step,) = [s for each in runbook["sections"] for s in each["steps"] if s["key"] == first["upload_step"]]
    assert (step["done_by"], step["done_at"] is None) == ("requester", False)
    client.post(f"{lab}/marks", json={"step": first["upload_step"], "done": False})
    assert board(client, lab)["slots"][0]["state"] == "issued"


def test_an_unknown_step_is_a_bad_value(client: Client, lab: str) -> None:
    answer = client.post(f"{lab}/marks", json={"step": "upload/x"})
    assert (answer.status_code, rule(answer)) == (400, "step.unknown")


def test_a_superseded_certificate_is_told(client: Client, lab: str) -> None:
    serial = place(client, lab, UCCX_PUBLISHER.data, sign="true")["serial_numbers"][0]
    found = place(client, lab, UCCX_SUBSCRIBER.data, node="uccx1.example.com")
    slot = board(client, lab)["slots"][0]
    assert found["csrs"][0]["new_key"] is True
    assert "slot.key-replaced" in [each["rule"] for each in found["findings"]]
    assert [(each["serial_number"], each["key_replaced"]) for each in slot["past"]] == [(serial, True)]


def test_a_cluster_without_certificates_has_no_ports_to_look_at(client: Client, lab: str) -> None:
    answer = client.post(f"{lab}/probes")
    assert (answer.status_code, rule(answer)) == (404, "cluster.no-certificates")


@pytest.fixture
def here(client: Client) -> str:
    """The address of a cluster with a node that no name server knows (RFC 6761, 6.4)."""
    host = "node1.invalid"
    node = {"fqdn": host, "product": "socialminer", "version": "11.5", "role": "single server"}
    path = URL + client.post(URL, json={"name": "Here", "nodes": [node]}).headers["Location"].rpartition(URL)[2]
    place(client, path, pkcs10.pem(requests.node("node1-EC.invalid", host).der()), sign="true")
    return path


def test_a_node_of_a_cluster_that_dns_does_not_know_is_said_once(client: Client, here: str) -> None:
    answer = client.post(f"{here}/probes", query_string={"format": "json"})
    [port] = answer.get_json()["ports"]
    assert (answer.status_code, port["host"], port["verdict"]) == (200, "node1.invalid", "unknown-host")


@pytest.mark.parametrize("accept", ["", "*/*", "application/x-ndjson", "application/json"])
def test_a_probe_is_accepted_and_goes_on_unless_json_is_preferred(client: Client, here: str, accept: str) -> None:
    whole = client.post(f"{here}/probes", headers={"Accept": "application/json"})
    answer = client.post(f"{here}/probes", headers={"Accept": accept} if accept else {})
    if accept == "application/json":
        assert (answer.status_code, answer.get_json()) == (200, whole.get_json())
        return
    assert (answer.status_code, answer.content_type) == (202, "application/x-ndjson")
    assert answer.headers["X-Accel-Buffering"] == "no"
    *ports, last = map(json.loads, answer.text.splitlines())
    assert (ports, last) == (whole.get_json()["ports"], whole.get_json())


def test_the_answer_of_a_probe_begins_before_its_last_port_is_done(
    client: Client, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = list[int]()

    def one_by_one(ports: Any) -> Iterator[tuple[Target, tuple[Handshake, ...]]]:
        for target, _ in ports:
            done.append(target.port)
            yield target, (Handshake(Offer.ECDSA_12, Ending.REFUSED),)

    monkeypatch.setattr(installation.probes._prober, "probe", one_by_one)
    hosts = {"hosts": ["node1.invalid:1", "node1.invalid:2"]}
    monkeypatch.setattr(installation.probes._connections, "addresses", lambda *_: {"node1.invalid": "192.0.2.7"})
    answer = client.post("/api/v1/probes?format=ndjson", json=hosts, buffered=False)
    pieces = answer.iter_encoded()
    assert (answer.status_code, json.loads(next(pieces))["port"], done) == (202, 1, [1])
    answer.close()
    assert done == [1]


def test_a_problem_that_ends_a_probe_is_its_last_line(
    client: Client, here: str, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_busy(*_: object) -> None:
        raise deadline.busy()

    monkeypatch.setattr(installation.probes._served, "record", is_busy)
    answer = client.post(f"{here}/probes")
    port, problem = (json.loads(line) for line in answer.text.splitlines())
    assert (port["verdict"], problem["status"], problem["errors"][0]["rule"]) == ("unknown-host", 503, "database.busy")


def test_a_removed_cluster_is_gone_and_its_certificates_stay(client: Client, lab: str) -> None:
    serial = signed(client, lab)["serial_numbers"][0]
    assert client.delete(lab).get_json() == {"removed": "Lab"}
    assert client.get(f"/api/v1/certificates/{serial}").status_code == 200
    for method, path in (
        ("GET", lab),
        ("DELETE", lab),
        ("GET", f"{lab}/bundle"),
        ("GET", f"{lab}/runbook"),
        ("POST", f"{lab}/probes"),
    ):
        answer = client.open(path, method=method)
        assert (answer.status_code, rule(answer)) == (404, "cluster.unknown"), path
    assert client.post(f"{lab}/csrs", data=UCCX_PUBLISHER.data).status_code == 404
    assert client.post(f"{lab}/marks", json={"step": "x"}).status_code == 404


@pytest.mark.parametrize("text", ["0", "x", "-1", "9" * 40, "\u0661"])
def test_what_is_no_number_is_not_found(client: Client, text: str) -> None:
    assert client.get(f"{URL}/{text}").status_code == 404


def test_the_scope_fleet_places_and_the_scope_submit_is_needed_to_sign(
    app: Flask, client: Client, lab: str, installation: Installation
) -> None:
    fleet, both = (token_with(installation, *scopes) for scopes in (("fleet",), ("fleet", "submit")))
    other = app.test_client()
    refused = other.post(f"{lab}/csrs?sign=true", data=UCCX_PUBLISHER.data, headers=fleet)
    assert (refused.status_code, rule(refused)) == (403, "token.scope")
    assert set(states(client, lab).values()) == {"no CSR"}
    assert other.post(f"{lab}/csrs", data=UCCX_PUBLISHER.data, headers=fleet).status_code == 200
    answer = other.post(f"{lab}/csrs?sign=true", data=UCCX_PUBLISHER.data, headers=both)
    assert answer.status_code == 200
    assert "cluster.csr-missing" in {each["rule"] for each in answer.get_json()["findings"]}


def test_the_scope_read_reads_and_changes_nothing(app: Flask, lab: str, installation: Installation) -> None:
    reading, other = token_with(installation, "read"), app.test_client()
    assert [other.get(f"{lab}{path}", headers=reading).status_code for path in ("", "/runbook")] == [200, 200]
    changes = (
        other.post(URL, json=LAB, headers=reading),
        other.delete(lab, headers=reading),
        other.post(f"{lab}/csrs", data=UCCX_PUBLISHER.data, headers=reading),
        other.post(f"{lab}/marks", json={"step": "x"}, headers=reading),
        other.post(f"{lab}/probes", headers=reading),
    )
    assert [(answer.status_code, rule(answer)) for answer in changes] == [(403, "token.scope")] * 5


def test_a_token_with_limits_on_names_sees_no_cluster(app: Flask, lab: str, installation: Installation) -> None:
    bounded = token_with(installation, "read", names=("*.example.com",))
    for path in (URL, lab, f"{lab}/bundle", f"{lab}/runbook"):
        answer = app.test_client().get(path, headers=bounded)
        assert (answer.status_code, rule(answer)) == (403, "token.bounded")


def test_an_auditor_reads_clusters_and_changes_none(client_of: Clients, lab: str) -> None:
    auditor = client_of(Role.AUDITOR)
    assert auditor.get(lab).status_code == 200
    assert rule(auditor.post(URL, json=LAB)) == "permission.missing"


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if "cluster_id" in each.path], ids=lambda operation: operation.id
)
def test_every_curl_line_about_a_cluster_works(
    app: Flask, client: Client, lab: str, here: str, made: Made, tmp_path: Path, operation: Operation
) -> None:
    (tmp_path / "uccx1.csr").write_bytes(UCCX_PUBLISHER.data)
    (tmp_path / "uccx2.csr").write_bytes(UCCX_SUBSCRIBER.data)
    signed(client, lab)
    step = board(client, lab)["slots"][0]["upload_step"]
    with served(app) as address:
        number = (here if operation.id == "probeCluster" else lab).rpartition("/")[2]
        line = operation.curl.format(base_url=address).replace("CLUSTER_ID", number).replace("STEP", step)
        done = run(line, tmp_path, made.tokens[Role.ADMINISTRATOR])
    assert done.returncode == 0, done.stderr
