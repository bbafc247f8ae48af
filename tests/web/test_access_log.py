"""Every request leaves a line, and no line holds a secret."""

from __future__ import annotations

import logging
import re

import pytest
from flask import Flask

from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR, PASSWORD
from tests.web.visitor import Visitor, visit

LINE = re.compile(r"[A-Z]+ \S+ \d{3} \d+\.\d ms \S+ \S+")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything that is logged, at any level."""
    caplog.set_level(logging.DEBUG)
    return caplog


def messages(lines: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in lines.records if record.name == "ca_service.access"]


def test_a_line_names_method_route_status_duration_and_account(
    requester: Visitor, lines: pytest.LogCaptureFixture
) -> None:
    requester.get("/certificates/00ff?q=1")

    assert len(messages(lines)) == 1
    assert LINE.fullmatch(messages(lines)[0].replace("(no route)", "-"))
    assert messages(lines)[0].startswith("GET /certificates/<serial_number> 404 ")
    assert messages(lines)[0].endswith(" ms requester 127.0.0.1")


def test_who_has_no_account_has_no_name_in_it(visitor: Visitor, lines: pytest.LogCaptureFixture) -> None:
    visitor.get("/ca/")

    assert messages(lines)[0].endswith(" ms - 127.0.0.1")


def test_a_request_that_is_turned_away_has_a_duration_too(visitor: Visitor, lines: pytest.LogCaptureFixture) -> None:
    visitor.get("/certificates")

    assert messages(lines)[0].startswith("GET /certificates 302 ")
    assert " 0.0 ms " not in messages(lines)[0]


def test_what_leads_nowhere_is_logged_without_its_path(visitor: Visitor, lines: pytest.LogCaptureFixture) -> None:
    visitor.get("/setup/secret/nowhere")

    assert messages(lines)[0].startswith("GET (no route) 404 ")
    assert "secret" not in "".join(messages(lines))


def test_the_secret_of_the_set_up_link_is_in_no_line(
    lab_installation: Installation, lab_app: Flask, lines: pytest.LogCaptureFixture
) -> None:
    secret = lab_installation.accounts.make_setup_link()
    visitor = visit(lab_app)
    fields = {"name": "vera", "password": PASSWORD, "repeated": PASSWORD}
    for answer in (
        visitor.get(f"/setup/{secret}"),
        visitor.post(f"/setup/{secret}", fields),
        visitor.get(f"/setup/{secret}"),
    ):
        assert answer.status_code in (200, 302, 404)

    assert [line.split()[1] for line in messages(lines)].count("/setup/<secret>") == 3
    assert str(secret) not in "\n".join(record.getMessage() for record in lines.records)


def test_no_password_and_no_token_is_in_any_line(
    app: Flask, installation: Installation, lines: pytest.LogCaptureFixture
) -> None:
    token = installation.tokens.create(OPERATOR, "requester", "x", 1).secret
    visitor = visit(app)
    visitor.client.get("/api/v1/authority", headers={"Authorization": f"Bearer {token}"})
    visitor.sign_in("requester", "not the password")
    visitor.sign_in("requester")

    everything = "\n".join(record.getMessage() for record in lines.records)
    assert "/api/v1/authority" in everything
    for secret in (token, "not the password", PASSWORD):
        assert secret not in everything
