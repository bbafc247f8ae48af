"""No page is open by oversight: every route says what it does, and who may do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from ca_service import web
from ca_service.authority.installation import Installation
from ca_service.authority.permissions import Action, Role
from tests.support.factories import PASSWORD
from tests.web.html import read
from tests.web.visitor import Visitor, visit

PUBLIC = {
    "pages.set_up", "pages.sign_in", "pages.sign_out", "pages.api_guide", "api.get_description",
    "public.trust_page", "public.authority_file", "public.health",
    "public.revocation_list", "public.revocation_list_as_pem", "public.ask_ocsp", "public.ask_ocsp_by_address",
}  # fmt: skip
#: What each route of the pages does. A new one has to be put in here.
ACTIONS = {
    "pages.new": Action.CHECK,
    "pages.check": Action.CHECK,
    "pages.sign": Action.ISSUE,
    "pages.issued": Action.READ,
    "pages.download_issued": Action.READ,
    "pages.certificates": Action.READ,
    "pages.certificates_csv": Action.READ,
    "pages.expiry": Action.READ,
    "pages.certificate": Action.READ,
    "pages.download": Action.READ,
    "pages.download_file": Action.READ,
    "pages.download_request": Action.READ,
    "pages.authority": Action.READ,
    "pages.account": Action.OWN_ACCOUNT,
    "pages.create_token": Action.OWN_ACCOUNT,
    "pages.revoke_token": Action.OWN_ACCOUNT,
    "pages.change_password": Action.OWN_ACCOUNT,
    "pages.fit": Action.CHECK,
    "pages.judge_fit": Action.CHECK,
    "pages.messages": Action.READ,
    "pages.agents": Action.READ,
    "pages.products": Action.READ,
    "pages.clusters": Action.READ,
    "pages.cluster": Action.READ,
    "pages.runbook": Action.READ,
    "pages.cluster_bundle": Action.READ,
    "pages.new_cluster": Action.FLEET,
    "pages.rename_cluster": Action.FLEET,
    "pages.remove_cluster": Action.FLEET,
    "pages.add_node": Action.FLEET,
    "pages.change_node": Action.FLEET,
    "pages.place_requests": Action.FLEET,
    "pages.mark_step": Action.FLEET,
}
_EXAMPLES = {
    "serial_number": "00", "name": "x.pem", "token_id": "1", "secret": "x", "filename": "x",
    "cluster_id": "1", "node_id": "1",
}  # fmt: skip


def actions(app: Flask) -> dict[str, Action | None]:
    """What each route declares, but for the static files."""
    views: dict[str, Any] = {name: view for name, view in app.view_functions.items() if name != "static"}
    return {name: view.action for name, view in views.items()}


def routes(app: Flask, blueprint: str) -> list[tuple[Rule, str, str]]:
    """(rule, method, path) of every route of a blueprint that needs an account."""
    open_ones = {name for name, action in actions(app).items() if action is None}
    return [
        (rule, method, rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}").format(**_EXAMPLES))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{blueprint}.") and rule.endpoint not in open_ones
        for method in (rule.methods or set()) - {"OPTIONS"}
    ]


def test_every_route_declares_what_it_does(app: Flask) -> None:
    declared = actions(app)

    assert {name for name, action in declared.items() if action is None} == PUBLIC
    assert {name: action for name, action in declared.items() if name.startswith("pages.") and action} == ACTIONS


def test_no_page_lets_anybody_in_without_an_account(app: Flask) -> None:
    for _, method, path in routes(app, "pages"):
        answer = visit(app).client.open(path, method=method)
        assert (answer.status_code, (answer.location or "").split("?")[0]) == (302, "/sign-in"), path


def test_no_operation_of_the_api_lets_anybody_in_without_a_token(app: Flask, requester: Visitor) -> None:
    for rule, method, path in routes(app, "api"):
        answer = requester.client.open(path, method=method)  # the session of the pages does not count
        assert answer.status_code == 401, rule
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", Role)
def test_only_an_auditor_is_kept_from_something_and_only_from_what_changes_something(
    app: Flask, signed_in: Callable[[Role], Visitor], role: Role
) -> None:
    visitor = signed_in(role)
    token = visitor.csrf_token()

    refused = set()
    for rule, method, path in routes(app, "pages"):
        answer = visitor.client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        assert answer.status_code not in (302, 401, 500), (path, answer.status)
        if answer.status_code == 403:
            assert method == "HEAD" or read(answer.text).blocking == ["permission.missing"]
            refused.add(rule.endpoint)
    changing = {name for name, action in ACTIONS.items() if action in (Action.ISSUE, Action.FLEET)}
    assert refused == (changing if role is Role.AUDITOR else set())


def test_a_form_without_its_token_is_refused_with_what_to_do(app: Flask, requester: Visitor) -> None:
    posts = [path for _, method, path in routes(app, "pages") if method == "POST"]

    for path in (*posts, "/sign-in", "/sign-out"):
        answer = requester.client.post(path, data={"csrf_token": "forged"})
        assert answer.status_code == 400, path
        assert read(answer.text).blocking == ["form.expired"]
        assert "Open the page again" in answer.text


def test_the_sign_in_form_needs_its_token_too(visitor: Visitor) -> None:
    assert visitor.client.post("/sign-in", data={"name": "vera", "password": "x"}).status_code == 400


def test_the_forms_work_over_https_with_what_a_browser_tells_of_where_it_comes_from(installation: Installation) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, base_url="https://ca.example.com"))
    visitor = visit(app, "https://ca.example.com")
    form = visitor.get("/sign-in")
    sends_referrer = form.headers["Referrer-Policy"] != "no-referrer"  # the browser does as it was told

    referrer = {"Referer": "https://ca.example.com/sign-in"} if sends_referrer else {}
    fields = {"name": "requester", "password": PASSWORD}
    answer = visitor.post("/sign-in", fields, headers=referrer)

    assert answer.status_code == 302, read(answer.text).text


def test_a_form_from_another_server_is_refused_over_https(installation: Installation) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, base_url="https://ca.example.com"))
    visitor = visit(app, "https://ca.example.com")

    answer = visitor.post("/sign-in", {"name": "vera"}, headers={"Referer": "https://evil.example/"})

    assert answer.status_code == 400
