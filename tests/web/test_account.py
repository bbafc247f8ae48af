"""One's own account: API tokens and the password."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from ca_service.authority.installation import Installation
from ca_service.authority.permissions import Role
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.people import can_sign_in
from tests.web.html import read
from tests.web.visitor import Visitor, visit

NEW_PASSWORD = "quite another set of words"


def make_token(visitor: Visitor, label: str = "renewal", days: str = "30") -> str:
    """A new token, from the page that shows it."""
    answer = visitor.post("/account/tokens", {"label": label, "days": days})
    assert answer.status_code == 201
    found = re.search(r'id="token"[^>]*>(ca_[A-Za-z0-9_-]+)<', answer.text)
    assert found
    return found[1]


def status(visitor: Visitor, token: str) -> int:
    """What the API answers to this token."""
    return visitor.client.get("/api/v1/authority", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_is_shown_once_and_opens_the_api(requester: Visitor) -> None:
    token = make_token(requester)

    page = requester.page("/account")
    assert status(requester, token) == 200
    assert token not in page.text
    assert token[:10] in page.text
    assert "renewal" in page.text


def test_the_new_token_stands_in_a_curl_line_that_is_complete(requester: Visitor) -> None:
    answer = requester.post("/account/tokens", {"label": "x", "days": "1"})

    assert re.search(r"export TOKEN=ca_\S+\ncurl -fsS .* http://localhost/api/v1/authority", answer.text)


def test_a_token_can_be_ended_at_once(requester: Visitor) -> None:
    token = make_token(requester)

    answer = requester.post("/account/tokens/1/revoke")

    assert (answer.status_code, answer.location) == (303, "/account")
    assert status(requester, token) == 401
    assert "revoked" in requester.page("/account").text


def test_ending_a_token_twice_is_no_mistake(requester: Visitor) -> None:
    make_token(requester)

    assert {requester.post("/account/tokens/1/revoke").status_code for _ in range(2)} == {303}


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.ADMINISTRATOR])
def test_the_token_of_somebody_else_cannot_be_ended_here(
    installation: Installation, signed_in: Callable[[Role], Visitor], role: Role
) -> None:
    token = installation.tokens.create(OPERATOR, "approver", "theirs", 30)

    answer = signed_in(role).post(f"/account/tokens/{token.record.id}/revoke")

    assert answer.status_code == 404
    assert read(answer.text).blocking == ["token.unknown"]
    assert status(signed_in(role), token.secret) == 200


@pytest.mark.parametrize("number", ["0", "7", str(10**30), "-1", "x"])
def test_a_token_that_is_not_there_is_not_found(requester: Visitor, number: str) -> None:
    assert requester.post(f"/account/tokens/{number}/revoke").status_code == 404


@pytest.mark.parametrize(
    ("label", "days"),
    [("", "30"), ("x" * 61, "30"), ("   ", "30"), ("a\0b", "30"), ("x", "0"), ("x", "366"), ("x", "-1"), ("x", "many"),
     ("x", ""), ("x", "9" * 5000)],
)  # fmt: skip
def test_a_token_with_a_wrong_label_or_lifetime_is_refused(
    requester: Visitor, installation: Installation, label: str, days: str
) -> None:
    answer = requester.post("/account/tokens", {"label": label, "days": days})

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert not installation.tokens.list_of(OPERATOR, "requester")


def test_a_token_that_has_expired_says_so(lab: Lab, lab_installation: Installation, lab_app: Flask) -> None:
    accounts = lab_installation.accounts
    accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD)
    lab_installation.tokens.create(OPERATOR, "vera", "renewal", 1)
    visitor = visit(lab_app)
    visitor.sign_in("vera")
    assert "expired" not in visitor.page("/account").text

    lab.clock.advance(days=1)

    assert "expired" in visitor.page("/account").text


@pytest.mark.parametrize(
    ("old", "new", "repeated", "told"),
    [
        ("wrong", NEW_PASSWORD, NEW_PASSWORD, "password.old"),
        (PASSWORD, "short", "short", "password.weak"),
        (PASSWORD, "my name is requester", "my name is requester", "password.weak"),
        (PASSWORD, NEW_PASSWORD, "something else", "The two passwords differ"),
        ("", NEW_PASSWORD, NEW_PASSWORD, "This field is required"),
    ],
)
def test_a_password_is_not_changed_by_mistake(
    requester: Visitor, installation: Installation, old: str, new: str, repeated: str, told: str
) -> None:
    answer = requester.post("/account/password", {"old": old, "password": new, "repeated": repeated})

    assert answer.status_code == 422
    assert told in answer.text
    assert requester.get("/account").status_code == 200
    assert can_sign_in(installation.people, "requester", PASSWORD)


def test_no_password_comes_back_in_a_page(requester: Visitor) -> None:
    fields = {"old": "the old one, wrong", "password": NEW_PASSWORD, "repeated": "another one"}

    answer = requester.post("/account/password", fields)

    assert not [value for value in fields.values() if value in answer.text]
