"""Revoking and releasing over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from ca_service.authority.access.permissions import Role
from ca_service.pki import csr, keys
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER

REVOKE = "/api/v1/revocations"
RELEASE = "/api/v1/revocations/release"


@pytest.fixture
def approver(client_of: Callable[[Role], Client]) -> Client:
    """Somebody who may revoke."""
    return client_of(Role.APPROVER)


@pytest.fixture
def serial(approver: Client) -> str:
    """The serial number of a certificate."""
    return issued(approver)


def issued(client: Client, data: bytes = UCCX_PUBLISHER.data) -> str:
    answer = client.post("/api/v1/certificates", data=data, content_type="application/pkcs10")
    return str(answer.get_json()["certificates"][0]["serial_number"])


def told(client: Client, serial: str) -> Any:
    return client.get(f"/api/v1/certificates/{serial}").get_json()["certificates"][0]["revocation"]


def test_a_certificate_is_revoked_and_says_so_from_then_on(approver: Client, serial: str) -> None:
    assert told(approver, serial) is None
    answer = approver.post(REVOKE, json={"serial_numbers": [serial], "reason": "superseded", "note": "moved"})
    assert (answer.status_code, answer.get_json()["done"], answer.get_json()["changed"]) == (200, True, 1)
    assert answer.get_json()["certificates"][0]["effect"] == "revoke"
    assert {"state": "revoked", "reason": "superseded", "changed_by": "approver"}.items() <= told(
        approver, serial
    ).items()
    listed = approver.get("/api/v1/certificates").get_json()["certificates"]
    assert [each["revocation"]["state"] for each in listed] == ["revoked"]


def test_to_revoke_it_again_changes_nothing(approver: Client, serial: str) -> None:
    body = {"serial_numbers": [serial], "reason": "superseded"}
    approver.post(REVOKE, json=body)
    again = approver.post(REVOKE, json=body)
    assert (again.status_code, again.get_json()["changed"], again.get_json()["certificates"][0]["effect"]) == (
        200,
        0,
        "already",
    )


def test_a_preview_tells_what_would_be_and_does_nothing(approver: Client, serial: str) -> None:
    answer = approver.post(REVOKE, json={"host": "uccx1.example.com", "reason": "keyCompromise", "preview": True})
    assert (answer.get_json()["done"], answer.get_json()["changed"]) == (False, 1)
    assert "revocation.cannot-be-undone" in {found["rule"] for found in answer.get_json()["findings"]}
    assert told(approver, serial) is None


def test_a_hold_is_released(approver: Client, serial: str) -> None:
    approver.post(REVOKE, json={"serial_numbers": [serial], "reason": "certificateHold"})
    assert approver.post(RELEASE, json={"serial_numbers": [serial], "preview": True}).get_json()["done"] is False
    assert told(approver, serial)["state"] == "held"
    assert (
        approver.post(RELEASE, json={"serial_numbers": [serial]}).get_json()["certificates"][0]["state"] == "released"
    )
    assert told(approver, serial)["state"] == "released"


@pytest.mark.usefixtures("serial")
def test_every_certificate_with_a_key_is_revoked_at_once(approver: Client) -> None:
    approver.post("/api/v1/certificates?new=true", data=UCCX_PUBLISHER.data, content_type="application/pkcs10")
    issued(approver, SOCIALMINER.data)
    key = keys.key_fingerprint(csr.read_request(UCCX_PUBLISHER.data).subject_public_key_info)
    answer = approver.post(REVOKE, json={"key_fingerprint": key, "reason": "keyCompromise"})
    assert answer.get_json()["changed"] == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "rule"),
    [
        (REVOKE, {"serial_numbers": ["SERIAL"], "reason": "because"}, 400, "revocation.reason"),
        (REVOKE, {"serial_numbers": ["SERIAL"], "reason": "cACompromise"}, 400, "revocation.reason"),
        (REVOKE, {"serial_numbers": ["SERIAL"]}, 400, "option.missing"),
        (REVOKE, {"reason": "superseded"}, 400, "revocation.nothing"),
        (REVOKE, {"serial_numbers": ["xyz"], "reason": "superseded"}, 400, "revocation.serial-number"),
        (REVOKE, {"serial_numbers": ["ab"], "reason": "superseded"}, 404, "certificate.unknown"),
        (REVOKE, {"host": "nobody.example.com", "reason": "superseded"}, 404, "revocation.none-found"),
        (REVOKE, {"key_fingerprint": "ab", "reason": "superseded"}, 400, "revocation.key-fingerprint"),
        (
            REVOKE,
            {"serial_numbers": ["SERIAL"], "reason": "superseded", "invalid_since": "yesterday"},
            400,
            "revocation.invalid-since",
        ),
        (
            REVOKE,
            {"serial_numbers": ["SERIAL"], "reason": "superseded", "invalid_since": "2999-01-01T00:00:00Z"},
            400,
            "revocation.invalid-since-future",
        ),
        (REVOKE, {"serial_numbers": ["SERIAL"], "reason": "superseded", "note": "x" * 501}, 400, "option.value"),
        (REVOKE, {"serial_numbers": ["SERIAL"], "reason": "superseded", "sure": True}, 400, "option.unknown"),
        (RELEASE, {"serial_numbers": ["SERIAL"]}, 409, "revocation.not-held"),
        (RELEASE, {}, 400, "revocation.nothing"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_done(
    approver: Client, serial: str, path: str, body: dict[str, Any], status: int, rule: str
) -> None:
    sent = {name: [serial] if value == ["SERIAL"] else value for name, value in body.items()}
    answer = approver.post(path, json=sent)
    assert (answer.status_code, answer.get_json()["errors"][0]["rule"]) == (status, rule)
    assert told(approver, serial) is None


def test_what_is_revoked_for_good_is_not_released(approver: Client, serial: str) -> None:
    approver.post(REVOKE, json={"serial_numbers": [serial], "reason": "superseded"})
    answer = approver.post(RELEASE, json={"serial_numbers": [serial]})
    assert (answer.status_code, answer.get_json()["errors"][0]["rule"]) == (409, "revocation.final")


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.AUDITOR])
@pytest.mark.parametrize("path", [REVOKE, RELEASE])
def test_who_may_not_revoke_is_refused(client_of: Callable[[Role], Client], serial: str, role: Role, path: str) -> None:
    answer = client_of(role).post(path, json={"serial_numbers": [serial], "reason": "superseded"})
    assert (answer.status_code, answer.get_json()["errors"][0]["rule"]) == (403, "permission.missing")


@pytest.mark.parametrize("body", [b"", b"[]", b"serial_numbers=ab", b"{", b'{"reason": 1}'])
def test_a_body_that_is_no_such_object_is_refused(approver: Client, body: bytes) -> None:
    assert approver.post(REVOKE, data=body, content_type="application/json").status_code == 400
