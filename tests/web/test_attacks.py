"""Attacks on sign-in, sessions and forms, each of them refused."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from ca_service import web
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.people import code_of
from tests.web.html import read
from tests.web.signed import enrol_app, next_code
from tests.web.visitor import COOKIE, Visitor, carried_to, cookie_of, sign_in, visit

NEW_PASSWORD = "quite another set of words"
STRANGER = {"REMOTE_ADDR": "198.51.100.7"}


def guess(app: Flask, name: str, password: str | None = None, **headers: str) -> int:
    """The status of an attempt, with a wrong password unless one is given, from a browser without cookies."""
    visitor = visit(app)
    fields = {"name": name, "password": password or "wrong", "csrf_token": visitor.csrf_token()}
    return visitor.client.post("/sign-in", data=fields, headers=headers, environ_base=STRANGER).status_code


# Forms


@pytest.mark.parametrize("token", ["", "forged", None])
@pytest.mark.parametrize(
    "path",
    ["/account/tokens", "/account/password", "/account/sign-in/app", "/account/people/requester/role", "/confirm"],
)
def test_a_forged_form_changes_nothing(app: Flask, path: str, token: str | None) -> None:
    visitor = sign_in(app, Role.ADMINISTRATOR)
    fields = {"role": "administrator", "label": "x", "days": "1", "scopes": "check"} | (
        {"csrf_token": token} if token is not None else {}
    )

    answer = visitor.client.post(path, data=fields)

    assert (answer.status_code, read(answer.text).blocking) == (400, ["form.expired"])


def test_the_token_of_another_session_does_not_count(app: Flask, requester: Visitor) -> None:
    theirs = sign_in(app, Role.AUDITOR).csrf_token()

    answer = requester.client.post(
        "/account/tokens", data={"label": "x", "days": "1", "scopes": "check", "csrf_token": theirs}
    )

    assert answer.status_code == 400


def test_a_forged_form_is_not_carried_along_by_the_page_that_asks_who_one_is(lab: Lab, lab_app: Flask) -> None:
    lab.accounts.create(OPERATOR, "vera", Role.ADMINISTRATOR, PASSWORD)
    visitor = visit(lab_app)
    visitor.sign_in("vera")
    lab.clock.advance(minutes=11)

    answer = visitor.client.post("/account/people", data={"name": "mallory", "role": "administrator"})

    assert answer.status_code == 400
    assert "mallory" not in answer.text


# Guessing


@pytest.mark.parametrize("name", ["requester", "REQUESTER", " requester", "requester\t", "Requester "])
def test_guessing_goes_on_under_no_other_spelling(app: Flask, name: str) -> None:
    assert [guess(app, "requester") for _ in range(6)] == [401] * 5 + [429]
    assert guess(app, name, PASSWORD) == 429


def test_an_address_that_is_made_up_is_not_believed_without_a_proxy(app: Flask) -> None:
    forwarded = [{"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"} for number in range(6)]
    assert [guess(app, "requester", **headers) for headers in forwarded] == [401] * 5 + [429]


def test_behind_one_proxy_only_what_that_proxy_says_is_believed(installation: Installation) -> None:
    options = web.WebOptions(secret_key="x" * 32, trusted_proxies=1, base_url="http://localhost")
    app = web.create(installation, options)
    forwarded = [{"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"} for number in range(6)]
    assert [guess(app, "requester", **headers) for headers in forwarded] == [401] * 5 + [429]


def test_whether_there_is_such_an_account_is_not_told_by_how_attempts_end(app: Flask) -> None:
    answers = []
    for name in ("requester", "nobody"):
        visitor = visit(app)
        for _ in range(6):
            answer = visitor.sign_in(name, "wrong")
        page = re.sub(r"\d\d:\d\d:\d\d|\d+ seconds|nobody|requester|value=\"[^\"]+\"", "", answer.text)
        answers.append((answer.status_code, page))
    assert answers[0] == answers[1]
    assert answers[0][0] == 429


def test_who_has_to_wait_is_told_for_how_long(visitor: Visitor) -> None:
    for _ in range(6):
        answer = visitor.sign_in("requester", "wrong")
    assert 0 < int(answer.headers["Retry-After"]) <= 10
    assert re.search(r"Wait for \d+ seconds, until \d\d:\d\d:\d\d UTC", answer.text)


def test_restarting_the_service_makes_nothing_forgotten(app: Flask, installation: Installation) -> None:
    assert [guess(app, "requester") for _ in range(5)] == [401] * 5
    installation.close()
    restarted = web.create(installation, web.WebOptions(secret_key="y" * 32))
    assert guess(restarted, "requester", PASSWORD) == 429


def test_a_person_who_is_signed_in_stays_so_while_others_guess(app: Flask, requester: Visitor) -> None:
    for _ in range(8):
        guess(app, "requester")
    assert requester.get("/account").status_code == 200


def test_a_person_comes_in_again_from_a_known_browser_while_others_guess(app: Flask) -> None:
    owner = sign_in(app)
    owner.post("/sign-out")
    for number in range(30):
        visitor = visit(app)
        fields = {"name": "requester", "password": "wrong", "csrf_token": visitor.csrf_token()}
        visitor.client.post("/sign-in", data=fields, environ_base={"REMOTE_ADDR": f"203.0.113.{number}"})
    assert guess(app, "requester", PASSWORD) == 429
    assert owner.sign_in("requester").status_code == 302


# Second factors


def test_a_code_that_was_seen_does_not_work_again(app: Flask, requester: Visitor) -> None:
    secret, _ = enrol_app(requester)
    code = next_code(secret)
    owner, attacker = visit(app), visit(app)
    for visitor in (owner, attacker):
        visitor.sign_in("requester")
    assert owner.post("/sign-in/second-step", {"code": code}).status_code == 302

    answer = attacker.post("/sign-in/second-step", {"code": code})

    assert (answer.status_code, attacker.get("/account").status_code) == (401, 302)


def test_a_password_alone_reaches_no_page_of_an_account_with_a_second_factor(app: Flask, requester: Visitor) -> None:
    enrol_app(requester)
    attacker = visit(app)
    attacker.sign_in("requester")
    for path in ("/", "/account", "/account/sign-in", "/certificates", "/confirm"):
        assert attacker.get(path).status_code == 302
    assert attacker.post("/account/sign-in/app/remove").status_code == 302
    assert attacker.post("/confirm", {"confirm_password": PASSWORD}).status_code == 302


def test_codes_cannot_be_guessed_by_beginning_again_and_again(app: Flask, requester: Visitor) -> None:
    enrol_app(requester)
    statuses = []
    for _ in range(6):
        attacker = visit(app)
        attacker.sign_in("requester")
        statuses.append(attacker.post("/sign-in/second-step", {"code": "000000"}).status_code)
    assert statuses == [401] * 5 + [302]  # the sixth does not come as far as the second step


# Sessions


def test_an_old_cookie_is_worth_nothing_after_signing_out_or_another_password(app: Flask) -> None:
    one, other = sign_in(app), sign_in(app)
    copied = [cookie_of(each) for each in (one, other)]
    one.post("/sign-out")
    assert carried_to(app, copied[0]).get("/account").status_code == 302
    assert other.get("/account").status_code == 200

    other.post("/account/password", {"old": PASSWORD, "password": NEW_PASSWORD, "repeated": NEW_PASSWORD})

    assert carried_to(app, copied[1]).get("/account").status_code == 302
    assert other.get("/account").status_code == 200


def test_a_cookie_that_was_planted_before_signing_in_opens_nothing_afterwards(app: Flask) -> None:
    attacker = visit(app)
    attacker.get("/sign-in")
    planted = cookie_of(attacker)
    victim = carried_to(app, planted)
    victim.sign_in("requester")

    assert cookie_of(victim) != planted
    assert carried_to(app, planted).get("/account").status_code == 302
    assert attacker.get("/account").status_code == 302


def test_a_pending_cookie_that_was_planted_opens_nothing_after_the_second_step(app: Flask, requester: Visitor) -> None:
    secret, _ = enrol_app(requester)
    attacker = visit(app)
    attacker.sign_in("requester")  # the attacker knows the password
    victim = carried_to(app, cookie_of(attacker))
    assert victim.post("/sign-in/second-step", {"code": next_code(secret)}).status_code == 302

    assert victim.get("/account").status_code == 200
    assert attacker.get("/account").status_code == 302
    assert attacker.get("/sign-in/second-step").status_code == 302


@pytest.mark.parametrize("cookie", ["x", "eyJfdXNlcl9pZCI6IjEifQ.Zm9v.YmFy", "1.0"])
def test_a_cookie_that_was_made_up_opens_nothing(app: Flask, cookie: str) -> None:
    assert carried_to(app, cookie).get("/account").status_code == 302


def test_the_cookie_of_a_known_browser_opens_nothing(app: Flask) -> None:
    owner = sign_in(app)
    known = owner.client.get_cookie(f"{COOKIE}_browser")
    assert known
    attacker = visit(app)
    attacker.client.set_cookie(f"{COOKIE}_browser", known.value)
    assert attacker.get("/account").status_code == 302
    attacker.client.set_cookie(COOKIE, known.value)
    assert attacker.get("/account").status_code == 302


# Ways around the page that asks who one is


@pytest.fixture
def stale(lab: Lab, lab_app: Flask) -> Visitor:
    """Return a visitor with the cookie of an administrator who signed in a while ago."""
    lab.accounts.create(OPERATOR, "vera", Role.ADMINISTRATOR, PASSWORD)
    visitor = visit(lab_app)
    visitor.sign_in("vera")
    lab.clock.advance(minutes=11)
    return visitor


@pytest.mark.parametrize(
    "extra", [{}, {"confirm_resend": "yes"}, {"confirm_password": PASSWORD}, {"confirm_password": ""}]
)
def test_a_dangerous_form_that_is_sent_directly_is_not_done(lab: Lab, stale: Visitor, extra: dict[str, str]) -> None:
    answer = stale.post("/account/tokens", {"label": "x", "days": "1", "scopes": "check", **extra})

    assert answer.status_code == 403
    assert not lab.tokens.list_of(OPERATOR, "vera")


def test_what_was_sent_again_without_a_confirmation_is_not_done(lab: Lab, stale: Visitor) -> None:
    answer = stale.post(
        "/confirm?next=/account/tokens", {"label": "x", "days": "1", "scopes": "check", "confirm_resend": "yes"}
    )

    assert answer.status_code == 401
    assert not lab.tokens.list_of(OPERATOR, "vera")


def test_the_factor_of_the_attacker_confirms_nothing(lab: Lab, stale: Visitor) -> None:
    mallory = lab.accounts.create(OPERATOR, "mallory", Role.REQUESTER, PASSWORD)
    secret = lab.second_factors.offer_app(mallory.actor).secret
    lab.second_factors.confirm_app(mallory.actor, code_of(secret, lab.clock()))
    lab.clock.advance(minutes=1)

    answer = stale.post("/confirm", {"confirm_code": code_of(secret, lab.clock())})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_no_page_leads_to_another_server(app: Flask, lab: Lab, stale: Visitor, requester: Visitor, target: str) -> None:
    assert lab.clock()
    query = {"next": target}
    fields = {"confirm_password": PASSWORD}
    confirmed = stale.client.post("/confirm", query_string=query, data={**fields, "csrf_token": stale.csrf_token()})
    assert (confirmed.status_code, confirmed.location) == (303, "/")

    secret, _ = enrol_app(requester)
    visitor = visit(app)
    half = visitor.client.post(
        "/sign-in",
        query_string=query,
        data={"name": "requester", "password": PASSWORD, "csrf_token": visitor.csrf_token()},
    )
    assert half.location.startswith("/sign-in/second-step?next=")
    token = {"csrf_token": visitor.csrf_token(), "code": next_code(secret)}
    assert visitor.client.post("/sign-in/second-step", query_string=query, data=token).location == "/"
