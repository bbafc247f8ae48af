"""The set-up link makes the first administrator, once."""

from __future__ import annotations

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.settings import Settings
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.instances import write_ready
from tests.web.html import read
from tests.web.visitor import Visitor, visit


@pytest.fixture
def installation(empty_installation: Installation, settings: Settings) -> Installation:
    """One without accounts."""
    write_ready(settings.instance_path)
    return empty_installation


FIRST = {"name": "vera", "password": PASSWORD, "repeated": PASSWORD}


def link(installation: Installation) -> str:
    secret = installation.accounts.make_setup_link()
    assert secret
    return f"/setup/{secret}"


def test_the_link_creates_an_administrator_and_signs_them_in(installation: Installation, visitor: Visitor) -> None:
    answer = visitor.post(link(installation), FIRST)

    assert (answer.status_code, answer.location) == (302, "/")
    assert "vera" in visitor.page("/").text
    assert installation.accounts.get("vera").role is Role.ADMINISTRATOR


def test_the_link_works_once(installation: Installation, app: Flask) -> None:
    address = link(installation)
    visit(app).post(address, FIRST)

    for answer in (visit(app).get(address), visit(app).post(address, {**FIRST, "name": "mallory"})):
        assert answer.status_code == 404
        assert read(answer.text).blocking == ["setup-link.invalid"]
    assert [account.name for account in installation.accounts.list_accounts(OPERATOR)] == ["vera"]


def test_a_newer_link_replaces_the_older_one(installation: Installation, visitor: Visitor) -> None:
    older, newer = link(installation), link(installation)

    assert visitor.get(older).status_code == 404
    assert visitor.get(newer).status_code == 200


def test_the_link_expires_after_a_day(lab: Lab, lab_installation: Installation, lab_app: Flask) -> None:
    address = link(lab_installation)
    lab.clock.advance(hours=23, minutes=59)
    assert visit(lab_app).get(address).status_code == 200
    lab.clock.advance(minutes=1)
    assert visit(lab_app).get(address).status_code == 404


def test_a_wrong_link_does_not_work_and_says_what_does(installation: Installation, visitor: Visitor) -> None:
    link(installation)

    answer = visitor.get("/setup/wrong")

    assert answer.status_code == 404
    assert "ca-service user create" in answer.text


def test_an_account_that_was_made_elsewhere_ends_the_link(installation: Installation, visitor: Visitor) -> None:
    address = link(installation)
    installation.accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD)

    assert visitor.post(address, {**FIRST, "name": "mallory"}).status_code == 404


def test_a_weak_password_is_refused_and_the_name_kept(installation: Installation, visitor: Visitor) -> None:
    answer = visitor.post(link(installation), {"name": "vera", "password": "short", "repeated": "short"})

    page = read(answer.text)
    assert answer.status_code == 422
    assert page.blocking == ["password.weak"]
    assert page.values("name") == ["vera"]
    assert page.values("password") == [""]


def test_two_passwords_that_differ_are_refused_beside_the_field(installation: Installation, visitor: Visitor) -> None:
    answer = visitor.post(link(installation), {**FIRST, "repeated": "something else"})

    assert answer.status_code == 422
    assert "The passwords do not match" in answer.text
    assert not installation.accounts.list_accounts(OPERATOR)


def test_a_name_that_cannot_be_one_is_refused(installation: Installation, visitor: Visitor) -> None:
    answer = visitor.post(link(installation), {**FIRST, "name": "../etc"})

    assert answer.status_code == 422
    assert read(answer.text).blocking == ["account.name"]


def test_all_that_is_wrong_is_shown_together(installation: Installation, visitor: Visitor) -> None:
    path = f"/setup/{installation.accounts.make_setup_link()}"
    answer = visitor.post(path, {"name": "no name", "password": "short", "repeated": "shorter"})
    page = read(answer.text)
    assert (answer.status_code, page.blocking) == (422, ["account.name", "password.weak"])
    assert "The passwords do not match." in page.text


def test_the_page_tells_no_other_server_the_link(installation: Installation, visitor: Visitor) -> None:
    answer = visitor.get(link(installation))

    assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert answer.headers["Cache-Control"] == "no-store"
