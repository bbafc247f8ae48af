"""No page is open by oversight: every route says what it does, and who may do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from ca_service import web
from ca_service.authority.access.permissions import PERMISSIONS, Action, Role
from ca_service.authority.installation import Installation
from tests.support.factories import PASSWORD
from tests.web.html import read
from tests.web.visitor import Visitor, visit

PUBLIC = {
    "pages.oidc_sign_in", "pages.oidc_callback",
    "pages.set_up", "pages.sign_in", "pages.sign_out", "pages.api_guide", "api.get_description",
    "pages.second_step", "pages.sign_in_with_passkey", "pages.passkey_options", "pages.choose_password",
    "public.trust_page", "public.kit_file", "public.authority_file", "public.health", "public.rule_page",
    "public.revocation_list", "public.revocation_list_as_pem", "public.ask_ocsp", "public.ask_ocsp_by_address",
    "public.arrival", "public.calendar", "public.metrics", "public.readiness",
}  # fmt: skip
#: What each route of the pages does. A new one has to be put in here.
ACTIONS = {
    "pages.overview": Action.CHECK,
    "pages.new": Action.CHECK,
    "pages.samples": Action.CHECK,
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
    "pages.revoke": Action.REVOKE,
    "pages.do_revoke": Action.REVOKE,
    "pages.release": Action.REVOKE,
    "pages.do_release": Action.REVOKE,
    "pages.audit_log": Action.AUDIT,
    "pages.download_audit_log": Action.AUDIT,
    "pages.old_audit_log": Action.AUDIT,
    "pages.old_audit_log_download": Action.AUDIT,
    "pages.account": Action.OWN_ACCOUNT,
    "pages.tokens": Action.OWN_ACCOUNT,
    "pages.create_token": Action.OWN_ACCOUNT,
    "pages.revoke_token": Action.OWN_ACCOUNT,
    "pages.revoke_all_tokens": Action.OWN_ACCOUNT,
    "pages.change_password": Action.OWN_ACCOUNT,
    "pages.change_mail_address": Action.OWN_ACCOUNT,
    "pages.make_calendar": Action.OWN_ACCOUNT,
    "pages.revoke_calendar": Action.OWN_ACCOUNT,
    "pages.renew": Action.ISSUE,
    "pages.renewals": Action.ISSUE,
    "pages.renew_all": Action.ISSUE,
    "pages.set_product": Action.FLEET,
    "pages.notices": Action.AUTHORITY,
    "pages.test_notices": Action.AUTHORITY,
    "pages.messages_sent": Action.AUTHORITY,
    "pages.retry_messages": Action.AUTHORITY,
    "pages.jobs": Action.AUTHORITY,
    "pages.run_job": Action.AUTHORITY,
    "pages.confirm": Action.OWN_ACCOUNT,
    "pages.signing_in": Action.OWN_ACCOUNT,
    "pages.offer_app": Action.OWN_ACCOUNT,
    "pages.app": Action.OWN_ACCOUNT,
    "pages.confirm_app": Action.OWN_ACCOUNT,
    "pages.remove_app": Action.OWN_ACCOUNT,
    "pages.enrolment_options": Action.OWN_ACCOUNT,
    "pages.enrol_passkey": Action.OWN_ACCOUNT,
    "pages.remove_passkey": Action.OWN_ACCOUNT,
    "pages.new_codes": Action.OWN_ACCOUNT,
    "pages.end_own_session": Action.OWN_ACCOUNT,
    "pages.end_other_sessions": Action.OWN_ACCOUNT,
    "pages.people": Action.ACCOUNTS,
    "pages.invite": Action.ACCOUNTS,
    "pages.person": Action.ACCOUNTS,
    "pages.change_person": Action.ACCOUNTS,
    "pages.fit": Action.CHECK,
    "pages.judge_fit": Action.CHECK,
    "pages.messages": Action.READ,
    "pages.agents": Action.READ,
    "pages.products": Action.READ,
    "pages.help": Action.READ,
    "pages.probe": Action.READ,
    "pages.run_probe": Action.READ,
    "pages.probe_cluster": Action.FLEET,
    "pages.questions": Action.READ,
    "pages.public_cas": Action.READ,
    "pages.clusters": Action.READ,
    "pages.cluster": Action.READ,
    "pages.runbook": Action.READ,
    "pages.cluster_bundle": Action.READ,
    "pages.cluster_file": Action.READ,
    "pages.new_cluster": Action.FLEET,
    "pages.rename_cluster": Action.FLEET,
    "pages.remove_cluster": Action.FLEET,
    "pages.add_node": Action.FLEET,
    "pages.change_node": Action.FLEET,
    "pages.node_certificate": Action.FLEET,
    "pages.contact_node": Action.FLEET,
    "pages.plan_node": Action.FLEET,
    "pages.apply_node": Action.FLEET,
    "pages.probe_node": Action.FLEET,
    "pages.place_requests": Action.FLEET,
    "pages.mark_step": Action.FLEET,
    "pages.requests": Action.READ,
    "pages.request": Action.READ,
    "pages.submission": Action.READ,
    "pages.download_submission": Action.READ,
    "pages.approve": Action.DECIDE,
    "pages.refuse": Action.DECIDE,
    "pages.decide_requests": Action.DECIDE,
    "pages.approve_requests": Action.DECIDE,
    "pages.refuse_requests": Action.DECIDE,
    "pages.withdraw": Action.ISSUE,
    "pages.submit_again": Action.ISSUE,
}
#: Views that require a recent re-authentication.
DANGEROUS = {
    "pages.create_token", "pages.change_password", "pages.offer_app", "pages.app", "pages.confirm_app",
    "pages.remove_app", "pages.enrol_passkey", "pages.remove_passkey", "pages.new_codes", "pages.end_own_session",
    "pages.end_other_sessions", "pages.invite", "pages.change_person", "pages.do_revoke", "pages.make_calendar",
    "pages.do_release", "pages.approve", "pages.approve_requests", "pages.node_certificate", "pages.plan_node",
    "pages.apply_node", "pages.change_mail_address",
}  # fmt: skip
_EXAMPLES = {
    "host": "cucm1.example.com",
    "serial_number": "00", "name": "x.pem", "token_id": "1", "secret": "x", "filename": "x",
    "cluster_id": "1", "node_id": "1", "passkey_id": "999", "session_id": "999", "change": "unlock",
    "request_id": "1", "product_id": "uccx", "path": "uccx1.example.com/x.pem",
}  # fmt: skip


def actions(app: Flask) -> dict[str, Action | None]:
    """Return the declared action of each route except static files."""
    views: dict[str, Any] = {name: view for name, view in app.view_functions.items() if name != "static"}
    return {name: view.action for name, view in views.items()}


def routes(app: Flask, blueprint: str) -> list[tuple[Rule, str, str]]:
    """(rule, method, path) of every route of a blueprint that needs an account."""
    open_ones = {name for name, action in actions(app).items() if action is None}
    return [
        (
            rule,
            method,
            rule.rule.replace("<int:", "<")
            .replace("<path:", "<")
            .replace("<", "{")
            .replace(">", "}")
            .format(**_EXAMPLES),
        )
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{blueprint}.") and rule.endpoint not in open_ones
        for method in (rule.methods or set()) - {"OPTIONS"}
    ]


def test_every_route_declares_what_it_does(app: Flask) -> None:
    declared = actions(app)

    assert {name for name, action in declared.items() if action is None} == PUBLIC
    assert {name: action for name, action in declared.items() if name.startswith("pages.") and action} == ACTIONS


def test_every_dangerous_route_is_declared_so(app: Flask) -> None:
    views: dict[str, Any] = dict(app.view_functions)

    assert {name for name, action in actions(app).items() if action and views[name].dangerous} == DANGEROUS


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
def test_everybody_is_kept_from_what_the_role_may_not_do_and_from_nothing_else(
    app: Flask, signed_in: Callable[[Role], Visitor], role: Role
) -> None:
    visitor = signed_in(role)
    token = visitor.csrf_token()

    refused = set()
    for rule, method, path in routes(app, "pages"):
        answer = visitor.client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        assert (answer.location or "").split("?")[0] != "/sign-in", path
        assert answer.status_code != 500, path
        if answer.status_code == 403:
            assert method == "HEAD" or read(answer.text).blocking == ["permission.missing"]
            refused.add(rule.endpoint)
    assert refused == {name for name, action in ACTIONS.items() if role not in PERMISSIONS[action]}


def test_a_form_without_its_token_is_refused_with_what_to_do(app: Flask, signed_in: Callable[[Role], Visitor]) -> None:
    visitor = signed_in(Role.ADMINISTRATOR)
    posts = [path for _, method, path in routes(app, "pages") if method == "POST"]

    for path in (*posts, "/sign-in", "/sign-in/passkey", "/sign-in/passkey/options", "/sign-out"):
        answer = visitor.client.post(path, data={"csrf_token": "forged"})
        assert answer.status_code == 400, path
        assert read(answer.text).blocking == ["form.expired"]
        assert "Open the page again" in answer.text


def test_the_sign_in_form_needs_its_token_too(visitor: Visitor) -> None:
    assert visitor.client.post("/sign-in", data={"name": "vera", "password": "x"}).status_code == 400


def test_the_forms_work_over_https_with_what_a_browser_tells_of_where_it_comes_from(installation: Installation) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, base_url="https://ca.example.com"))
    visitor = visit(app, "https://ca.example.com")
    form = visitor.get("/sign-in")
    sends_referrer = form.headers["Referrer-Policy"] != "no-referrer"  # the browser follows the redirect

    referrer = {"Referer": "https://ca.example.com/sign-in"} if sends_referrer else {}
    fields = {"name": "requester", "password": PASSWORD}
    answer = visitor.post("/sign-in", fields, headers=referrer)

    assert answer.status_code == 302, read(answer.text).text


def test_a_form_from_another_server_is_refused_over_https(installation: Installation) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, base_url="https://ca.example.com"))
    visitor = visit(app, "https://ca.example.com")

    answer = visitor.post("/sign-in", {"name": "vera"}, headers={"Referer": "https://evil.example/"})

    assert answer.status_code == 400
