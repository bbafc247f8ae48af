"""Confirm your identity: asked before what is dangerous, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.people.records import Visit
from ca_service.lab.node import LabNode
from ca_service.pki import encodings
from tests.support.authenticator import Authenticator
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.people import PARTY, code_of
from tests.web.html import Page, read
from tests.web.visitor import Visitor, visit

TOKEN = {"label": "renewal & more <x>", "days": "30", "scopes": "check"}


@pytest.fixture
def vera(lab: Lab, lab_app: Flask) -> Visitor:
    """An administrator who has signed in eleven minutes ago."""
    lab.accounts.create(OPERATOR, "vera", Role.ADMINISTRATOR, PASSWORD)
    visitor = visit(lab_app)
    visitor.sign_in("vera")
    lab.clock.advance(minutes=11)
    return visitor


def confirm(visitor: Visitor, asked: Page, path: str, **shown: str) -> TestResponse:
    """Send the form of the page that asks, as a browser does."""
    fields = dict(asked.fields) | {f"confirm_{name}": value for name, value in shown.items()}
    return visitor.client.post(path, data=fields, follow_redirects=False)


def asked_after(visitor: Visitor, path: str, fields: dict[str, str]) -> Page:
    """The page that asks, in place of what the form would have done."""
    answer = visitor.post(path, fields)
    assert answer.status_code == 403
    assert "Confirm your identity" in answer.text
    return read(answer.text)


def test_after_the_confirmation_the_form_is_sent_with_all_its_fields(lab: Lab, vera: Visitor) -> None:
    asked = asked_after(vera, "/account/tokens", TOKEN)
    assert not lab.tokens.list_of(OPERATOR, "vera")

    answer = confirm(vera, asked, "/confirm?next=/account/tokens", password=PASSWORD)
    assert (answer.status_code, answer.location) == (307, "/account/tokens")
    sent = vera.client.post(answer.location, data=dict(asked.fields) | {"confirm_password": PASSWORD})

    assert sent.status_code == 201
    assert [token.label for token in lab.tokens.list_of(OPERATOR, "vera")] == [TOKEN["label"]]
    assert PASSWORD not in sent.text


def test_a_page_is_opened_after_the_confirmation(lab: Lab, vera: Visitor) -> None:
    lab.second_factors.offer_app(lab.accounts.get("vera").actor)
    answer = vera.get("/account/sign-in/app")
    assert (answer.status_code, answer.location) == (302, "/confirm?next=/account/sign-in/app")

    asked = vera.page(answer.location)
    answer = confirm(vera, asked, answer.location, password=PASSWORD)

    assert (answer.status_code, answer.location) == (303, "/account/sign-in/app")
    assert vera.get(answer.location).status_code == 200


def test_a_wrong_password_asks_again_and_still_nothing_is_lost(lab: Lab, vera: Visitor) -> None:
    asked = asked_after(vera, "/account/tokens", TOKEN)

    answer = confirm(vera, asked, "/confirm?next=/account/tokens", password="wrong")

    again = read(answer.text)
    assert (answer.status_code, again.blocking) == (401, ["sign-in.not-shown"])
    assert set(again.values("label")) == {TOKEN["label"]}
    assert confirm(vera, again, "/confirm?next=/account/tokens", password=PASSWORD).status_code == 307
    assert not lab.tokens.list_of(OPERATOR, "vera")


def test_passwords_that_were_typed_are_not_written_into_the_page(vera: Visitor) -> None:
    typed = {"old": PASSWORD, "password": "four other random words", "repeated": "four other random words"}

    answer = vera.post("/account/password", typed)

    assert answer.status_code == 403
    assert not [value for value in typed.values() if value in answer.text]


def test_the_code_of_an_app_or_a_passkey_does_as_well(lab: Lab, vera: Visitor) -> None:
    actor, device = lab.accounts.get("vera").actor, Authenticator()
    secret = lab.second_factors.offer_app(actor).secret
    lab.second_factors.confirm_app(actor, code_of(secret, lab.clock()))
    lab.passkeys.enrol(actor, PARTY, "x", device.create(lab.passkeys.options_to_enrol(actor, PARTY)))
    device.sign_count += 1
    lab.clock.advance(minutes=1)
    asked = asked_after(vera, "/account/tokens", TOKEN)
    assert confirm(vera, asked, "/confirm", code=code_of(secret, lab.clock())).status_code == 307
    lab.clock.advance(minutes=11)
    asked = asked_after(vera, "/account/tokens", TOKEN)
    credential = device.get(vera.post("/sign-in/passkey/options").text)
    assert confirm(vera, asked, "/confirm", credential=credential).status_code == 307


def test_a_confirmation_lasts_for_ten_minutes(lab: Lab, vera: Visitor) -> None:
    confirm(vera, vera.page("/confirm"), "/confirm", password=PASSWORD)
    assert vera.post("/account/tokens", TOKEN).status_code == 201
    lab.clock.advance(minutes=10)
    asked_after(vera, "/account/tokens", TOKEN)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/people", {"name": "bob", "role": "auditor"}),
        ("/account/people/vera/reset", {}),
        ("/account/sign-in/app", {}),
        ("/account/sign-in/sessions/end-others", {}),
        ("/account/sign-in/sessions/2/end", {}),
    ],
)
def test_what_is_dangerous_waits_for_it(lab: Lab, vera: Visitor, path: str, fields: dict[str, str]) -> None:
    lab.sessions.open(lab.accounts.get("vera"), "password", Visit())
    asked_after(vera, path, fields)
    assert [account.name for account in lab.accounts.list_accounts(OPERATOR)] == ["vera"]
    assert len(lab.sessions.list_of(OPERATOR, "vera")) == 2
    assert lab.edges.factors.find_totp(1) is None


def test_looking_needs_none(vera: Visitor) -> None:
    for path in ("/account", "/account/sign-in", "/account/people", "/account/people/vera", "/certificates"):
        assert vera.get(path).status_code == 200


def test_too_many_wrong_passwords_have_to_wait(vera: Visitor) -> None:
    page: Callable[[], Page] = lambda: vera.page("/confirm")  # noqa: E731
    rules = [read(confirm(vera, page(), "/confirm", password="wrong").text).blocking for _ in range(6)]
    assert rules == [["sign-in.not-shown"]] * 5 + [["sign-in.wait"]]
    assert confirm(vera, page(), "/confirm", password=PASSWORD).status_code == 429


@pytest.mark.parametrize("step", ["plan", "apply"])
def test_the_password_of_a_node_is_not_carried_through_the_confirmation(lab: Lab, vera: Visitor, step: str) -> None:
    secret = "a password of the node"
    node = LabNode("cucm1.example.com", secret, now=lab.clock, stopwatch=lambda: 0.0)
    lab.node_client.nodes[node.host] = node
    cluster = lab.fleet.create(OPERATOR, "Phones", [NodeInput(node.host, "cucm", "15", "publisher")])
    path = f"/clusters/{cluster.id}/nodes/{cluster.nodes[0].id}/certificate/{step}"
    found = encodings.fingerprint(node.served.ecdsa[0].certificate)
    form = {"user": "administrator", "password": secret, "compared": "true", "fingerprint": found}

    asked = asked_after(vera, path, form)
    assert secret not in str(asked)
    assert confirm(vera, asked, f"/confirm?next={path}", password=PASSWORD).status_code == 307
    sent = vera.client.post(path, data=dict(asked.fields) | {"confirm_password": PASSWORD})

    again = read(sent.text)
    assert (sent.status_code, again.blocking) == (400, ["node.password"])
    assert again.values("user") == ["administrator"]
    assert lab.node_client.opened == {}
