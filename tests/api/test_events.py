"""The record in the API: for those who may read it, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from tests.support.factories import OPERATOR
from tests.support.requests import UCCX_PUBLISHER

URL = "/api/v1/events"


@pytest.fixture
def auditor(client_of: Callable[[Role], Client]) -> Client:
    """A client that sends the token of an auditor."""
    return client_of(Role.AUDITOR)


def listed(client: Client, query: str = "") -> Any:
    answer = client.get(f"{URL}{query}")
    assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.text
    return answer.get_json()


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER])
def test_who_may_not_read_the_record_is_refused(client_of: Callable[[Role], Client], role: Role) -> None:
    answer = client_of(role).get(URL)
    assert answer.status_code == 403
    assert answer.get_json()["errors"][0]["rule"] == "permission.missing"


def test_an_event_is_told_whole(auditor: Client, installation: Installation) -> None:
    [record] = installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    [found] = listed(auditor, "?event=certificates")["events"]
    assert found["id"] > 1
    assert found["text"] == "A certificate for uccx1.example.com was issued."
    assert (found["event"], found["category"]) == ("certificate.issued", "certificates")
    assert (found["actor"], found["origin"], found["subject"]) == ("operator", "command line", record.serial_number)
    assert found["details"]["profile"] == "vos"
    assert found["seal"] is None
    installation.sealing.seal_pending()
    assert listed(auditor, "?event=certificates")["events"][0]["seal"] == 1


def test_the_next_page_is_where_the_answer_says(auditor: Client) -> None:
    whole = [each["id"] for each in listed(auditor)["events"]]
    address, found = f"{URL}?limit=3&sort=oldest&q=a", list[int]()
    while address:
        answer = auditor.get(address)
        document = answer.get_json()
        found += [each["id"] for each in document["events"]]
        assert ("Link" in answer.headers) == bool(document["next"])
        address = document["next"]
    assert len(found) == len(set(found)) <= len(whole)
    assert found == sorted(found)
    assert len(found) > 3


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("?since=yesterday", "audit.time"),
        ("?event=birthday", "audit.event-unknown"),
        ("?cursor=x", "list.cursor"),
        ("?limit=0", "option.value"),
        ("?limit=201", "option.value"),
        ("?sort=sideways", "option.value"),
        ("?role=auditor", "option.unknown"),
        ("?actor=a&actor=b", "option.conflict"),
    ],
)
def test_what_cannot_be_asked_is_refused(auditor: Client, query: str, rule: str) -> None:
    answer = auditor.get(f"{URL}{query}")
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["rule"] == rule


def test_the_list_is_narrowed_down(auditor: Client) -> None:
    assert [each["event"] for each in listed(auditor, "?event=authority&sort=oldest")["events"]] == [
        "authority.created",
        "authority.created",
    ]
    assert listed(auditor, "?subject=root-g1&actor=operator&until=2999-01-01")["events"][0]["subject"] == "root-g1"
    assert listed(auditor, "?since=2999-01-01T00:00:00Z") == {"events": [], "next": None}
