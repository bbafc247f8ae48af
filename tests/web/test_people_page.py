"""The accounts of people: listed, invited, changed and helped by administrators."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.web.views import browser_name
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.people import can_sign_in
from tests.web.html import read
from tests.web.signed import enrol_app
from tests.web.visitor import Visitor, sign_in, visit

NEW_PASSWORD = "quite another set of words"


@pytest.fixture
def administrator(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a visitor who may manage accounts."""
    return signed_in(Role.ADMINISTRATOR)


def link_on(page: str) -> str:
    """The path of the link that a page shows."""
    found = re.search(r'id="link"[^>]*>http://localhost(/welcome/[A-Za-z0-9_-]+)<', page)
    assert found, page
    return found[1]


def test_the_list_names_everybody_and_leads_to_each(administrator: Visitor) -> None:
    page = administrator.page("/account/people")

    for role in Role:
        assert f"/account/people/{role.value}" in page.links


def test_the_list_is_searched_and_sorted_at_an_address_that_can_be_passed_on(administrator: Visitor) -> None:
    found = administrator.page("/account/people?q=APPR&sort=newest")

    assert "/account/people/approver" in found.links
    assert "/account/people/auditor" not in found.links
    assert "No accounts match" in administrator.page("/account/people?q=nowhere").text


def test_the_list_goes_on_on_the_next_page(administrator: Visitor, installation: Installation) -> None:
    for number in range(60):
        installation.links.invite(OPERATOR, f"person{number:02}", Role.REQUESTER)

    first = administrator.page("/account/people?q=person")
    [following] = [link for link in first.links if "cursor=" in link]
    second = administrator.page(following)

    assert "/account/people/person49" in first.links
    assert "/account/people/person50" in second.links
    assert administrator.get("/account/people?cursor=nonsense").status_code == 400


def test_somebody_is_invited_by_a_link_and_chooses_the_password(app: Flask, administrator: Visitor) -> None:
    answer = administrator.post("/account/people", {"name": "Carol", "role": "approver"})
    assert answer.status_code == 201
    path = link_on(answer.text)
    assert path not in administrator.get("/account/people/carol").text
    assert "no password yet" in administrator.page("/account/people/carol").text

    carol = visit(app)
    fields = {"password": NEW_PASSWORD, "repeated": NEW_PASSWORD}
    chosen = carol.post(path, fields)

    assert (chosen.status_code, chosen.location) == (302, "/sign-in?chosen=yes")
    assert carol.sign_in("carol", NEW_PASSWORD).status_code == 302
    again = visit(app).post(path, fields)
    assert (again.status_code, read(again.text).blocking) == (404, ["account-link.invalid"])


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"name": "requester", "role": "auditor"}, "account.exists"),
        ({"name": "a b", "role": "auditor"}, "account.name"),
        ({"name": "", "role": "auditor"}, "account.name"),
        ({"name": "operator", "role": "auditor"}, "account.reserved"),
        ({"name": "carol", "role": "king"}, "account.role"),
        ({}, "account.role"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_and_what_was_typed_is_kept(
    administrator: Visitor, fields: dict[str, str], rule: str
) -> None:
    answer = administrator.post("/account/people", fields)

    assert answer.status_code == 422
    assert read(answer.text).blocking == [rule]
    assert read(answer.text).values("name") == [fields.get("name", "")]


@pytest.mark.parametrize(
    ("password", "repeated", "told"),
    [
        ("short", "short", ["password.weak"]),
        (NEW_PASSWORD, "x", ["do not match"]),
        ("short", "x", ["password.weak", "do not match"]),
    ],
)
def test_a_password_that_cannot_be_is_not_chosen(
    app: Flask, installation: Installation, password: str, repeated: str, told: list[str]
) -> None:
    secret = installation.links.invite(OPERATOR, "carol", Role.AUDITOR).secret

    answer = visit(app).post(f"/welcome/{secret}", {"password": password, "repeated": repeated})

    assert answer.status_code == 422
    assert [words for words in told if words not in answer.text] == []
    assert visit(app).get(f"/welcome/{secret}").status_code == 200


def test_a_role_is_changed_at_once(administrator: Visitor, requester: Visitor) -> None:
    answer = administrator.post("/account/people/requester/role", {"role": "auditor"})

    assert answer.location == "/account/people/requester?done=role"
    assert "auditor" in administrator.page(answer.location).text
    assert requester.get("/account").status_code == 302


def test_an_account_is_disabled_and_enabled(administrator: Visitor, app: Flask, requester: Visitor) -> None:
    administrator.post("/account/people/requester/disable")
    assert requester.get("/account").status_code == 302
    assert visit(app).sign_in("requester").status_code == 401
    assert "disabled" in administrator.page("/account/people").text

    administrator.post("/account/people/requester/enable")
    assert visit(app).sign_in("requester").status_code == 302


@pytest.mark.parametrize("change", ["role", "disable", "reset"])
def test_nobody_lowers_or_locks_out_themselves(administrator: Visitor, installation: Installation, change: str) -> None:
    answer = administrator.post(f"/account/people/administrator/{change}", {"role": "auditor"})

    assert (answer.status_code, read(answer.text).blocking) == (409, ["account.own"])
    assert installation.accounts.get("administrator").role is Role.ADMINISTRATOR
    assert "Change role" not in administrator.page("/account/people/administrator").text


def test_a_wait_is_shown_and_ended(administrator: Visitor, app: Flask) -> None:
    for _ in range(6):
        visit(app).sign_in("requester", "wrong")
    assert visit(app).sign_in("requester").status_code == 429
    assert "Unlock now" in administrator.page("/account/people/requester").text

    administrator.post("/account/people/requester/unlock")

    assert visit(app).sign_in("requester").status_code == 302
    assert "Unlock now" not in administrator.page("/account/people/requester").text


def test_sessions_of_somebody_are_listed_and_ended(administrator: Visitor, requester: Visitor) -> None:
    assert "127.0.0.1" in administrator.page("/account/people/requester").text

    administrator.post("/account/people/requester/end-sessions")

    assert requester.get("/account").status_code == 302
    assert "No open sessions" in administrator.page("/account/people/requester").text


def test_lost_second_factors_are_removed(administrator: Visitor, app: Flask, requester: Visitor) -> None:
    enrol_app(requester)
    assert "Remove second factors" in administrator.page("/account/people/requester").text

    administrator.post("/account/people/requester/remove-factors")

    assert requester.get("/account").status_code == 302
    assert sign_in(app).get("/account").status_code == 200


def test_a_reset_gives_a_link_and_voids_the_password(administrator: Visitor, installation: Installation) -> None:
    answer = administrator.post("/account/people/requester/reset")

    assert answer.status_code == 201
    assert not can_sign_in(installation.signing_in, "requester", PASSWORD)
    assert administrator.get(link_on(answer.text)).status_code == 200


@pytest.mark.parametrize(("path", "status"), [("nobody", 404), ("nobody/reset", 404), ("requester/nonsense", 404)])
def test_what_is_not_there_is_not_found(administrator: Visitor, path: str, status: int) -> None:
    method = administrator.post if "/" in path else administrator.get
    assert method(f"/account/people/{path}").status_code == status


def test_ones_own_sessions_are_listed_and_ended(app: Flask, requester: Visitor) -> None:
    elsewhere = sign_in(app)
    page = requester.get("/account/sign-in")
    assert page.text.count("this browser") == 1
    [other] = re.findall(r"/account/sign-in/sessions/(\d+)/end\b", page.text)

    assert requester.post(f"/account/sign-in/sessions/{other}/end").status_code == 303

    assert elsewhere.get("/account").status_code == 302
    assert requester.post(f"/account/sign-in/sessions/{other}/end").status_code == 404


def test_all_other_sessions_are_ended_and_this_one_stays(app: Flask, requester: Visitor) -> None:
    others = [sign_in(app) for _ in range(3)]

    requester.post("/account/sign-in/sessions/end-others")

    assert [other.get("/account").status_code for other in others] == [302] * 3
    assert requester.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140, Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
            "Safari/537.36 Edg/142.0.3595.53",
            "Edge 142, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.6 Mobile/15E148 Safari/604.1",
            "Safari 18, iOS",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_browser_is_called_by_its_name(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


def test_only_administrators_are_led_to_the_page(signed_in: Callable[[Role], Visitor]) -> None:
    for role in Role:
        assert ("/account/people" in signed_in(role).page("/account").links) is (role is Role.ADMINISTRATOR)


def test_a_mail_address_is_set_with_the_invitation_and_later(
    administrator: Visitor, installation: Installation
) -> None:
    wrong = administrator.post("/account/people", {"name": "Carol", "role": "approver", "mail_address": "carol@"})
    assert wrong.status_code == 422
    assert 'value="carol@"' in wrong.text
    administrator.post("/account/people", {"name": "Carol", "role": "approver", "mail_address": "carol@example.com"})
    assert 'value="carol@example.com"' in administrator.get("/account/people/carol").text
    administrator.post("/account/people/carol/mail", {"mail_address": "c@example.com"})
    assert installation.accounts.get("carol").mail_address == "c@example.com"
    assert administrator.post("/account/people/carol/mail", {"mail_address": "c d@example.com"}).status_code == 422


def test_only_the_person_and_administrators_see_a_mail_address(
    administrator: Visitor, signed_in: Callable[[Role], Visitor]
) -> None:
    administrator.post("/account/people/approver/mail", {"mail_address": "secret@example.com"})
    for role, sees in ((Role.AUDITOR, False), (Role.APPROVER, True), (Role.REQUESTER, False)):
        visitor = signed_in(role)
        told = "".join(visitor.get(path).text for path in ("/", "/account", "/audit", "/requests"))
        assert ("secret@example.com" in told) is sees
