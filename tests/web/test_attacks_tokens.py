"""Attacks with tokens at the API: each is refused, with its own rule and status.

Tokens are tried at every operation of the description, so that a new one is tried as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from ca_service import web
from ca_service.authority.access.permissions import PERMISSIONS, SCOPES, Action, Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.tokens import TokenLimits
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from tests.support import asn1, pkcs10
from tests.support.factories import OPERATOR, PASSWORD, Lab, event
from tests.support.requests import UCCX_PUBLISHER, key

GUARDED: Final = [operation for operation in OPERATIONS if not operation.is_public]
EVERYTHING: Final = tuple(SCOPES)
#: A value for each part of a path.
PARTS: Final = {
    "serial_number": "0" * 40, "request_id": 1, "cluster_id": 1, "product_id": "uccx", "host": "uccx1.example.com",
}  # fmt: skip
INSIDE, OUTSIDE = "10.1.2.3", "198.51.100.7"


@dataclass(frozen=True, slots=True)
class Door:
    """The API in front of a lab; `proxies` is web.trusted_proxies."""

    lab: Lab
    app: Flask

    def send(self, token: str, operation: Operation, address: str = INSIDE, **options: Any) -> TestResponse:
        """Try an operation with a token, from an address."""
        path = operation.path.format(
            serial_number="0" * 40, request_id=1, cluster_id=1, product_id="uccx", host="uccx1.example.com"
        )
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        environ = {"REMOTE_ADDR": address}
        return self.app.test_client().open(
            path, method=operation.method, headers=headers, environ_base=environ, **options
        )

    def issue(self, token: str, data: bytes, **query: str) -> TestResponse:
        """Ask for a certificate."""
        return self.send(token, operation("issueCertificates"), data=data, query_string=query)

    def token(self, limits: TokenLimits = TokenLimits(EVERYTHING), account: str = "vera") -> str:  # noqa: B008
        """A token of this account."""
        return self.lab.tokens.create(OPERATOR, account, "test", 30, limits).secret


def door(proxies: int = 0, **lab_options: Any) -> Door:
    """An API with an account of each role, called after it, and a requester called vera."""
    lab = Lab(**lab_options).initialised()
    for role in Role:
        lab.accounts.create(OPERATOR, role.value, role, PASSWORD)
    lab.accounts.create(OPERATOR, "vera", Role.REQUESTER, PASSWORD)
    installation: Installation = lab
    return Door(lab, web.create(installation, web.WebOptions(secret_key="x" * 32, trusted_proxies=proxies)))


@pytest.fixture
def api() -> Door:
    """The API, reached directly."""
    return door()


def operation(name: str) -> Operation:
    """The operation of this name."""
    return next(found for found in OPERATIONS if found.id == name)


def action_of(app: Flask, wanted: Operation) -> Action:
    """Return the action that the view of an operation declares."""
    adapter = app.url_map.bind("localhost")
    endpoint, _ = adapter.match(
        wanted.path.format(**PARTS),
        method=wanted.method,
    )
    view: Any = app.view_functions[endpoint]
    action: Action = view.action
    return action


def rules(answer: TestResponse) -> list[str]:
    """Return the rules of the errors in a problem or check."""
    return [error["rule"] for error in answer.get_json()["errors"] if error["severity"] == "error"]


def refusal(answer: TestResponse) -> tuple[int, list[str]]:
    """The status of an answer, and the rules in it; none in an answer that is no problem."""
    return answer.status_code, rules(answer) if answer.status_code >= 400 else []


def request(common_name: str, *entries: tuple[int, str | bytes]) -> bytes:
    """A request with this common name and these alternative names."""
    extensions = (pkcs10.alternative_name(*entries),) if entries else ()
    return pkcs10.Recipe(key(common_name), pkcs10.name(("CN", asn1.UTF8_STRING, common_name)), extensions).der()


# The token itself


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_out_of_scope_gets_nowhere(api: Door, scope: str) -> None:
    token, wrong = api.token(TokenLimits((scope,)), "administrator"), []
    for wanted in GUARDED:
        answer, action = api.send(token, wanted), action_of(api.app, wanted)
        if action in SCOPES[scope].actions or action is Action.OWN_TOKEN:
            is_right = answer.status_code not in (401, 403, 500)
        else:
            is_right = refusal(answer) == (403, ["token.scope"])
        wrong += [] if is_right else [(wanted.id, answer.status, answer.text)]
    assert wrong == []


@pytest.mark.parametrize("role", Role)
def test_a_token_with_every_scope_goes_no_further_than_the_role_of_its_account(api: Door, role: Role) -> None:
    token, wrong = api.token(account=role.value), []
    for wanted in GUARDED:
        answer, may = api.send(token, wanted), role in PERMISSIONS[action_of(api.app, wanted)]
        is_right = answer.status_code != 403 if may else refusal(answer) == (403, ["permission.missing"])
        wrong += [] if is_right else [(wanted.id, answer.status, answer.text)]
    assert wrong == []


@pytest.mark.parametrize("end", ["disabled account", "expired", "revoked", "all revoked", "forged", "cut short"])
def test_a_token_that_does_not_count_gets_nowhere(api: Door, end: str) -> None:
    token = api.token()
    assert api.send(token, operation("getToken")).status_code == 200
    if end == "disabled account":
        api.lab.accounts.set_disabled(OPERATOR, "vera", disabled=True)
    elif end == "expired":
        api.lab.clock.advance(days=30)
    elif end == "revoked":
        [record] = api.lab.tokens.list_of(OPERATOR, "vera")
        api.lab.tokens.revoke(OPERATOR, "vera", record.id)
    elif end == "all revoked":
        api.lab.tokens.revoke_all(OPERATOR, "vera")
    else:
        token = token[:-1] if end == "cut short" else token[:10] + "x" * 33
    refused = {wanted.id: refusal(api.send(token, wanted)) for wanted in GUARDED}
    assert refused == {wanted.id: (401, ["token.invalid"]) for wanted in GUARDED}


def test_a_role_that_was_taken_away_is_taken_from_the_tokens_as_well(api: Door) -> None:
    token = api.token()
    store = api.lab.account_store
    account = store.find_account("vera")
    assert account is not None
    demoted = replace(account, role=Role.AUDITOR, session_epoch=account.session_epoch + 1)
    store.update_account(demoted, event("vera"))
    answer = api.issue(token, UCCX_PUBLISHER.data)
    assert (answer.status_code, rules(answer)) == (403, ["permission.missing"])


# From where it is used


def test_a_token_from_outside_its_networks_gets_nowhere(api: Door) -> None:
    token = api.token(TokenLimits(EVERYTHING, networks=("10.0.0.0/8", "2001:db8::/32")), "administrator")
    for address in (OUTSIDE, "2001:db9::1", "::ffff:198.51.100.7", "not an address"):
        refused = {wanted.id: refusal(api.send(token, wanted, address)) for wanted in GUARDED}
        assert refused == {wanted.id: (403, ["token.network"]) for wanted in GUARDED}, address
    for address in (INSIDE, "2001:db8::1", "::ffff:10.9.9.9"):
        statuses = {wanted.id: api.send(token, wanted, address).status_code for wanted in GUARDED}
        assert [found for found, status in statuses.items() if status in (401, 403, 500)] == [], address


SPOOFS: Final = [
    {"X-Forwarded-For": INSIDE},
    {"X-Forwarded-For": f"{INSIDE}, {INSIDE}"},
    {"Forwarded": f"for={INSIDE}"},
    {"X-Real-IP": INSIDE},
    {"Client-IP": INSIDE},
    {"True-Client-IP": INSIDE},
]


@pytest.mark.parametrize(
    "spoof", SPOOFS, ids=lambda spoof: ", ".join(f"{name}: {value}" for name, value in spoof.items())
)
def test_an_address_that_the_client_made_up_does_not_count(api: Door, spoof: dict[str, str]) -> None:
    token = api.token(TokenLimits(EVERYTHING, networks=("10.0.0.0/8",)))
    answer = api.send(token, operation("getToken"), OUTSIDE, headers=spoof)
    assert (answer.status_code, rules(answer)) == (403, ["token.network"])


def test_behind_a_proxy_the_address_that_the_proxy_saw_counts_and_no_other() -> None:
    api = door(proxies=1)
    token = api.token(TokenLimits(EVERYTHING, networks=("10.0.0.0/8",)))
    for told, status in ((INSIDE, 200), (OUTSIDE, 403), (f"{INSIDE}, {OUTSIDE}", 403), (f"{OUTSIDE}, {INSIDE}", 200)):
        answer = api.send(token, operation("getToken"), "127.0.0.1", headers={"X-Forwarded-For": told})
        assert answer.status_code == status, told


def test_a_peer_that_is_no_named_proxy_cannot_choose_its_address() -> None:
    api = door(proxies=1)
    token = api.token(TokenLimits(EVERYTHING, networks=("10.0.0.0/8",)))
    answer = api.send(token, operation("getToken"), OUTSIDE, headers={"X-Forwarded-For": INSIDE})
    assert (answer.status_code, rules(answer)) == (403, ["token.network"])


# For which names and profiles

ATTACKS: Final[dict[str, tuple[bytes, dict[str, str]]]] = {
    "another host": (request("a-EC.example.net", (pkcs10.DNS, "a.example.net")), {}),
    "one more host": (
        request("a-EC.uc.example.com", (pkcs10.DNS, "a.uc.example.com"), (pkcs10.DNS, "vcenter.example.com")),
        {},
    ),
    "upper case": (request("A-EC.EXAMPLE.NET", (pkcs10.DNS, "A.EXAMPLE.NET")), {}),
    "a name that ends alike": (request("evil-uc.example.com", (pkcs10.DNS, "evil-uc.example.com")), {}),
    "a name that begins alike": (request("x", (pkcs10.DNS, "a.uc.example.com.example.net")), {}),
    "the parent domain alone": (request("x.uc.example.com", (pkcs10.DNS, "uc.example.com")), {}),
    "the domain above": (
        request("a-EC.uc.example.com", (pkcs10.DNS, "example.com"), (pkcs10.DNS, "a.uc.example.com")),
        {},
    ),
    "an A-label": (request("a-EC.uc.example.com", (pkcs10.DNS, "a.xn--uc-example-com.net")), {}),
    "an address": (
        request("a-EC.uc.example.com", (pkcs10.DNS, "a.uc.example.com"), (pkcs10.IP, bytes((10, 0, 0, 5)))),
        {},
    ),
    "an IPv6 address": (request("a-EC.uc.example.com", (pkcs10.IP, bytes(15) + b"\1")), {}),
    "the common name": (request("vcenter-EC.example.com", (pkcs10.DNS, "a.uc.example.com")), {}),
    "the common name with a dot behind": (request("vcenter.example.com.", (pkcs10.DNS, "a.uc.example.com")), {}),
    "an address as common name": (request("10.0.0.5", (pkcs10.DNS, "a.uc.example.com")), {}),
    "the host name that is added": (request("vcenter-EC.example.com"), {"add_host_name": "true"}),
    "a wildcard above": (request("a.uc.example.com", (pkcs10.DNS, "*.example.com")), {"profile": "server"}),
    "the parent domain of a server": (
        request("a.uc.example.com", (pkcs10.DNS, "uc.example.com"), (pkcs10.DNS, "a.uc.example.com")),
        {"profile": "server"},
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_name_outside_the_allowed_ones_is_refused_at_the_check_and_at_the_issue(api: Door, attack: str) -> None:
    data, query = ATTACKS[attack]
    token = api.token(TokenLimits(EVERYTHING[:3], names=("*.uc.example.com",)))
    answer = api.issue(token, data, **query)
    assert (answer.status_code, set(rules(answer))) in [
        (422, {"token.name"}),
        (422, {"token.name-parent"}),
        (422, {"token.name", "token.name-parent"}),
    ]
    check = api.send(token, operation("checkRequests"), data=data, query_string=query).get_json()["checks"][0]
    assert set(rules(answer)) <= {found["rule"] for found in check["findings"]}
    assert not check["accepted"]


@pytest.mark.parametrize(
    "name", ["a.uc.example.com.", "b\u00fccher.uc.example.com", "evil.net\0.uc.example.com", "evil.net .uc.example.com"]
)
def test_a_name_that_is_written_to_deceive_is_refused(api: Door, name: str) -> None:
    token = api.token(TokenLimits(EVERYTHING[:3], names=("*.uc.example.com",)))
    answer = api.issue(token, request("a-EC.uc.example.com", (pkcs10.DNS, name.encode())))
    assert answer.status_code == 422
    assert rules(answer)
    assert not api.send(token, operation("listCertificates")).get_json()["certificates"]


def test_what_the_token_allows_is_issued_and_told_as_its_doing(api: Door) -> None:
    token = api.token(TokenLimits(EVERYTHING[:3], names=("*.uc.example.com",), profiles=("vos",)))
    entries = ((pkcs10.DNS, "uc.example.com"), (pkcs10.DNS, "A.uc.example.com"))
    assert api.issue(token, request("A-EC.uc.example.com", *entries)).status_code == 201
    newest = api.lab.audit_log.list_events(OPERATOR, EventQuery(events=("certificate.issued",))).items[0]
    assert (newest.actor, newest.origin) == ("vera", f"token {token[:10]}, {INSIDE}")


def test_a_profile_outside_the_allowed_ones_is_refused(api: Door) -> None:
    token = api.token(TokenLimits(EVERYTHING[:3], profiles=("vos",)))
    data = request("www.example.com", (pkcs10.DNS, "www.example.com"))
    answer = api.issue(token, data, profile="server")
    assert (answer.status_code, rules(answer)) == (422, ["token.profile"])


def test_the_certificates_of_others_are_not_there_for_a_token_with_names(api: Door) -> None:
    wide = api.token()
    serial = api.issue(wide, UCCX_PUBLISHER.data).get_json()["certificates"][0]["serial_number"]
    narrow = api.token(TokenLimits(EVERYTHING[:3], names=("*.uc.example.com",)))
    path = operation("getCertificate").path.format(serial_number=serial)
    client = api.app.test_client()
    for token, status, count in ((wide, 200, 1), (narrow, 404, 0)):
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get(path, headers=headers).status_code == status
        listed = client.get("/api/v1/certificates?q=uccx1&sort=host&limit=1", headers=headers).get_json()
        assert (len(listed["certificates"]), listed["next"]) == (count, None)


def test_a_token_for_some_names_revokes_no_other_certificate() -> None:
    at = door()
    record = at.lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates[0]
    token = at.token(TokenLimits(("revoke",), names=("*.elsewhere.example",)), "approver")
    body = {"serial_numbers": [record.serial_number], "reason": "superseded"}

    answer = at.send(token, operation("revokeCertificates"), json=body)

    assert (answer.status_code, rules(answer)) == (404, ["certificate.unknown"])
    assert at.lab.revocation.revocations_of([record.serial_number]) == {}
    allowed = at.token(TokenLimits(("revoke",), names=("*.example.com",)), "approver")
    assert at.send(allowed, operation("revokeCertificates"), json=body).status_code == 200


def test_a_token_for_some_names_neither_sees_nor_decides_about_the_requests_of_others() -> None:
    at = door(rules=())
    submitted = at.lab.issuance.issue(at.lab.accounts.get("vera").actor, [UCCX_PUBLISHER.data], Options())
    number = submitted.waiting[0].id
    token = at.token(TokenLimits(("read", "decide"), names=("*.elsewhere.example",)), "approver")

    for name in ("getRequest", "getSubmission", "approveRequest", "refuseRequest"):
        answer = at.send(token, operation(name), json={"note": "x"} if not name.startswith("get") else None)
        assert (answer.status_code, rules(answer)) == (404, ["request.unknown"]), name
    assert rules(at.send(token, operation("listRequests"))) == ["token.bounded"]
    assert at.lab.requests.get(OPERATOR, number).state.value == "submitted"
    allowed = at.token(TokenLimits(("read", "decide"), names=("*.example.com",)), "approver")
    assert at.send(allowed, operation("approveRequest"), json={}).status_code == 200
