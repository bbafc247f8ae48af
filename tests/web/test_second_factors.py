"""Second factors on the pages: enrolled, asked for, lost, and needed by a role."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from ca_service import web
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.settings import Settings, load
from ca_service.storage.schema import challenge
from tests.support.authenticator import Authenticator
from tests.support.factories import OPERATOR, PASSWORD, Lab, cheap_hasher
from tests.support.fakes import FixedClock
from tests.support.instances import write_ready
from tests.support.people import code_of
from tests.web.html import read
from tests.web.signed import codes_on, enrol_app, next_code, secret_on
from tests.web.visitor import Visitor, sign_in, visit


def pending(app: Flask, name: str = "requester") -> Visitor:
    """Return a visitor who has passed the password step only."""
    visitor = visit(app)
    answer = visitor.sign_in(name, path="/sign-in?next=/certificates")
    assert answer.location == "/sign-in/second-step?next=/certificates"
    return visitor


def enrol_passkey(visitor: Visitor, device: Authenticator) -> str:
    """The page after a device was enrolled."""
    options = visitor.post("/account/sign-in/passkeys/options")
    assert options.mimetype == "application/json"
    answer = visitor.post("/account/sign-in/passkeys", {"label": "laptop", "credential": device.create(options.text)})
    assert answer.status_code == 201, answer.text
    return answer.text


def used(visitor: Visitor, device: Authenticator) -> str:
    """Return what a browser sends when the device is used."""
    device.sign_count += 1
    return device.get(visitor.post("/sign-in/passkey/options").text)


def test_with_an_app_a_code_is_asked_for_and_then_the_page_that_was_wanted(app: Flask, requester: Visitor) -> None:
    secret, codes = enrol_app(requester)
    assert len(codes) == 10
    visitor = pending(app)
    assert visitor.get("/certificates").status_code == 302

    answer = visitor.post("/sign-in/second-step?next=/certificates", {"code": next_code(secret)})

    assert (answer.status_code, answer.location) == (302, "/certificates")
    assert visitor.get("/certificates").status_code == 200


def test_a_wrong_code_is_refused_with_what_to_do(app: Flask, requester: Visitor) -> None:
    enrol_app(requester)
    visitor = pending(app)

    answer = visitor.post("/sign-in/second-step", {"code": "000000"})

    assert answer.status_code == 401
    assert read(answer.text).blocking == ["sign-in.not-shown"]
    assert visitor.get("/account").status_code == 302


def test_a_recovery_code_is_enough_once(app: Flask, requester: Visitor) -> None:
    _, codes = enrol_app(requester)
    first, second = pending(app), pending(app)

    assert first.post("/sign-in/second-step", {"code": codes[0]}).status_code == 302
    assert second.post("/sign-in/second-step", {"code": codes[0]}).status_code == 401
    assert "9 left" in requester.page("/account/sign-in").text


def test_without_a_first_step_there_is_no_second(visitor: Visitor) -> None:
    answer = visitor.get("/sign-in/second-step?next=/certificates")

    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/certificates")
    assert visitor.post("/sign-in/second-step", {"code": "000000"}).location == "/sign-in"


def test_the_picture_needs_nothing_that_the_policy_forbids(requester: Visitor) -> None:
    requester.post("/account/sign-in/app")

    page = requester.get("/account/sign-in/app").text

    assert re.search(r"<svg [^>]*viewBox|<svg [^>]*width", page)
    assert "style=" not in page
    assert "data:" not in page


def test_a_wrong_first_code_shows_the_same_picture_again(requester: Visitor) -> None:
    requester.post("/account/sign-in/app")
    secret = secret_on(requester)

    answer = requester.post("/account/sign-in/app/confirm", {"code": "000000"})

    assert answer.status_code == 422
    assert read(answer.text).blocking == ["totp.code"]
    assert secret_on(requester) == secret


def test_without_an_offer_there_is_nothing_to_confirm(requester: Visitor) -> None:
    assert requester.get("/account/sign-in/app").location == "/account/sign-in"
    assert requester.post("/account/sign-in/app/confirm", {"code": "000000"}).status_code == 409
    assert requester.post("/account/sign-in/codes").status_code == 409


def test_removing_the_app_makes_the_password_enough(app: Flask, requester: Visitor) -> None:
    enrol_app(requester)
    assert requester.post("/account/sign-in/app").status_code == 409

    assert requester.post("/account/sign-in/app/remove").status_code == 303

    assert sign_in(app).get("/account").status_code == 200


def test_new_recovery_codes_are_shown_once(requester: Visitor) -> None:
    _, old = enrol_app(requester)

    answer = requester.post("/account/sign-in/codes")

    assert len(set(codes_on(answer.text)) - set(old)) == 10
    assert not codes_on(requester.get("/account/sign-in").text)


def test_a_passkey_opens_the_page_that_was_wanted_without_a_password(app: Flask, requester: Visitor) -> None:
    device = Authenticator()
    assert len(codes_on(enrol_passkey(requester, device))) == 10
    visitor = visit(app)

    answer = visitor.post("/sign-in/passkey?next=/certificates", {"credential": used(visitor, device)})

    assert (answer.status_code, answer.location) == (302, "/certificates")
    assert visitor.get("/account").status_code == 200
    assert "laptop" in visitor.page("/account/sign-in").text


def test_a_passkey_is_a_second_step(app: Flask, requester: Visitor) -> None:
    device = Authenticator()
    enrol_passkey(requester, device)
    visitor = pending(app)

    assert visitor.post("/sign-in/second-step", {"credential": used(visitor, device)}).status_code == 302
    assert visitor.get("/account").status_code == 200


def test_a_passkey_can_be_removed(app: Flask, requester: Visitor) -> None:
    device = Authenticator()
    enrol_passkey(requester, device)

    assert requester.post("/account/sign-in/passkeys/1/remove").status_code == 303

    visitor = visit(app)
    answer = visitor.post("/sign-in/passkey", {"credential": used(visitor, device)})
    assert (answer.status_code, read(answer.text).blocking) == (401, ["passkey.wrong"])
    assert requester.post("/account/sign-in/passkeys/1/remove").status_code == 404


@pytest.mark.parametrize("credential", ["", "{}", "nonsense", '{"id": "x"}'])
def test_what_is_no_passkey_is_refused(requester: Visitor, visitor: Visitor, credential: str) -> None:
    assert visitor.post("/sign-in/passkey", {"credential": credential}).status_code == 401
    answer = requester.post("/account/sign-in/passkeys", {"label": "x", "credential": credential})
    assert answer.status_code == 422
    assert read(answer.text).blocking == ["passkey.answer"]


@pytest.mark.parametrize(
    ("opened", "offered"),
    [("127.0.0.1:8080", "localhost:8080"), ("[::1]:8080", "localhost:8080"), ("[::1]", "localhost")],
)
def test_a_page_that_is_opened_by_a_number_says_how_passkeys_work(
    installation: Installation, opened: str, offered: str
) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32))
    visitor = visit(app, f"http://{opened}")
    visitor.sign_in("requester")

    assert f"http://{offered}/account/sign-in" in visitor.page("/account/sign-in").links


def test_a_restored_database_without_its_key_tells_the_operator_and_not_everybody(
    app: Flask, requester: Visitor, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    secret, codes = enrol_app(requester)
    folder = settings.instance_path
    (folder / "factors.key").unlink()
    visitor = pending(app)

    answer = visitor.post("/sign-in/second-step", {"code": next_code(secret)})

    assert answer.status_code == 503
    assert str(folder) not in answer.text
    assert "ca-service user reset NAME" in caplog.text
    assert visitor.post("/sign-in/second-step", {"code": codes[0]}).status_code == 302


# Needed by a role


@pytest.fixture
def strict(clock: FixedClock) -> tuple[Lab, Flask]:
    """A service whose administrators need a second factor."""
    lab = Lab(clock=clock, second_factor_required_of=(Role.ADMINISTRATOR,)).initialised()
    for role in (Role.ADMINISTRATOR, Role.REQUESTER):
        lab.accounts.create(OPERATOR, role.value, role, PASSWORD)
    return lab, web.create(lab, web.WebOptions(secret_key="x" * 32))


def test_who_lacks_a_second_factor_that_the_role_needs_is_led_to_enrol_one(strict: tuple[Lab, Flask]) -> None:
    lab, app = strict
    visitor = sign_in(app, Role.ADMINISTRATOR)
    for path in ("/", "/account", "/account/people", "/certificates"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.location) == (302, "/account/sign-in?required=yes"), path
    assert visitor.post("/account/tokens", {"label": "x", "days": "1"}).status_code == 302
    assert "Your role requires a second factor" in visitor.page("/account/sign-in").text

    visitor.post("/account/sign-in/app")
    answer = visitor.post("/account/sign-in/app/confirm", {"code": code_of(secret_on(visitor), lab.clock())})

    assert answer.status_code == 201
    assert visitor.get("/account/people").status_code == 200


def test_others_are_not_led_there(strict: tuple[Lab, Flask]) -> None:
    assert sign_in(strict[1]).get("/certificates").status_code == 200


def test_the_setting_names_the_roles(tmp_path: Path) -> None:
    settings = load({"CA_SERVICE_WEB__REQUIRE_SECOND_FACTOR": "auditor"}, tmp_path / "instance").settings
    installation = open_installation(settings, cheap_hasher())
    write_ready(settings.instance_path)
    installation.accounts.create(OPERATOR, "auditor", Role.AUDITOR, PASSWORD)
    visitor = sign_in(create_app(settings, installation), Role.AUDITOR)
    assert visitor.get("/certificates").location == "/account/sign-in?required=yes"


def test_the_names_of_ways_in_are_shown(signed_in: Callable[[Role], Visitor]) -> None:
    page = signed_in(Role.REQUESTER).page("/account/sign-in")
    assert "this browser" in page.text
    assert "password" in page.text


def test_an_answer_of_a_passkey_counts_in_the_browser_that_has_asked(app: Flask, requester: Visitor) -> None:
    device = Authenticator()
    enrol_passkey(requester, device)
    asking, other = visit(app), visit(app)
    for visitor in (asking, other):
        visitor.get("/sign-in")
    given = used(asking, device)
    used(other, Authenticator())
    assert other.post("/sign-in/passkey", {"credential": given}).status_code == 401
    assert asking.post("/sign-in/passkey", {"credential": given}).status_code == 302


def test_questions_for_a_passkey_leave_nothing_in_the_database(app: Flask, installation: Installation) -> None:
    visitor = visit(app)
    assert {visitor.post("/sign-in/passkey/options").status_code for _ in range(5)} == {200}
    database: Any = installation.schema
    with database._database.read() as connection:
        assert connection.execute(select(func.count()).select_from(challenge)).scalar_one() == 0
