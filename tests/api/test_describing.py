"""The OpenAPI document: valid, complete, and true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from pydantic import BaseModel
from werkzeug.test import Client

from ca_service.app.serving import declared_rules
from ca_service.documents.audit import EventsDocument, NewestSealDocument
from ca_service.documents.authorities import ChainDocument, HierarchyDocument
from ca_service.documents.certificates import CertificateListDocument, CertificatesDocument
from ca_service.documents.checks import ChecksDocument, FitDocument
from ca_service.documents.experience import MatrixDocument
from ca_service.documents.findings import ProblemDocument
from ca_service.documents.fleet import ClusterDocument, ClustersDocument, PlacementsDocument, RemovedClusterDocument
from ca_service.documents.knowledge import ExplanationsDocument, ProductDocument, ProductsDocument, QuestionsDocument
from ca_service.documents.nodes import ContactDocument, NodeAppliedDocument, NodeLinesDocument, NodePlanDocument
from ca_service.documents.operations import HealthDocument, JobsDocument, MessagesDocument, UpcomingListDocument
from ca_service.documents.people import TokenDocument
from ca_service.documents.requests import RequestDocument, RequestsDocument
from ca_service.documents.revocations import NewestCRLsDocument, RevocationResultDocument
from ca_service.documents.runbooks import RunbookDocument
from ca_service.web.api import examples, fleet_examples, node_examples, status_examples
from ca_service.web.api.document import openapi_document
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from ca_service.web.problems import STATUS

URL: Final = "/api/v1/openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document("https://ca.example.com")


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document, cls=OpenAPIV31SpecValidator)


def test_the_document_is_for_everybody(app: Flask) -> None:
    answer = app.test_client().get(URL, base_url="http://localhost:8080")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.get_json() == openapi_document("http://localhost:8080")
    assert answer.get_json()["servers"] == [{"url": "http://localhost:8080"}]


def test_the_document_takes_no_parameters(client: Client) -> None:
    assert client.get(f"{URL}?x=1").status_code == 400


def test_routes_and_document_are_the_same(app: Flask, document: dict[str, Any]) -> None:
    routed = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == routed


def test_only_the_document_itself_needs_no_token(document: dict[str, Any]) -> None:
    is_open = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if operation.get("security", document["security"]) == []
    }
    assert is_open == {"getDescription"}


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (CertificatesDocument, examples.CERTIFICATES),
        (CertificateListDocument, examples.CERTIFICATE_LIST),
        (RequestDocument, examples.REQUEST),
        (RequestsDocument, examples.REQUESTS),
        (ChecksDocument, examples.CHECKS),
        (ChainDocument, examples.AUTHORITY),
        (FitDocument, examples.FIT),
        (EventsDocument, examples.EVENTS),
        (TokenDocument, examples.TOKEN),
        (RevocationResultDocument, examples.REVOCATION),
        (ProblemDocument, examples.PROBLEM),
        (ClustersDocument, fleet_examples.CLUSTERS),
        (ClusterDocument, fleet_examples.CLUSTER),
        (RemovedClusterDocument, fleet_examples.REMOVED_CLUSTER),
        (PlacementsDocument, fleet_examples.PLACEMENTS),
        (RunbookDocument, fleet_examples.RUNBOOK),
        (ProductsDocument, fleet_examples.PRODUCTS),
        (ProductDocument, fleet_examples.PRODUCT),
        (ExplanationsDocument, fleet_examples.EXPLANATIONS),
        (QuestionsDocument, fleet_examples.QUESTIONS),
        (MatrixDocument, fleet_examples.MATRIX),
        (ContactDocument, node_examples.CONTACT),
        (NodePlanDocument, node_examples.PLAN),
        (NodeAppliedDocument, node_examples.APPLIED),
        (NodeLinesDocument, node_examples.LINES),
        (NewestSealDocument, status_examples.NEWEST_SEAL),
        (HealthDocument, status_examples.HEALTH),
        (JobsDocument, status_examples.JOBS),
        (UpcomingListDocument, status_examples.NOTICES),
        (MessagesDocument, status_examples.MESSAGES),
        (HierarchyDocument, status_examples.AUTHORITIES),
        (NewestCRLsDocument, status_examples.CRLS),
    ],
)
def test_the_examples_fit_their_models(model: type[BaseModel], example: dict[str, Any]) -> None:
    assert model.model_validate(example).model_dump(mode="json") == example


def test_the_answer_of_each_decision_has_its_state_and_the_note_of_its_body(document: dict[str, Any]) -> None:
    for verb, state in {"approve": "issued", "refuse": "refused", "withdraw": "withdrawn"}.items():
        described = document["paths"][f"/api/v1/requests/{{request_id}}/{verb}"]["post"]
        answer = described["responses"]["200"]["content"]["application/json"]["example"]
        assert RequestDocument.model_validate(answer).state == state
        assert answer["note"] == described["requestBody"]["content"]["application/json"]["example"]["note"]


def test_the_answer_of_a_release_is_a_release(document: dict[str, Any]) -> None:
    described = document["paths"]["/api/v1/revocations/release"]["post"]["responses"]["200"]["content"]
    answer = RevocationResultDocument.model_validate(described["application/json"]["example"])
    assert [(each.effect, each.state) for each in answer.certificates] == [("release", "released")]


def test_the_findings_in_the_examples_have_the_words_of_their_rules(document: dict[str, Any]) -> None:
    found = [each for each in _objects(document) if isinstance(each.get("remedy"), str)]
    assert found
    for each in found:
        rule = declared_rules()[each["rule"]]
        assert each["severity"] == rule.severity.value
        for text, template in ((each["detail"], rule.problem), (each["remedy"], rule.remedy)):
            assert re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(template)), text), each["rule"]
    named = [rule for each in _objects(document) if isinstance(rules := each.get("rules"), list) for rule in rules]
    assert named
    assert set(named) <= set(declared_rules())


def _objects(part: object) -> Iterator[dict[str, Any]]:
    """Yield each object in this part of the document."""
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _objects(each)


def test_the_request_in_the_examples_is_signed_in_every_form(client: Client, document: dict[str, Any]) -> None:
    described = document["paths"]["/api/v1/certificates"]["post"]["requestBody"]["content"]
    statuses = [
        client.post("/api/v1/certificates", data=described["text/plain"]["example"]).status_code,
        client.post("/api/v1/certificates", json=described["application/json"]["example"]).status_code,
        client.post(
            "/api/v1/certificates",
            data=described["multipart/form-data"]["example"],
            content_type="multipart/form-data",
        ).status_code,
    ]
    assert statuses == [201, 200, 200]


def test_every_operation_describes_each_status_that_it_names(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        described = document["paths"][operation.path][operation.method.lower()]
        assert set(map(int, described["responses"])) == {*operation.answers, *operation.problems}
        assert described["description"]


def test_every_status_of_a_refusal_is_described(document: dict[str, Any]) -> None:
    of_pages_alone = {429}  # nobody signs in at the API
    described = {int(status) for status in document["components"]["responses"]}
    assert described == {*STATUS.values(), 500} - of_pages_alone


def test_a_busy_service_says_when_to_come_back_in_every_operation_that_needs_the_database(
    document: dict[str, Any],
) -> None:
    assert "Retry-After" in document["components"]["responses"]["503"]["headers"]
    assert {operation.id for operation in OPERATIONS if 503 not in operation.problems} == {"getDescription"}


def test_everything_a_query_takes_is_described(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        described = document["paths"][operation.path][operation.method.lower()]["parameters"]
        names = {each["name"] for each in described if each["in"] == "query"}
        assert names == {field.alias or name for name, field in operation.query.model_fields.items()}
        assert all(each["description"] for each in described)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_the_curl_line_names_its_operation(operation: Operation) -> None:
    words = shlex.split(operation.curl.replace("{base_url}", "https://ca.example.com"))
    (address,) = [word for word in words if word.startswith("https://")]
    path = address.removeprefix("https://ca.example.com").split("?")[0]
    assert path == re.sub("{(.*?)}", lambda found: found[1].upper(), operation.path)
    assert operation.is_public != ("Authorization: Bearer $TOKEN" in words)
    assert (operation.method != "GET") == bool({"--data-binary", "-F", "--json", "-X"} & set(words))
