"""What a body may cost: limits that hold before anything is looked at one by one."""

from __future__ import annotations

import json

from werkzeug.test import Client

URL = "/api/v1/checks"


def rules(client: Client, document: object) -> list[str]:
    """The rules of the refusal."""
    answer = client.post(URL, data=json.dumps(document), content_type="application/json")
    assert answer.status_code == 400
    return [error["rule"] for error in answer.get_json()["errors"]]


def test_a_list_of_too_many_requests_is_one_finding_whatever_is_in_it(client: Client) -> None:
    assert rules(client, {"csr": [1] * 100_000}) == ["csr.count"]


def test_an_object_of_too_many_members_is_one_finding(client: Client) -> None:
    assert rules(client, {f"option{number}": 1 for number in range(10_000)}) == ["json.invalid"]


def test_the_fix_for_a_broken_object_is_true_of_every_address(client: Client) -> None:
    [error] = client.post("/api/v1/probes", data="x", content_type="application/json").get_json()["errors"]
    assert error["rule"] == "json.invalid"
    assert "the API documentation has an example for each address" in error["remedy"]


def test_a_probe_of_too_many_hosts_names_the_limit(client: Client) -> None:
    answer = client.post("/api/v1/probes", json={"hosts": ["uccx1.example.com"] * 201})
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["remedy"].startswith("Give 1 to 200 hosts,")
