"""The fit of a certificate for scripts: JSON and form, every question with its answer, every refusal with its place."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import Client

from ca_service import clock
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.documents.checks import FitDocument
from ca_service.vos.fit import MAX_CHAIN_FILES, Files, judge_files
from tests.support import spoiled
from tests.support.fakes import NOON, FixedClock
from tests.support.requests import UCCX_PUBLISHER
from tests.support.spoiled import SPOILED

URL = "/api/v1/fit"
FORM = "multipart/form-data"


@pytest.fixture
def fit_clock() -> FixedClock:
    """The time of the fit checks: the certificates of the test are made for noon."""
    return FixedClock()


@pytest.fixture
def installation(installation: Installation, fit_clock: FixedClock) -> Installation:
    """The installation, with this time for the fit checks."""
    return replace(installation, fit_checks=FitChecks(fit_clock))


def document(of: Files) -> dict[str, Any]:
    """The files as JSON."""
    assert of.csr is not None
    chain = [each.decode() for each in of.chain]
    return {"csr": of.csr.decode(), "certificate": of.certificate.decode(), "chain": chain, "trust": of.trust}


def parts(of: Files) -> dict[str, Any]:
    """The files as a form."""
    assert of.csr is not None
    chain = [(io.BytesIO(each), f"{number}.pem") for number, each in enumerate(of.chain)]
    found = {"csr": (io.BytesIO(of.csr), "a.csr"), "certificate": (io.BytesIO(of.certificate), "a.pem"), "chain": chain}
    return found | ({"trust": of.trust} if of.trust else {})


def refusal(answer: Any) -> tuple[int, str, str]:
    error = answer.get_json()["errors"][0]
    return answer.status_code, error["rule"], error["pointer"]


@pytest.mark.parametrize(("make", "rule"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED])
def test_json_and_form_get_the_same_answer(client: Client, make: Callable[[], Files], rule: str) -> None:
    of = make()
    as_json, as_form = client.post(URL, json=document(of)), client.post(URL, data=parts(of))

    assert (as_json.status_code, as_form.status_code) == (200, 200)
    assert as_json.get_json() == as_form.get_json() == FitDocument.of(judge_files(of, NOON)).model_dump()
    failed = [each["finding"]["rule"] for each in as_json.get_json()["checks"] if each["result"] == "failed"]
    assert failed == [rule]


def test_a_certificate_alone_is_enough(client: Client) -> None:
    answer = client.post(URL, json={"certificate": spoiled.issued().pem.decode()}).get_json()

    assert {each["result"] for each in answer["checks"]} == {"passed", "failed", "not checked"}
    assert answer["works"] is False  # its chain is missing


def test_an_auditor_may_ask_and_nobody_without_a_token(client_of: Callable[[Role], Client], app: Any) -> None:
    assert client_of(Role.AUDITOR).post(URL, json=document(spoiled.files())).status_code == 200
    assert app.test_client().post(URL, json={}).status_code == 401


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"json": {}}, (400, "option.missing", "/certificate")),
        ({"json": {"certificate": 5}}, (400, "option.value", "/certificate")),
        ({"json": {"certificate": "x", "chain": ["x"] * (MAX_CHAIN_FILES + 1)}}, (400, "option.value", "/chain")),
        ({"json": {"certificate": "x", "other": 1}}, (400, "option.unknown", "/other")),
        ({"json": {"certificate": "hello"}}, (400, "fit.readable", "/certificate")),
        ({"json": {"certificate": "-----BEGIN PRIVATE KEY-----"}}, (422, "fit.private-key", "/certificate")),
        ({"data": b"no json"}, (400, "json.invalid", "")),
        ({"data": {"csr": "x"}, "content_type": FORM}, (400, "option.missing", "/certificate")),
        ({"data": {"certificate": ["a", "b"]}, "content_type": FORM}, (400, "form.part-repeated", "/certificate")),
        ({"data": {"certificate": "a", "x": "b"}, "content_type": FORM}, (400, "option.unknown", "/x")),
        ({"json": {"certificate": "x"}, "query_string": "x=1"}, (400, "option.unknown", "/x")),
        ({"json": {"certificate": "x"}, "headers": {"Content-Encoding": "gzip"}}, (415, "http.content-encoding", "")),
        ({"json": {"certificate": spoiled.issued().pem.decode(), "csr": "x"}}, (422, "csr.unreadable", "/csr")),
        ({"json": {"certificate": spoiled.issued().pem.decode(), "trust": "x"}}, (400, "trust.unreadable", "/trust")),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(client: Client, sent: dict[str, Any], expected: tuple[int, str, str]) -> None:
    assert refusal(client.post(URL, **sent)) == expected


def test_too_many_files_of_authorities_are_refused_in_a_form_too(client: Client) -> None:
    of = spoiled.files()
    many = {**parts(of), "chain": [of.chain[0].decode()] * (MAX_CHAIN_FILES + 1)}

    assert refusal(client.post(URL, data=many, content_type="multipart/form-data"))[1] == "fit.files"


def test_a_certificate_of_ours_tells_what_a_node_would_say_today(client: Client, fit_clock: FixedClock) -> None:
    fit_clock.now = clock.utc_now()
    made = client.post("/api/v1/certificates", data=UCCX_PUBLISHER.data).get_json()["certificates"][0]
    url = f"/api/v1/certificates/{made['serial_number']}"
    assert client.get(url).get_json()["findings"] == []

    fit_clock.now += spoiled.SIX_YEARS

    assert "fit.expired" in [each["rule"] for each in client.get(url).get_json()["findings"]]


def test_a_plain_server_has_nothing_that_a_node_would_say(client: Client) -> None:
    made = client.post("/api/v1/certificates?profile=server", data=UCCX_PUBLISHER.data).get_json()["certificates"][0]

    assert client.get(f"/api/v1/certificates/{made['serial_number']}").get_json()["findings"] == []
