"""Signing in at an OpenID provider, from the button to the page that was asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask import Flask

from ca_service import clock
from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR, PASSWORD, cheap_hasher
from tests.support.openid import CLIENT_ID, CLIENT_SECRET, Provider, serving_provider, unsigned
from tests.support.people import can_sign_in
from tests.web.conftest import Made
from tests.web.html import read
from tests.web.signed import enrol_app, next_code
from tests.web.visitor import COOKIE, Visitor, carried_to, visit


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The provider; its clock is the real one, as ours is here."""
    with serving_provider(clock.utc_now) as provider:
        yield provider


@pytest.fixture
def installation(made: Made, provider: Provider, tmp_path: Path) -> Installation:
    """An installation where one can sign in there; requesters come from the group voice."""
    settings = _settings(provider, tmp_path)
    shutil.copytree(made.folder, settings.instance_path)
    return open_installation(settings, cheap_hasher())


def _settings(provider: Provider, tmp_path: Path) -> settings_module.Settings:
    environ = {
        "CA_SERVICE_OIDC__ISSUER": provider.issuer,
        "CA_SERVICE_OIDC__CLIENT_ID": CLIENT_ID,
        "CA_SERVICE_OIDC__CLIENT_SECRET": CLIENT_SECRET,
        "CA_SERVICE_OIDC__ROLES": "voice=requester; ca-admins=administrator",
    }
    return settings_module.load(environ, tmp_path / "instance").settings


@pytest.fixture
def app(installation: Installation, provider: Provider, tmp_path: Path) -> Flask:
    """The application over it."""
    return create_app(_settings(provider, tmp_path), installation)


def back(visitor: Visitor, provider: Provider, query: str = "") -> str:
    """Return the local path after a sign-in with the provider."""
    away = visitor.get(f"/oidc/sign-in{query}")
    assert away.status_code == 302, read(away.text).text
    parts = urlsplit(provider.sign_in(away.location))
    assert f"{parts.scheme}://{parts.netloc}" == "http://localhost"
    return f"{parts.path}?{parts.query}"


def test_the_sign_in_page_has_a_button_for_it(visitor: Visitor, provider: Provider) -> None:
    page = visitor.page("/sign-in?next=/certificates")
    assert "/oidc/sign-in?next=/certificates" in page.links
    assert f"Sign in with {urlsplit(provider.issuer).netloc}" in page.text


def test_whoever_signs_in_there_is_signed_in_here(
    visitor: Visitor, provider: Provider, installation: Installation
) -> None:
    arrived = visitor.get(back(visitor, provider, "?next=/certificates"))
    assert (arrived.status_code, arrived.location) == (302, "/certificates")
    assert visitor.page("/certificates").text.count("vera") == 1
    assert installation.accounts.get("vera").role is Role.REQUESTER


def test_an_answer_is_good_once(visitor: Visitor, provider: Provider) -> None:
    path = back(visitor, provider)
    assert visitor.get(path).status_code == 302
    again = visitor.get(path)
    assert again.status_code == 401
    assert read(again.text).blocking == ["oidc.state"]


def test_an_answer_that_failed_cannot_be_tried_again(visitor: Visitor, provider: Provider) -> None:
    path = back(visitor, provider)
    provider.sign = unsigned
    failed = visitor.get(path)
    assert (failed.status_code, read(failed.text).blocking) == (401, ["oidc.token"])
    assert "/sign-in" in read(failed.text).links
    assert read(visitor.get(path).text).blocking == ["oidc.state"]


def test_the_answer_of_another_browser_is_refused(app: Flask, visitor: Visitor, provider: Provider) -> None:
    path = back(visit(app), provider)  # of an attacker who wants the visitor to work in the attacker's account
    for begin in (lambda: None, lambda: visitor.get("/oidc/sign-in")):
        begin()
        answer = visitor.get(path)
        assert (answer.status_code, read(answer.text).blocking) == (401, ["oidc.state"])
    assert visitor.get("/account").status_code == 302


def test_a_replayed_cookie_does_not_make_the_code_good_again(app: Flask, visitor: Visitor, provider: Provider) -> None:
    path = back(visitor, provider)
    kept = visitor.client.get_cookie(COOKIE)
    assert kept
    assert visitor.get(path).status_code == 302
    answer = carried_to(app, kept.value).get(path)
    assert (answer.status_code, read(answer.text).blocking) == (401, ["oidc.token"])


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\\\evil.example", "javascript:x"])
def test_nobody_is_led_elsewhere_afterwards(visitor: Visitor, provider: Provider, target: str) -> None:
    path = back(visitor, provider, "?" + urlencode({"next": target}))
    assert visitor.get(path).location == "/"


@pytest.mark.parametrize(
    ("prepare", "status", "rule"),
    [
        (lambda provider, _: provider.person.update(groups=["nobody"]), 403, "oidc.no-role"),
        (lambda provider, _: provider.person.update(preferred_username="auditor"), 409, "oidc.name-taken"),
        (lambda provider, _: provider.person.update(preferred_username="a b"), 400, "account.name"),
        (lambda provider, _: provider.answers.update({"/jwks": (500, {}, b"")}), 503, "oidc.unreachable"),
        (lambda provider, _: provider.lies.update(nonce="another"), 401, "oidc.token"),
    ],
)
def test_each_refusal_is_a_page_that_says_what_to_do(
    visitor: Visitor,
    provider: Provider,
    installation: Installation,
    prepare: Callable[[Provider, Installation], None],
    status: int,
    rule: str,
) -> None:
    prepare(provider, installation)
    answer = visitor.get(back(visitor, provider))
    assert (answer.status_code, read(answer.text).blocking) == (status, [rule])
    assert visitor.get("/account").status_code == 302


def test_a_user_who_said_no_there_is_told_so(visitor: Visitor, provider: Provider) -> None:
    parts = urlsplit(back(visitor, provider))
    state = dict(parse_qsl(parts.query))["state"]
    answer = visitor.get(f"{parts.path}?{urlencode({'error': 'access_denied', 'state': state})}")
    assert (answer.status_code, read(answer.text).blocking) == (401, ["oidc.refused"])


def test_a_locked_out_account_is_told_so(visitor: Visitor, provider: Provider, installation: Installation) -> None:
    visitor.get(back(visitor, provider))
    installation.accounts.set_disabled(OPERATOR, "vera", disabled=True)
    answer = visitor.get(back(visitor, provider))
    assert (answer.status_code, read(answer.text).blocking) == (403, ["oidc.disabled"])


def test_a_provider_that_does_not_answer_leaves_the_local_way(visitor: Visitor, provider: Provider) -> None:
    provider.answers["/.well-known/openid-configuration"] = (500, {}, b"")
    answer = visitor.get("/oidc/sign-in")
    assert (answer.status_code, read(answer.text).blocking) == (503, ["oidc.unreachable"])
    assert visitor.sign_in("requester").status_code == 302


def test_the_account_has_no_password_here(visitor: Visitor, provider: Provider, installation: Installation) -> None:
    visitor.get(back(visitor, provider))
    assert not can_sign_in(installation.signing_in, "vera", PASSWORD)


def test_the_provider_asks_again_where_that_is_wanted(visitor: Visitor, provider: Provider) -> None:
    asked = dict(parse_qsl(urlsplit(visitor.get("/oidc/sign-in?afresh=true").location).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    path = back(visitor, provider, "?afresh=true&next=/account")
    assert visitor.get(path).location == "/account"

    provider.lies["auth_time"] = 1
    path = back(visitor, provider, "?afresh=true&next=/account")
    answer = visitor.get(path)
    assert (answer.status_code, read(answer.text).blocking) == (401, ["oidc.token"])


def test_the_account_page_asks_for_no_password_that_there_is_not(
    visitor: Visitor, provider: Provider, signed_in: Callable[[Role], Visitor]
) -> None:
    visitor.get(back(visitor, provider))
    page = visitor.page("/account")
    assert "has no password here" in page.text
    assert page.values("old") == []
    assert signed_in(Role.REQUESTER).page("/account").values("old") == [""]


def test_whom_the_provider_still_knew_has_to_show_it_before_what_is_dangerous(
    visitor: Visitor, provider: Provider
) -> None:
    visitor.get(back(visitor, provider))
    asked = visitor.get("/account/sign-in/app")
    assert (asked.status_code, asked.location) == (302, "/confirm?next=/account/sign-in/app")

    visitor.get(back(visitor, provider, "?afresh=true"))
    assert visitor.get("/account/sign-in/app").location == "/account/sign-in"  # nothing is offered yet


def test_the_provider_alone_does_not_open_an_account_with_a_second_factor(
    app: Flask, visitor: Visitor, provider: Provider
) -> None:
    visitor.get(back(visitor, provider, "?afresh=true"))
    secret, _ = enrol_app(visitor)
    other = visit(app)
    arrived = other.get(back(other, provider, "?next=/certificates"))
    assert arrived.location == "/sign-in/second-step?next=/certificates"
    assert other.get("/certificates").status_code == 302
    shown = other.post(arrived.location, {"code": next_code(secret)})
    assert (shown.status_code, shown.location) == (302, "/certificates")
    assert other.get("/certificates").status_code == 200


def test_whatever_comes_back_is_no_fault_of_ours(visitor: Visitor, provider: Provider) -> None:
    for query in ("", "state=%FF&code=%00", "state=x&state=y", "code=" + "x" * 9000, "iss[]=1&error=%0d%0a"):
        visitor.get("/oidc/sign-in")
        assert visitor.get(f"/oidc/callback?{query}").status_code == 401
    assert "/token" not in provider.asked


def test_without_a_provider_there_is_no_such_sign_in(lab_app: Flask) -> None:
    visitor = visit(lab_app)
    assert "/oidc/sign-in" not in visitor.get("/sign-in").text
    for path in ("/oidc/sign-in", "/oidc/callback?state=x&code=y"):
        answer = visitor.get(path)
        assert (answer.status_code, read(answer.text).blocking) == (404, ["oidc.none"])
