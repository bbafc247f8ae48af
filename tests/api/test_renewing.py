"""What POST /api/v1/certificates/SERIAL/renew answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.test import Client, TestResponse

from ca_service.authority.access.permissions import Role
from tests.support.requests import SOCIALMINER

URL = "/api/v1/certificates"


def issued(client: Client, profile: str = "server") -> str:
    """The serial number of a certificate that was just issued."""
    answer = client.post(f"{URL}?profile={profile}", data=SOCIALMINER.data)
    return str(answer.get_json()["certificates"][0]["serial_number"])


def renew(client: Client, serial: str, query: str = "", **headers: str) -> TestResponse:
    """Ask for its renewal."""
    return client.post(f"{URL}/{serial}/renew{query}", headers=headers)


def rule(answer: TestResponse) -> str:
    """By which rule it was refused."""
    errors = answer.get_json()["errors"]
    return str(next(error["rule"] for error in errors if error["severity"] == "error"))


def test_a_renewed_certificate_is_answered_with_201_and_its_address(client: Client) -> None:
    serial = issued(client)

    answer = renew(client, serial)

    [document] = answer.get_json()["certificates"]
    assert answer.status_code == 201
    assert document["serial_number"] != serial
    assert answer.headers["Location"] == f"http://localhost{URL}/{document['serial_number']}"
    assert (document["profile"], document["host"]) == ("server", "sm1.example.com")


def test_it_can_be_had_as_a_file(client: Client) -> None:
    answer = renew(client, issued(client), "?format=pem&validity_days=30")

    assert answer.status_code == 201
    assert answer.data.count(b"BEGIN CERTIFICATE") == 3


def test_what_was_followed_is_refused_unless_one_more_is_wanted(client: Client) -> None:
    serial = issued(client)
    renew(client, serial)

    refused = renew(client, serial)

    assert (refused.status_code, rule(refused)) == (409, "renewal.followed")
    assert renew(client, serial, "?new=true").status_code == 201


def test_the_same_idempotency_key_renews_once(client: Client) -> None:
    serial, key = issued(client), {"Idempotency-Key": "once"}
    first, second = (renew(client, serial, **key) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]


def test_a_nodes_certificate_is_refused_with_what_to_do_unless_it_was_never_uploaded(client: Client) -> None:
    serial = issued(client, "vos")

    refused = renew(client, serial)

    assert (refused.status_code, rule(refused)) == (422, "renewal.node")
    assert "Generate a new CSR on sm1.example.com" in refused.get_json()["errors"][0]["remedy"]
    assert renew(client, serial, "?never_uploaded=true").status_code == 201


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("?validity_days=0", 422, "validity.range"),
        ("?validity_days=x", 400, "option.value"),
        ("?never=true", 400, "option.unknown"),
        ("?format=docx", 400, "option.value"),
    ],
)
def test_each_refusal_has_its_status_and_rule(client: Client, query: str, status: int, expected: str) -> None:
    answer = renew(client, issued(client), query)

    assert (answer.status_code, rule(answer)) == (status, expected)


def test_a_serial_number_that_there_is_not_is_not_found(client: Client) -> None:
    assert rule(renew(client, "00")) == "certificate.unknown"


def test_an_auditor_may_not_renew(client: Client, client_of: Callable[[Role], Client]) -> None:
    assert rule(renew(client_of(Role.AUDITOR), issued(client))) == "permission.missing"
