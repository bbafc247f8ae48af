"""What POST /api/v1/batches answers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from ca_service.authority.access.permissions import Role
from ca_service.authority.hierarchy.hierarchy import AUTHORITY_MISSING
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.batches import GROUP
from ca_service.errors import NotReady
from ca_service.storage.ledger import SQLLedger
from tests.support import pkcs10
from tests.support.factories import OPERATOR
from tests.support.requests import THREE_NODES, UCCX_PUBLISHER, node

URL = "/api/v1/batches"


def csr(number: int) -> bytes:
    """The CSR of a node."""
    return pkcs10.pem(node(f"n{number}-EC.example.com", f"n{number}.example.com").der())


def zipped(*files: tuple[str, bytes]) -> bytes:
    """A ZIP of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def lines(answer: TestResponse) -> list[dict[str, Any]]:
    """The lines of an answer in NDJSON."""
    return [json.loads(line) for line in answer.text.splitlines()]


def test_each_csr_has_a_verdict_and_the_answer_counts_them(client: Client) -> None:
    files = [(io.BytesIO(b"hello"), "bad.csr"), *((io.BytesIO(each.data), f"{each.name}.csr") for each in THREE_NODES)]
    answer = client.post(URL, data={"csr": files})
    document = answer.get_json()
    assert answer.status_code == 200
    assert document["counts"] == {"issued": 3, "issued_before": 0, "waiting": 0, "refused": 1}
    bad, *good = document["verdicts"]
    assert (bad["number"], bad["name"], bad["outcome"], bad["certificate"]) == (0, "bad.csr", "refused", None)
    assert [(found["rule"], found["pointer"]) for found in bad["findings"]] == [("csr.unreadable", "/csr/0")]
    assert [each["name"] for each in good] == [f"{each.name}.csr" for each in THREE_NODES]
    first = good[0]["certificate"]
    assert client.get(first["links"]["self"]).get_json()["certificates"] == [first]


def test_lines_are_written_while_the_groups_are_issued(client: Client, installation: Installation) -> None:
    body = b"".join(map(csr, range(GROUP + 2)))
    answer = client.post(f"{URL}?format=ndjson", data=body, buffered=False)
    assert answer.content_type == "application/x-ndjson"
    written = answer.iter_encoded()
    first = [json.loads(line) for line in next(written).splitlines()]
    assert [each["outcome"] for each in first] == ["issued"] * GROUP
    assert len(list(installation.inventory.export(OPERATOR, "", "oldest"))) == GROUP
    rest = [json.loads(line) for line in b"".join(written).splitlines()]
    assert rest[-1] == {"issued": GROUP + 2, "issued_before": 0, "waiting": 0, "refused": 0}
    assert [each["number"] for each in rest[:-1]] == [GROUP, GROUP + 1]


def test_a_fault_in_the_middle_is_the_last_line(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = SQLLedger.record, []

    def full(self: SQLLedger, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise NotReady.because(AUTHORITY_MISSING)
        return real(self, *arguments, **options)

    monkeypatch.setattr(SQLLedger, "record", full)
    found = lines(client.post(f"{URL}?format=ndjson", data=b"".join(map(csr, range(GROUP + 1)))))
    assert len(found) == GROUP + 1
    assert (found[-1]["status"], found[-1]["code"]) == (503, "not-ready")
    assert found[-1]["errors"][0]["rule"] == "authority.missing"


@pytest.mark.parametrize(
    "body",
    [
        b"".join(each.data for each in THREE_NODES),
        zipped(*((f"requests/{each.name}.csr", each.data) for each in THREE_NODES)),
        json.dumps({"csr": [each.data.decode() for each in THREE_NODES]}).encode(),
        json.dumps({"csr": "".join(each.data.decode() for each in THREE_NODES)}).encode(),
    ],
    ids=["PEM", "ZIP", "JSON list", "JSON text"],
)
@pytest.mark.parametrize("url", [URL, "/api/v1/certificates"])
def test_several_csrs_come_in_any_of_these_forms(client: Client, url: str, body: bytes) -> None:
    document = client.post(url, data=body).get_json()
    found = [each["certificate"] for each in document["verdicts"]] if url == URL else document["certificates"]
    assert [each["host"] for each in found] == [f"{each.name}.example.com" for each in THREE_NODES]


@pytest.mark.parametrize(
    ("query", "body", "status", "rule"),
    [
        ("new=true", UCCX_PUBLISHER.data, 400, "batch.new"),
        ("format=zip", UCCX_PUBLISHER.data, 400, "option.value"),
        ("profile=nope", UCCX_PUBLISHER.data, 400, "profile.unknown"),
        ("", zipped(("a/", b"")), 400, "archive.count"),
    ],
)
def test_what_is_wrong_with_all_of_them_is_an_error(
    client: Client, query: str, body: bytes, status: int, rule: str
) -> None:
    answer = client.post(f"{URL}?{query}", data=body)
    assert answer.status_code == status, answer.text
    assert answer.get_json()["errors"][0]["rule"] == rule


def test_a_reader_issues_no_batch(client_of: Callable[[Role], Client]) -> None:
    assert client_of(Role.AUDITOR).post(URL, data=UCCX_PUBLISHER.data).status_code == 403


def test_without_a_token_there_is_none(app: Flask) -> None:
    assert app.test_client().post(URL, data=UCCX_PUBLISHER.data).status_code == 401
