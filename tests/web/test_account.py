"""One's own account: the password, and the way to the tokens."""

from __future__ import annotations

import pytest

from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.people import can_sign_in
from tests.web.visitor import Visitor

NEW_PASSWORD = "quite another set of words"


def test_the_page_tells_how_many_tokens_are_valid_and_leads_to_them(
    requester: Visitor, installation: Installation
) -> None:
    made = [installation.tokens.create(OPERATOR, "requester", "x", 1) for _ in range(3)]
    installation.tokens.revoke(OPERATOR, "requester", made[0].record.id)

    page = requester.page("/account")

    assert "2 tokens are valid." in page.text
    assert "/account/tokens" in page.links


@pytest.mark.parametrize(
    ("old", "new", "repeated", "told"),
    [
        ("wrong", NEW_PASSWORD, NEW_PASSWORD, "password.old"),
        (PASSWORD, "short", "short", "password.weak"),
        (PASSWORD, "my name is requester", "my name is requester", "password.weak"),
        (PASSWORD, NEW_PASSWORD, "something else", "The passwords do not match"),
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
    assert can_sign_in(installation.signing_in, "requester", PASSWORD)


def test_no_password_comes_back_in_a_page(requester: Visitor) -> None:
    fields = {"old": "the old one, wrong", "password": NEW_PASSWORD, "repeated": "another one"}

    answer = requester.post("/account/password", fields)

    assert not [value for value in fields.values() if value in answer.text]


def test_a_person_sets_and_removes_their_mail_address(requester: Visitor, installation: Installation) -> None:
    answer = requester.post("/account/mail", {"mail_address": " anna@example.com "})
    assert (answer.status_code, answer.location) == (303, "/account?changed=mail")
    page = requester.get("/account?changed=mail")
    assert "The mail address is changed." in page.text
    assert "anna@example.com" in page.text
    newest = installation.audit_log.list_events(OPERATOR, EventQuery(limit=1)).items[0]
    assert (newest.event, newest.details) == (Event.ACCOUNT_CHANGED, {"mail_address": "changed"})
    requester.post("/account/mail", {"mail_address": ""})
    assert installation.accounts.get("requester").mail_address == ""


def test_what_is_no_mail_address_comes_back_with_the_reason(requester: Visitor, installation: Installation) -> None:
    answer = requester.post("/account/mail", {"mail_address": "Anna <anna@example.com>"})
    assert answer.status_code == 422
    assert "account.mail" in answer.text
    assert "Anna &lt;anna@example.com&gt;" in answer.text
    assert installation.accounts.get("requester").mail_address == ""
