"""Errors that help: what a person, a script and the log are told."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask

from ca_service import errors, web
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.conflicts import CERTIFICATE_AGAIN
from ca_service.errors import CAServiceError, Rule
from ca_service.settings import Settings
from ca_service.web.problems import STATUS, status_of
from tests.support.requests import UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor, carried_to, cookie_of, upload, visit

SECRET = "what went wrong inside"


def broken_clock() -> datetime:
    raise RuntimeError(SECRET)


def unsigned_clock() -> datetime:
    raise errors.SigningError.because(Rule("tbs.differs", SECRET, ""))


@pytest.fixture(params=[broken_clock, unsigned_clock])
def broken(request: pytest.FixtureRequest, installation: Installation) -> Visitor:
    """Return a visitor of an application with a fault."""
    options = web.WebOptions(secret_key="x" * 32)
    visitor = visit(web.create(installation, options))
    visitor.sign_in("requester")
    return carried_to(web.create(replace(installation, clock=request.param), options), cookie_of(visitor))


def test_a_fault_of_ours_shows_a_number_and_no_detail(broken: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    answer = broken.get("/account")

    page = read(answer.text)
    number = re.search(r"the number ([0-9a-f]{8}),", page.text)
    assert answer.status_code == 500
    assert page.blocking == ["internal"]
    assert SECRET not in answer.text
    assert number
    assert f"error {number[1]}: " in caplog.text
    assert SECRET in caplog.text


def test_a_page_that_there_is_not_says_where_to_go(visitor: Visitor) -> None:
    answer = visitor.get("/nothing/here")

    assert answer.status_code == 404
    assert read(answer.text).blocking == ["http.not-found"]
    assert {"/sign-in", "/ca/"} <= set(read(answer.text).links)


def test_a_method_that_is_not_taken_names_those_that_are(visitor: Visitor) -> None:
    answer = visitor.client.delete("/certificates")

    assert answer.status_code == 405
    assert "does not accept DELETE" in answer.text
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_script_is_answered_with_a_problem(visitor: Visitor) -> None:
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/checks", 405)):
        answer = visitor.client.open(path, method=method)
        problem = answer.get_json(force=True)
        assert answer.content_type == "application/problem+json"
        assert problem["status"] == answer.status_code == status
        assert set(problem["errors"][0]) == {"pointer", "rule", "severity", "detail", "remedy"}


def test_an_error_page_fits_who_is_looking(visitor: Visitor, requester: Visitor) -> None:
    for each, is_signed_in in ((visitor, False), (requester, True)):
        page = each.get("/nothing").text
        assert ("Sign out" in page) is is_signed_in
        assert ("/certificates" in read(page).links) is is_signed_in


def every_error(kind: type[CAServiceError] = CAServiceError) -> list[type[CAServiceError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in every_error(below))]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_the_status_of_its_nearest_kin(kind: type[CAServiceError]) -> None:
    status = status_of(kind.because(Rule("a.rule", "A problem.", "A remedy.")))

    nearest = next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)
    assert status == nearest


def test_a_host_name_that_is_none_is_refused(app: Flask) -> None:
    for host in ("evil.example/path", "a b", "<script>", 'x"y'):
        answer = app.test_client().get("/ca/", headers={"Host": host})
        assert answer.status_code < 500
        assert "<script>" not in answer.text


def test_an_error_is_logged_with_its_trace_and_a_refusal_is_not(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        visitor.get("/nothing")

    assert not caplog.records


@pytest.mark.fault("database", "The database is lost while the service runs", "answers 503; only the log has the path")
@pytest.mark.parametrize("path", ["/ca/root.pem", "/readyz", "/certificates", "/api/v1/authority"])
def test_a_lost_database_is_told_to_the_operator_and_not_to_everybody(
    requester: Visitor, settings: Settings, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    (settings.instance_path / "ca.sqlite3").unlink()

    answer = requester.get(path, headers={"Authorization": "Bearer x"})

    assert answer.status_code == 503
    assert str(settings.instance_path) not in answer.text
    assert str(settings.instance_path) in caplog.text


@pytest.mark.parametrize("number", ["2147483648", "99999999999999999999", "9" * 200])
def test_a_number_that_no_row_can_have_is_not_found(requester: Visitor, number: str) -> None:
    assert requester.get(f"/clusters/{number}").status_code == 404
    assert requester.get("/clusters/2147483647").status_code == 404


def test_commands_in_a_finding_are_marked_and_options_of_scripts_are_left_out(
    visitor: Visitor, requester: Visitor
) -> None:
    answer = visitor.post("/sign-in", {"name": "nobody", "password": "wrong"})
    assert "<code>ca-service user reset NAME</code>" in answer.text
    requester.issue(UCCX_PUBLISHER)
    page = read(requester.check(upload(UCCX_PUBLISHER)).text)
    assert "certificate.again" in [rule for _, rule in page.findings]
    assert "new=true" not in page.text


def test_api_and_command_line_name_their_options() -> None:
    assert CERTIFICATE_AGAIN.at(end="").remedy.endswith("Options: new=true, --new.")
