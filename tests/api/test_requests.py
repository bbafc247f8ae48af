"""Requests that wait: 202, waiting for a decision, deciding, and who may do what at this door."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from ca_service.app import create_app
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.documents.requests import RequestDocument, RequestsDocument
from ca_service.settings import Settings
from ca_service.settings.section import as_toml
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from tests.support.programs import find
from tests.support.requests import SOCIALMINER, THREE_NODES, UCCX_PUBLISHER

from .conftest import Made, deciding, served

URL = "/api/v1/certificates"
REQUESTS = "/api/v1/requests"
Clients = Callable[[Role], Client]
_DEFAULT: Final = as_toml([rule.model_dump() for rule in Settings(instance_path=Path()).policy.rules])


@pytest.fixture
def meanwhile() -> list[Callable[[], object]]:
    """What happens while somebody waits; nobody sleeps."""
    return []


@pytest.fixture
def installation(made: Made, tmp_path: Path, meanwhile: list[Callable[[], object]]) -> Installation:
    """An installation with the rules of the defaults, in which a requester waits."""

    def pause(_: float) -> None:
        for each in meanwhile:
            each()

    return deciding(made, tmp_path, _DEFAULT, pause)


@pytest.fixture
def waiting(client: Client) -> dict[str, Any]:
    """What a requester has submitted."""
    answer = client.post(URL, data=UCCX_PUBLISHER.data)
    assert answer.status_code == 202
    return dict(answer.get_json()["requests"][0])


@pytest.fixture
def approver(client_of: Clients) -> Client:
    return client_of(Role.APPROVER)


def decide(client: Client, waiting: dict[str, Any], verb: str, **document: str) -> TestResponse:
    return client.post(f"{REQUESTS}/{waiting['id']}/{verb}", json=document)


def rules(answer: TestResponse) -> list[tuple[str, str]]:
    return [(error["rule"], error["pointer"]) for error in answer.get_json()["errors"]]


@pytest.mark.parametrize("form", ["json", "zip", "pem", "der", "p7b"])
def test_what_waits_is_answered_with_where_to_look_whatever_form_was_asked(client: Client, form: str) -> None:
    answer = client.post(f"{URL}?format={form}", data=UCCX_PUBLISHER.data)
    assert (answer.status_code, answer.content_type) == (202, "application/json")
    assert (answer.headers["Location"], answer.headers["Retry-After"]) == (
        "http://localhost/api/v1/requests/1",
        "30",
    )
    document = RequestsDocument.model_validate(answer.get_json())
    (found,) = document.requests
    assert (found.state, found.host, found.submitted_by) == ("submitted", "uccx1.example.com", "requester")
    assert found.csr.encode() == UCCX_PUBLISHER.data
    assert "approval.needed" in {each.rule for each in document.findings}


def test_who_may_approve_gets_it_at_once(approver: Client) -> None:
    assert approver.post(URL, data=UCCX_PUBLISHER.data).status_code == 201


def test_a_submission_waits_as_a_whole(client: Client) -> None:
    files = [(io.BytesIO(node.data), f"{node.name}.csr") for node in THREE_NODES]
    answer = client.post(URL, data={"csr": files})
    assert [each["id"] for each in answer.get_json()["requests"]] == [1, 2, 3]
    assert client.get(URL).get_json()["certificates"] == []


def test_the_same_request_is_the_same_application_and_then_its_certificate(
    client: Client, approver: Client, waiting: dict[str, Any]
) -> None:
    again = client.post(URL, data=UCCX_PUBLISHER.data)
    assert (again.status_code, again.get_json()["requests"]) == (202, [waiting])
    serial = decide(approver, waiting, "approve").get_json()["serial_number"]
    third = client.post(URL, data=UCCX_PUBLISHER.data)
    assert (third.status_code, third.get_json()["certificates"][0]["serial_number"]) == (200, serial)


def test_an_idempotency_key_answers_202_again(client: Client) -> None:
    headers = {"Idempotency-Key": "k"}
    first, second = (client.post(URL, data=SOCIALMINER.data, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.headers["Location"] == second.headers["Location"]


def test_what_is_approved_has_a_link_to_its_certificate(
    client: Client, approver: Client, waiting: dict[str, Any]
) -> None:
    answer = decide(approver, waiting, "approve", note="fine")
    found = RequestDocument.model_validate(answer.get_json())
    assert (answer.status_code, found.state, found.decided_by, found.note) == (200, "issued", "approver", "fine")
    assert "Retry-After" not in answer.headers
    assert found.links
    assert found.links.certificate
    assert client.get(f"{found.links.certificate}?format=pem").status_code == 200
    assert client.get(found.links.self).get_json() == answer.get_json()


def test_the_note_of_an_approval_may_be_missing_with_the_body(approver: Client, waiting: dict[str, Any]) -> None:
    answer = approver.post(f"{REQUESTS}/{waiting['id']}/approve")
    assert (answer.status_code, answer.get_json()["note"]) == (200, None)


def test_what_is_refused_tells_the_note_to_who_has_submitted_it(
    client: Client, approver: Client, waiting: dict[str, Any]
) -> None:
    assert decide(approver, waiting, "refuse", note="wrong parent domain").status_code == 200
    found = client.get(f"{REQUESTS}/{waiting['id']}").get_json()
    assert (found["state"], found["note"], found["links"]["certificate"]) == ("refused", "wrong parent domain", None)


@pytest.mark.parametrize("note", [{}, {"note": " "}])
def test_a_refusal_without_a_note_is_refused(approver: Client, waiting: dict[str, Any], note: dict[str, str]) -> None:
    answer = decide(approver, waiting, "refuse", **note)
    assert (answer.status_code, rules(answer)) == (400, [("request.note", "/note")])


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b'{"note": 1}', b'{"reason": "x"}', b"\xff"])
def test_a_body_that_is_no_decision_is_refused(approver: Client, waiting: dict[str, Any], body: bytes) -> None:
    answer = approver.post(f"{REQUESTS}/{waiting['id']}/approve", data=body)
    assert answer.status_code == 400
    assert approver.get(f"{REQUESTS}/{waiting['id']}").get_json()["state"] == "submitted"


def test_who_has_submitted_it_withdraws_it(client: Client, waiting: dict[str, Any]) -> None:
    assert decide(client, waiting, "withdraw").get_json()["state"] == "withdrawn"
    assert client.post(URL, data=UCCX_PUBLISHER.data).get_json()["requests"][0]["id"] == 2


@pytest.mark.parametrize(
    ("role", "verb", "rule"),
    [
        (Role.REQUESTER, "approve", "permission.missing"),
        (Role.REQUESTER, "refuse", "permission.missing"),
        (Role.AUDITOR, "approve", "permission.missing"),
        (Role.AUDITOR, "refuse", "permission.missing"),
        (Role.AUDITOR, "withdraw", "permission.missing"),
        (Role.APPROVER, "withdraw", "request.not-own"),
    ],
)
def test_who_may_not_is_told_so(client_of: Clients, waiting: dict[str, Any], role: Role, verb: str, rule: str) -> None:
    answer = decide(client_of(role), waiting, verb, note="x")
    assert (answer.status_code, rules(answer)[0][0]) == (403, rule)


@pytest.mark.parametrize("role", [Role.APPROVER, Role.ADMINISTRATOR])
@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_nobody_decides_about_their_own_with_any_token(made: Made, tmp_path: Path, role: Role, verb: str) -> None:
    strict = deciding(made, tmp_path / "strict", "[]", lambda _: None)
    client = create_app(Settings(instance_path=tmp_path / "strict" / "instance"), strict).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.tokens[role]}"
    (own,) = client.post(URL, data=UCCX_PUBLISHER.data).get_json()["requests"]
    answer = decide(client, own, verb, note="x")
    assert (answer.status_code, rules(answer)[0][0]) == (403, "request.own")


def test_who_comes_second_is_told_who_was_first_and_when(
    approver: Client, client_of: Clients, waiting: dict[str, Any]
) -> None:
    decide(approver, waiting, "refuse", note="no")
    answer = decide(client_of(Role.ADMINISTRATOR), waiting, "approve")
    assert (answer.status_code, rules(answer)[0][0]) == (409, "request.decided")
    assert "refused by approver" in answer.get_json()["detail"]


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "1.0", "9" * 10, "9" * 400, "\u0661"])
def test_an_application_that_is_not_there_is_not_found(approver: Client, waiting: dict[str, Any], number: str) -> None:
    assert waiting["id"] == 1
    assert approver.get(f"{REQUESTS}/{number}").status_code == 404
    for verb in ("approve", "withdraw"):
        assert approver.post(f"{REQUESTS}/{number}/{verb}").status_code == 404


def test_waiting_holds_the_line_and_tells_when_to_ask_again(client: Client, waiting: dict[str, Any]) -> None:
    answer = client.get(f"{REQUESTS}/{waiting['id']}?wait=30")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "submitted")
    assert answer.headers["Retry-After"] == "30"


def test_waiting_ends_with_the_decision(
    client: Client, approver: Client, meanwhile: list[Callable[[], object]], waiting: dict[str, Any]
) -> None:
    meanwhile.append(lambda: decide(approver, waiting, "refuse", note="no"))
    assert client.get(f"{REQUESTS}/{waiting['id']}?wait=2").get_json()["state"] == "refused"


@pytest.mark.parametrize("wait", ["31", "-1", "x", ""])
def test_waiting_has_its_bounds(client: Client, waiting: dict[str, Any], wait: str) -> None:
    answer = client.get(f"{REQUESTS}/{waiting['id']}?wait={wait}")
    assert (answer.status_code, rules(answer)) == (400, [("option.value", "/wait")])


def test_a_list_has_filters_and_pages(client: Client, approver: Client) -> None:
    for node in THREE_NODES:
        client.post(URL, data=node.data)
    approver.post(f"{REQUESTS}/1/approve")

    def hosts(query: str, who: Client = approver) -> list[str]:
        document = RequestsDocument.model_validate(who.get(f"{REQUESTS}?{query}").get_json())
        return [each.host.partition(".")[0] for each in document.requests]

    assert hosts("") == ["sm1", "uccx2", "uccx1"]
    assert hosts("state=submitted&sort=oldest") == ["uccx2", "sm1"]
    assert hosts("q=UCCX", client) == ["uccx2", "uccx1"]
    first = approver.get(f"{REQUESTS}?limit=2&q=example")
    assert first.headers["Link"] == f'<{first.get_json()["next"]}>; rel="next"'
    assert [each["id"] for each in approver.get(first.get_json()["next"]).get_json()["requests"]] == [1]


def test_a_requester_lists_their_own_only(client: Client, approver: Client) -> None:
    approver.post(URL, data=SOCIALMINER.data)
    assert client.get(REQUESTS).get_json()["requests"] == []
    assert [each["rule"] for each in approver.get(REQUESTS).get_json()["requests"]] == ["approvers"]


@pytest.mark.parametrize("query", ["state=done", "sort=host", "limit=0", "cursor=x", "mine=1"])
def test_a_list_refuses_what_it_does_not_know(client: Client, query: str) -> None:
    assert client.get(f"{REQUESTS}?{query}").status_code == 400


def test_a_note_may_come_in_a_form(approver: Client, waiting: dict[str, Any]) -> None:
    url = f"{REQUESTS}/{waiting['id']}/approve"
    answer = approver.post(url, data={"note": "by form"}, content_type="multipart/form-data")
    assert (answer.status_code, answer.get_json()["note"]) == (200, "by form")


@pytest.mark.parametrize("fields", [{"note": (io.BytesIO(b"x"), "note.txt")}, {"reason": "x"}, {}])
def test_a_form_that_is_no_decision_is_refused(
    approver: Client, waiting: dict[str, Any], fields: dict[str, Any]
) -> None:
    url = f"{REQUESTS}/{waiting['id']}/approve"
    assert approver.post(url, data=fields, content_type="multipart/form-data").status_code == 400


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if "request_id" in each.path and each.id != "getSubmission"],
    ids=lambda each: each.id,
)
def test_the_curl_line_of_every_operation_works(
    app: Flask, made: Made, client: Client, operation: Operation, tmp_path: Path
) -> None:
    who = Role.REQUESTER if "withdraw" in operation.id else Role.APPROVER
    client.post(URL, data=UCCX_PUBLISHER.data)
    assert json.loads(run(app, operation, made.tokens[who], tmp_path))["id"] == 1


def run(app: Flask, operation: Operation, token: str, folder: Path) -> bytes:
    """Run the curl line of an operation on request 1 in this folder; what it prints."""
    find("curl")
    with served(app) as address:
        line = operation.curl.format(base_url=address).replace("REQUEST_ID", "1")
        environ = {"PATH": os.environ["PATH"], "no_proxy": "*", "TOKEN": token}
        done = subprocess.run(  # noqa: S602
            line, shell=True, env=environ, cwd=folder, capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Together


def submit_three(client: Client) -> None:
    """Submit the three nodes in one submission: requests 1, 2 and 3."""
    files = [(io.BytesIO(node.data), f"{node.name}.csr") for node in THREE_NODES]
    assert client.post(URL, data={"csr": files}).status_code == 202


def test_a_submission_is_told_with_what_became_of_each(client: Client, approver: Client) -> None:
    submit_three(client)
    approver.post(f"{REQUESTS}/1/approve")
    approver.post(f"{REQUESTS}/2/refuse", json={"note": "no"})
    document = RequestsDocument.model_validate(client.get(f"{REQUESTS}/3/submission").get_json())
    assert [(each.id, each.state) for each in document.requests] == [(1, "issued"), (2, "refused"), (3, "submitted")]


def test_the_certificates_of_a_submission_are_one_zip(
    app: Flask, made: Made, client: Client, approver: Client, tmp_path: Path
) -> None:
    submit_three(client)
    for number in (1, 3):
        approver.post(f"{REQUESTS}/{number}/approve")
    (operation,) = (each for each in OPERATIONS if each.id == "getSubmission")
    run(app, operation, made.tokens[Role.REQUESTER], tmp_path)
    names = zipfile.ZipFile(tmp_path / "2-certificates.zip").namelist()
    hosts = {name.split("/")[0] for name in names if name.endswith("UPLOAD.txt")}
    assert hosts == {"uccx1.example.com", "sm1.example.com"}


def test_a_submission_without_a_certificate_has_no_zip(client: Client) -> None:
    submit_three(client)
    answer = client.get(f"{REQUESTS}/1/submission?format=zip")
    assert (answer.status_code, rules(answer)) == (409, [("submission.nothing-signed", "")])
    assert client.get(f"{REQUESTS}/9/submission").status_code == 404
