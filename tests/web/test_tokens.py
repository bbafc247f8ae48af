"""The page of the API tokens: made with limits, shown once, listed, revoked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.people.tokens import MAX_TOKENS
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.web.html import read
from tests.web.visitor import Visitor, visit

FIELDS: Final[dict[str, Any]] = {"label": "renewal", "days": "30", "scopes": ["check", "read"]}


def make_token(visitor: Visitor, **changes: object) -> str:
    """A new token, from the page that shows it."""
    answer = visitor.post("/account/tokens", FIELDS | changes)
    assert answer.status_code == 201
    found = re.search(r'id="token"[^>]*>(ca_[A-Za-z0-9_-]+)<', answer.text)
    assert found
    return found[1]


def status(visitor: Visitor, token: str) -> int:
    """Return the response of the API to this token."""
    return visitor.client.get("/api/v1/token", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_is_shown_once_and_opens_the_api(requester: Visitor) -> None:
    token = make_token(requester)

    page = requester.page("/account/tokens")
    assert status(requester, token) == 200
    assert token not in page.text
    assert token[:10] in page.text
    assert "renewal" in page.text


def test_the_new_token_stands_in_a_curl_line_that_is_complete(requester: Visitor) -> None:
    answer = requester.post("/account/tokens", FIELDS)

    assert re.search(r"export TOKEN=ca_\S+\ncurl -fsS .* http://localhost/api/v1/token", answer.text)


def test_a_token_can_be_ended_at_once(requester: Visitor) -> None:
    token = make_token(requester)

    answer = requester.post("/account/tokens/1/revoke")

    assert (answer.status_code, answer.location) == (303, "/account/tokens")
    assert status(requester, token) == 401
    assert "revoked" in requester.page("/account/tokens").text


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
    answer = requester.post("/account/tokens", FIELDS | {"label": label, "days": days})

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert not installation.tokens.list_of(OPERATOR, "requester")


def test_a_token_that_has_expired_says_so(lab: Lab, lab_installation: Installation, lab_app: Flask) -> None:
    accounts = lab_installation.accounts
    accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD)
    lab_installation.tokens.create(OPERATOR, "vera", "renewal", 1)
    visitor = visit(lab_app)
    visitor.sign_in("vera")
    assert "expired" not in visitor.page("/account/tokens").text

    lab.clock.advance(days=1)

    assert "expired" in visitor.page("/account/tokens").text


def test_the_form_begins_with_the_usual_scopes_and_explains_each(requester: Visitor) -> None:
    page = requester.page("/account/tokens")

    assert page.values("scopes") == ["check", "submit", "read"]
    assert "have them signed" in page.text


def test_only_scopes_that_are_of_use_to_the_role_are_offered(signed_in: Callable[[Role], Visitor]) -> None:
    source = signed_in(Role.AUDITOR).get("/account/tokens").text

    assert re.findall(r'name="scopes" value="(\w+)"', source) == ["check", "read", "audit", "metrics"]


def test_a_token_has_the_limits_that_were_typed(requester: Visitor, installation: Installation) -> None:
    typed = {
        "scopes": ["submit"],
        "names": "*.UC.example.com\r\nuccx1.example.com, 10.0.0.5",
        "profiles": ["vos"],
        "networks": "127.0.0.0/8;::1",
    }
    token = make_token(requester, **typed)

    [record] = installation.tokens.list_of(OPERATOR, "requester")
    assert record.scopes == ("submit",)
    assert record.names == ("*.uc.example.com", "uccx1.example.com", "10.0.0.5")
    assert (record.profiles, record.networks) == (("vos",), ("127.0.0.0/8", "::1"))
    page = requester.page("/account/tokens")
    assert all(name in page.text for name in (*record.names, *record.networks))
    answer = requester.client.get("/api/v1/token", headers={"Authorization": f"Bearer {token}"}).get_json()
    assert (answer["account"], answer["scopes"], answer["networks"]) == (
        "requester",
        ["submit"],
        ["127.0.0.0/8", "::1"],
    )


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(requester: Visitor) -> None:
    typed = {
        "label": "  ",
        "days": "many",
        "scopes": ["all events", "read"],
        "names": "uccx1.example.com\n<b>*",
        "profiles": ["server"],
        "networks": "10.0.0.5/8",
    }
    answer = requester.post("/account/tokens", typed)

    assert answer.status_code == 422
    fields = re.split(r"<(?:input|textarea|fieldset)", answer.text)
    for field, rule in (
        ('id="label"', "token.label"),
        ('id="days"', "token.days"),
        ('value="fleet"', "token.scope-unknown"),
        ('id="names"', "token.names"),
        ('id="networks"', "token.networks"),
    ):
        [own] = [part for part in fields if field in part]
        assert rule in own, field
    page = read(answer.text)
    assert (page.values("days"), page.values("scopes"), page.values("profiles")) == (["many"], ["read"], ["server"])
    for kept in ("uccx1.example.com\n&lt;b&gt;*</textarea>", "10.0.0.5/8</textarea>"):
        assert kept in answer.text


def test_one_token_too_many_is_told_on_the_page(requester: Visitor, installation: Installation) -> None:
    for _ in range(MAX_TOKENS):
        installation.tokens.create(OPERATOR, "requester", "x", 1)

    answer = requester.post("/account/tokens", FIELDS)

    assert answer.status_code == 409
    page = read(answer.text)
    assert page.blocking == ["token.too-many"]
    assert page.values("label") == ["renewal"]


def test_all_tokens_can_be_ended_at_once(requester: Visitor, installation: Installation) -> None:
    tokens = [make_token(requester) for _ in range(3)]
    other = installation.tokens.create(OPERATOR, "approver", "theirs", 1)
    assert "Revoke all 3 tokens" in requester.page("/account/tokens").text

    answer = requester.post("/account/tokens/revoke")

    assert answer.status_code == 303
    assert "3 tokens are revoked." in requester.page(answer.location).text
    assert {status(requester, token) for token in tokens} == {401}
    assert status(requester, other.secret) == 200


def test_a_count_that_somebody_made_up_is_no_harm(requester: Visitor) -> None:
    for made_up in ("x", "-1", "9" * 40, "<b>"):
        assert "<b>" not in requester.get(f"/account/tokens?revoked={made_up}").text
