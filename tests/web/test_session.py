"""Signing in and out, and what ends a session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from ca_service import web
from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.installation import Installation
from ca_service.authority.people.sessions import SessionLimits
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.fakes import FixedClock
from tests.web.html import read
from tests.web.visitor import Visitor, carried_to, cookie_of, sign_in, visit

NEW_PASSWORD = "quite another set of words"


@pytest.fixture
def vera(installation: Installation) -> str:
    """Return the name of an existing account."""
    return installation.accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD).name


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.get("/account").status_code == 200


def test_who_has_not_signed_in_is_asked_to(visitor: Visitor) -> None:
    answer = visitor.get("/certificates?q=uccx1&sort=host")

    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/certificates?q%3Duccx1%26sort%3Dhost"


def test_name_and_password_open_a_session(vera: str, visitor: Visitor) -> None:
    answer = visitor.sign_in(vera)

    assert (answer.status_code, answer.location) == (302, "/")
    assert is_signed_in(visitor)


@pytest.mark.parametrize(("name", "password"), [("vera", "wrong"), ("nobody", PASSWORD), ("vera\0", PASSWORD)])
@pytest.mark.usefixtures("vera")
def test_a_wrong_name_or_password_opens_none(visitor: Visitor, name: str, password: str) -> None:
    answer = visitor.sign_in(name, password)

    assert answer.status_code == 401
    assert read(answer.text).blocking == ["sign-in.wrong"]
    assert PASSWORD not in answer.text
    assert not is_signed_in(visitor)


def test_nothing_typed_is_told_beside_the_fields(visitor: Visitor) -> None:
    answer = visitor.sign_in("", "")

    assert read(answer.text).text.count("This field is required") == 2


def test_signing_in_leads_to_the_page_that_was_asked_for(vera: str, visitor: Visitor) -> None:
    asked = visitor.get("/certificates?q=uccx1&sort=host")

    assert visitor.sign_in(vera, path=asked.location).location == "/certificates?q=uccx1&sort=host"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "\t//evil.example/",
        " //evil.example/",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "/\u2028/evil.example",
        "",
    ],
)
def test_signing_in_never_leads_to_another_server(vera: str, app: Flask, target: str) -> None:
    visitor = visit(app)
    answer = visitor.client.post(
        "/sign-in",
        query_string={"next": target},
        data={"name": vera, "password": PASSWORD, "csrf_token": visitor.csrf_token()},
    )
    again = visitor.client.get("/sign-in", query_string={"next": target})

    assert (answer.status_code, answer.location) == (302, "/")
    assert (again.status_code, again.location) == (302, "/")


def test_signing_out_ends_the_session(requester: Visitor) -> None:
    answer = requester.post("/sign-out")

    assert answer.location == "/sign-in"
    assert not is_signed_in(requester)


def test_signing_in_starts_with_an_empty_session(vera: str, visitor: Visitor) -> None:
    before = visitor.csrf_token()
    visitor.sign_in(vera)

    answer = visitor.client.post("/sign-out", data={"csrf_token": before})

    assert answer.status_code == 400
    assert is_signed_in(visitor)


def test_a_new_password_ends_all_other_sessions(app: Flask, requester: Visitor) -> None:
    elsewhere = sign_in(app)

    fields = {"old": PASSWORD, "password": NEW_PASSWORD, "repeated": NEW_PASSWORD}
    answer = requester.post("/account/password", fields)

    assert answer.status_code == 303
    assert "The password is changed." in requester.page(answer.location).text
    assert not is_signed_in(elsewhere)
    assert elsewhere.sign_in("requester").status_code == 401
    assert elsewhere.sign_in("requester", NEW_PASSWORD).status_code == 302


def test_a_locked_account_is_out_at_once(installation: Installation, requester: Visitor) -> None:
    installation.accounts.set_disabled(OPERATOR, "requester", True)

    assert not is_signed_in(requester)
    assert requester.sign_in("requester").status_code == 401


def test_a_session_of_another_installation_is_none(installation: Installation) -> None:
    ours, others = (web.create(installation, web.WebOptions(secret_key=letter * 32)) for letter in "xy")
    cookie = cookie_of(sign_in(ours))

    assert is_signed_in(carried_to(ours, cookie))
    assert not is_signed_in(carried_to(others, cookie))


def test_a_session_ends_after_its_time(installation: Installation) -> None:
    key = "x" * 32
    cookie = cookie_of(sign_in(web.create(installation, web.WebOptions(secret_key=key))))
    later = web.create(installation, web.WebOptions(secret_key=key, session_lifetime=timedelta(seconds=-1)))

    assert not is_signed_in(carried_to(later, cookie))


def test_the_cookie_is_for_this_server_and_no_script(vera: str, visitor: Visitor) -> None:
    known, cookie = visitor.sign_in(vera).headers.getlist("Set-Cookie")

    assert known.startswith("ca_service_browser=")
    for part in ("; HttpOnly", "; Path=/", "; SameSite=Lax"):
        assert part in known
    assert cookie.startswith("ca_service=")
    for part in ("; HttpOnly", "; Path=/", "; SameSite=Lax", "; Expires="):
        assert part in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie


def test_the_cookie_stays_on_https_where_the_service_does(installation: Installation) -> None:
    options = web.WebOptions(secret_key="x" * 32, base_url="https://ca.example.com")
    visitor = visit(web.create(installation, options), "https://ca.example.com")

    assert "; Secure" in visitor.get("/sign-in").headers["Set-Cookie"]


def test_signing_out_makes_a_copied_cookie_worthless(app: Flask, requester: Visitor) -> None:
    copied = carried_to(app, cookie_of(requester))
    assert copied.get("/account").status_code == 200

    requester.post("/sign-out")

    assert copied.get("/account").status_code == 302


def test_a_session_ends_so_many_hours_after_signing_in_however_busy_it_is(clock: FixedClock) -> None:
    hours = timedelta(hours=8)
    lab = Lab(clock=clock, session_limits=SessionLimits(hours, hours)).initialised()
    lab_installation = lab
    options = web.WebOptions(secret_key="x" * 32, session_lifetime=timedelta(days=1000))
    lab_installation.accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD)
    visitor = visit(web.create(lab_installation, options))
    visitor.sign_in("vera")

    for passed, status in ((5, 200), (2, 200), (2, 302)):
        lab.clock.advance(hours=passed)
        assert visitor.get("/account").status_code == status


def test_the_record_tells_from_where_somebody_came(lab: Lab, lab_app: Flask) -> None:
    lab.accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD)
    visitor = visit(lab_app)
    visitor.sign_in("vera", "not the password")
    visitor.sign_in("vera")
    visitor.post("/sign-out")
    edges: Any = lab.edges
    told = [(event.event, event.origin) for event in (edges.accounts.events[-1], *edges.sessions.events)]
    assert told == [(kind, "127.0.0.1") for kind in (Event.SIGN_IN_FAILED, Event.SIGNED_IN, Event.SIGNED_OUT)]
