"""How the API refuses: who may not, what is not there, and that each refusal is a problem that helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.documents.findings import ProblemDocument
from tests.support.factories import OPERATOR, cheap_hasher
from tests.support.instances import write_migrated
from tests.support.request_records import NOBODY_WAITS
from tests.support.requests import SOCIALMINER

from .test_submitting import errors

URL = "/api/v1/certificates"
PROTECTED = [
    ("POST", URL),
    ("GET", URL),
    ("GET", f"{URL}/1"),
    ("POST", "/api/v1/checks"),
    ("GET", "/api/v1/authority"),
    ("OPTIONS", URL),
]


@pytest.mark.parametrize(("method", "url"), PROTECTED)
@pytest.mark.parametrize(
    ("authorization", "rule"),
    [
        (None, "token.missing"),
        ("", "token.missing"),
        ("Basic YTpi", "token.missing"),
        ("Bearer", "token.missing"),
        ("Bearer " + "x" * 500, "token.invalid"),
        ("Bearer ca_x", "token.invalid"),
        ("Bearer \xff", "token.invalid"),
    ],
)
def test_without_a_good_token_nothing_is_answered(
    steady_app: Flask, method: str, url: str, authorization: str | None, rule: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = steady_app.test_client().open(url, method=method, data=SOCIALMINER.data, headers=headers)
    assert (answer.status_code, errors(answer)) == (401, [(rule, "")])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_refused(client: Client, installation: object) -> None:
    tokens = installation.tokens  # type: ignore[attr-defined]
    (token,) = tokens.list_of(OPERATOR, "requester")
    assert client.get(URL).status_code == 200
    tokens.revoke(OPERATOR, "requester", token.id)
    assert client.get(URL).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_name_of_the_scheme_is_taken_in_any_case(app: Flask, token: str, scheme: str) -> None:
    assert app.test_client().get(URL, headers={"Authorization": f"{scheme} {token}"}).status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_only_roles_that_may_issue_do(client_of: Callable[[Role], Client], role: Role) -> None:
    answer = client_of(role).post(URL, data=SOCIALMINER.data)
    assert answer.status_code == (403 if role is Role.AUDITOR else 201)


def test_an_auditor_may_check_and_read(client_of: Callable[[Role], Client]) -> None:
    auditor = client_of(Role.AUDITOR)
    assert auditor.post("/api/v1/checks", data=SOCIALMINER.data).status_code == 200
    assert auditor.get(URL).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_method_that_there_is_not_is_405_with_those_that_there_are(client: Client, method: str) -> None:
    answer = client.open(URL, method=method)
    assert (answer.status_code, errors(answer)) == (405, [("http.method", "")])
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_options_tells_the_methods(client: Client) -> None:
    answer = client.options("/api/v1/checks")
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (200, {"OPTIONS", "POST"})


@pytest.mark.parametrize("url", ["/api/v1/", "/api/v1/nothing", f"{URL}/", f"{URL}/1/2"])
def test_an_address_that_there_is_not_is_a_404_problem(client: Client, url: str) -> None:
    answer = client.get(url)
    assert (answer.status_code, errors(answer)) == (404, [("http.not-found", "")])


def test_without_an_authority_the_api_is_not_ready(tmp_path: Path) -> None:
    settings = settings_module.load(NOBODY_WAITS, tmp_path / "instance").settings
    write_migrated(settings.instance_path)
    installation = open_installation(settings, cheap_hasher())
    installation.accounts.create(OPERATOR, "ann", Role.REQUESTER, "four random words")
    token = installation.tokens.create(OPERATOR, "ann", "test", 1).secret
    client = create_app(settings, installation).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    for answer in (client.post(URL, data=SOCIALMINER.data), client.get("/api/v1/authority")):
        assert (answer.status_code, errors(answer)) == (503, [("authority.missing", "")])
    assert client.post("/api/v1/checks", data=SOCIALMINER.data).status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("POST", f"{URL}?colour=red", 400),
        ("GET", f"{URL}/1", 404),
        ("DELETE", URL, 405),
        ("GET", f"{URL}?format=zip", 400),
        ("POST", URL, 422),
    ],
)
def test_every_refusal_is_a_problem_that_says_what_to_do(client: Client, method: str, url: str, status: int) -> None:
    answer = client.open(url, method=method)
    problem = ProblemDocument.model_validate(answer.get_json())
    assert (answer.status_code, problem.status, answer.content_type) == (status, status, "application/problem+json")
    assert all(error.detail and error.remedy for error in problem.errors)


def test_a_problem_is_told_though_only_other_forms_are_accepted(client: Client) -> None:
    answer = client.post(URL, data=b"junk", headers={"Accept": "application/zip"})
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")


def test_a_cookie_is_no_way_in(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("ca_service", "anything")
    assert client.get(URL).status_code == 401
