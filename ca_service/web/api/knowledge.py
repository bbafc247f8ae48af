"""Facts about Cisco's products: products by version, messages, the experience of agents."""

from __future__ import annotations

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.documents.experience import MatrixDocument
from ca_service.documents.knowledge import ExplanationsDocument, ProductDocument, ProductsDocument, QuestionsDocument
from ca_service.errors import InvalidInput, NotFound
from ca_service.vos.experience import signing
from ca_service.vos.messages import explain, require_length
from ca_service.vos.products import Product, get_product, products, releases_at
from ca_service.vos.questions import find_questions
from ca_service.web.api import answers
from ca_service.web.api.answers import JSON_ONLY, wanted_form
from ca_service.web.api.fleet_inputs import ExplanationInput, MatrixQuery, ProductQuery, QuestionQuery
from ca_service.web.api.inputs import NoQuery
from ca_service.web.api.intake import parse_object, read_body, require_plain_body
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import needs


@needs(Action.READ)
def list_products() -> Response:
    """List all products with the main fact about each version."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    return answers.as_json(ProductsDocument.of(tuple(products().values())))


@needs(Action.READ)
def show_product(product_id: str) -> Response:
    """Return everything that is known of a product, or of one of its versions."""
    query = read_query(ProductQuery)
    wanted_form(JSON_ONLY)
    product = _get(product_id)
    return answers.as_json(ProductDocument.of(product, releases_at(product, query.version), query.version))


def _get(product_id: str) -> Product:
    try:
        return get_product(product_id)
    except InvalidInput as error:
        raise NotFound(*error.findings) from error


@needs(Action.READ)
def explain_text() -> Response:
    """Explain the known messages in the text of the body."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    require_plain_body()
    asked = validated(ExplanationInput, parse_object(read_body()), from_text=False)
    require_length(asked.text, "/text")
    return answers.as_json(ExplanationsDocument.of(explain(asked.text)))


@needs(Action.READ)
def list_questions() -> Response:
    """List the frequent questions and their answers by topic."""
    query = read_query(QuestionQuery)
    wanted_form(JSON_ONLY)
    return answers.as_json(QuestionsDocument.of(find_questions(query.q)))


@needs(Action.READ)
def show_matrix() -> Response:
    """Say what agents see with these two signers."""
    query = read_query(MatrixQuery)
    wanted_form(JSON_ONLY)
    found = signing(query.tomcat, "/tomcat"), signing(query.tomcat_ecdsa, "/tomcat-ecdsa")
    return answers.as_json(MatrixDocument.of(*found))
