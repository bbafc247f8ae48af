"""What is known of products, through the API: the same facts as on the pages, each with its sources."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from ca_service.authority.installation import Installation
from ca_service.documents.experience import MatrixDocument
from ca_service.documents.knowledge import (
    PHASES,
    ExplanationsDocument,
    ProductDocument,
    ProductsDocument,
    QuestionsDocument,
)
from ca_service.vos.experience import Signing, find_row
from ca_service.vos.messages import MAX_LENGTH, all_messages
from ca_service.vos.products import products
from ca_service.vos.questions import questions
from tests.api.test_clusters import rule, token_with


@pytest.fixture
def client(steady_client: Client) -> Client:
    """A client that all share: nothing is written."""
    return steady_client


def test_the_list_has_every_product_and_version(client: Client) -> None:
    found = ProductsDocument.model_validate_json(client.get("/api/v1/products").data)
    assert [each.id for each in found.products] == list(products())
    assert [[row.label for row in each.releases] for each in found.products] == [
        [row.label for row in each.releases] for each in products().values()
    ]


def test_the_questions_are_those_of_the_page(client: Client) -> None:
    found = QuestionsDocument.model_validate_json(client.get("/api/v1/questions").data)
    assert [each.topic for each in found.topics] == list(questions())
    told = [(row.question, row.answer.text, row.answer.confirmed) for each in found.topics for row in each.questions]
    assert told == [
        (each.question, each.answer.text, each.answer.is_confirmed) for every in questions().values() for each in every
    ]
    assert all(row.answer.sources for each in found.topics for row in each.questions)


def test_words_select_questions(client: Client) -> None:
    (topic,) = client.get("/api/v1/questions", query_string={"q": "upgrade self-signed? prepare"}).get_json()["topics"]
    assert len(topic["questions"]) == 1
    assert client.get("/api/v1/questions", query_string={"q": "nonsense"}).get_json() == {"topics": []}
    assert rule(client.get("/api/v1/questions", query_string={"q": "x" * 201})) == "option.value"


@pytest.mark.parametrize("product_id", products())
def test_a_product_is_told_in_full(client: Client, product_id: str) -> None:
    answer = client.get(f"/api/v1/products/{product_id}")
    found, product = ProductDocument.model_validate_json(answer.data), products()[product_id]
    for told, release in zip(found.releases, product.releases, strict=True):
        assert [port.number for port in told.ports] == [port.number for port in release.ports]
        for kind in PHASES:
            assert [each.fact.text for each in getattr(told, kind)] == [
                each.fact.text for each in getattr(release, kind)
            ]
        assert told.uses.sources


def test_a_version_selects_its_release(client: Client) -> None:
    answer = client.get("/api/v1/products/uccx", query_string={"version": "12.5(1)SU3"})
    (release,) = answer.get_json()["releases"]
    assert release["use"] == "never"


def test_a_version_that_nothing_is_known_of_has_no_release(client: Client) -> None:
    assert client.get("/api/v1/products/uccx?version=10.6").get_json()["releases"] == []


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [("pbx", 404, "product.unknown"), ("uccx?version=new", 400, "version.unknown")],
)
def test_what_is_none_is_refused_with_what_there_is(client: Client, path: str, status: int, expected: str) -> None:
    answer = client.get(f"/api/v1/products/{path}")
    assert (answer.status_code, rule(answer)) == (status, expected)


@pytest.mark.parametrize("message", all_messages(), ids=lambda message: message.id)
def test_every_known_message_is_explained(client: Client, message: Any) -> None:
    answer = client.post("/api/v1/explanations", json={"text": f"Error: {message.printed[0]}"})
    found = ExplanationsDocument.model_validate_json(answer.data)
    (told,) = [each for each in found.explanations if each.id == message.id]
    assert (told.cause.text, [each.text for each in told.next]) == (
        message.cause.text,
        [each.text for each in message.next],
    )


def test_a_text_without_a_known_message_is_no_error(client: Client) -> None:
    answer = client.post("/api/v1/explanations", json={"text": "good morning"})
    assert (answer.status_code, answer.get_json()) == (200, {"explanations": []})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "option.missing"),
        ({"text": 1}, "option.value"),
        ({"text": "x" * (MAX_LENGTH + 1)}, "message.too-long"),
    ],
)
def test_a_text_is_needed_and_not_too_long(client: Client, body: dict[str, Any], expected: str) -> None:
    answer = client.post("/api/v1/explanations", json=body)
    assert (answer.status_code, rule(answer)) == (400, expected)


@pytest.mark.parametrize("tomcat", Signing)
@pytest.mark.parametrize("tomcat_ecdsa", Signing)
def test_the_matrix_has_a_row_where_the_table_has_one(client: Client, tomcat: Signing, tomcat_ecdsa: Signing) -> None:
    answer = client.get("/api/v1/matrix", query_string={"tomcat": tomcat.value, "tomcat-ecdsa": tomcat_ecdsa.value})
    found, row = MatrixDocument.model_validate_json(answer.data), find_row(tomcat, tomcat_ecdsa)
    assert (found.row.experience.text if found.row else None) == (row.experience.text if row else None)
    assert found.known


def test_the_matrix_says_by_default_what_this_service_produces(client: Client) -> None:
    found = client.get("/api/v1/matrix").get_json()
    assert (found["tomcat"], found["tomcat_ecdsa"]) == ("rsa-ca", "ec-ca")
    assert {each["outcome"] for each in found["row"]["sights"]} == {"works"}


@pytest.mark.parametrize(
    ("query", "pointer", "expected"),
    [
        ("tomcat-ecdsa=nobody", "/tomcat-ecdsa", "signing.unknown"),
        ("tomcat-ecdsa=" + "x" * 50, "/tomcat-ecdsa", "option.value"),
        ("tomcat_ecdsa=ec-ca", "/tomcat_ecdsa", "option.unknown"),
    ],
)
def test_a_wrong_signer_is_named(client: Client, query: str, pointer: str, expected: str) -> None:
    answer = client.get(f"/api/v1/matrix?{query}")
    (error,) = answer.get_json()["errors"]
    assert (answer.status_code, error["pointer"], error["rule"]) == (400, pointer, expected)


@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("fleet", 200), ("metrics", 403)])
def test_knowledge_needs_a_token_that_reads(app: Flask, installation: Installation, scope: str, status: int) -> None:
    headers = token_with(installation, scope)
    client = app.test_client()
    answers = [client.get(path, headers=headers) for path in ("/api/v1/products", "/api/v1/matrix")]
    answers.append(client.post("/api/v1/explanations", json={"text": "x"}, headers=headers))
    assert [answer.status_code for answer in answers] == [status] * 3
