"""The OpenAPI 3.1 description of the API, made from its operations and models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ca_service import __version__
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
from ca_service.documents.probes import ProbeDocument
from ca_service.documents.requests import BatchDocument, RequestDocument, RequestsDocument
from ca_service.documents.revocations import NewestCRLsDocument, RevocationResultDocument
from ca_service.documents.runbooks import RunbookDocument
from ca_service.web.api import (
    examples,
    fleet_examples,
    node_examples,
    status_examples,
)
from ca_service.web.api.answers import BATCH_FORMS, JSON
from ca_service.web.api.operation import Operation
from ca_service.web.api.operations import OPERATIONS
from ca_service.web.api.parameters import INPUTS, REFERENCE, parameters, reference, request_body
from ca_service.web.problems import PROBLEM_TYPE

_ACCEPTED: Final = 202
_LIVE: Final = BATCH_FORMS["ndjson"]
_ADDRESS: Final = {"type": "string", "format": "uri"}
_EXAMPLES: Final[dict[type[BaseModel], Any]] = {
    CertificatesDocument: examples.CERTIFICATES,
    CertificateListDocument: examples.CERTIFICATE_LIST,
    BatchDocument: examples.BATCH,
    RequestsDocument: examples.REQUESTS,
    RequestDocument: examples.REQUEST,
    ChecksDocument: examples.CHECKS,
    ChainDocument: examples.AUTHORITY,
    FitDocument: examples.FIT,
    EventsDocument: examples.EVENTS,
    TokenDocument: examples.TOKEN,
    RevocationResultDocument: examples.REVOCATION,
    ProbeDocument: node_examples.PROBE,
    ClustersDocument: fleet_examples.CLUSTERS,
    ClusterDocument: fleet_examples.CLUSTER,
    RemovedClusterDocument: fleet_examples.REMOVED_CLUSTER,
    PlacementsDocument: fleet_examples.PLACEMENTS,
    RunbookDocument: fleet_examples.RUNBOOK,
    ProductsDocument: fleet_examples.PRODUCTS,
    ProductDocument: fleet_examples.PRODUCT,
    ExplanationsDocument: fleet_examples.EXPLANATIONS,
    QuestionsDocument: fleet_examples.QUESTIONS,
    MatrixDocument: fleet_examples.MATRIX,
    ContactDocument: node_examples.CONTACT,
    NodePlanDocument: node_examples.PLAN,
    NodeAppliedDocument: node_examples.APPLIED,
    NodeLinesDocument: node_examples.LINES,
    NewestSealDocument: status_examples.NEWEST_SEAL,
    HealthDocument: status_examples.HEALTH,
    JobsDocument: status_examples.JOBS,
    UpcomingListDocument: status_examples.NOTICES,
    MessagesDocument: status_examples.MESSAGES,
    HierarchyDocument: status_examples.AUTHORITIES,
    NewestCRLsDocument: status_examples.CRLS,
}
#: The answers of the operations whose model has another example above.
_ANSWERS: Final[dict[str, Any]] = {**examples.DECIDED, "releaseCertificates": examples.RELEASE}
_PROBLEMS: Final = {
    400: "A parameter, a field or the body cannot be used.",
    401: "The token is missing or not valid.",
    403: "The token or its account does not have this permission, or not from this address. Or a node refuses.",
    404: "There is no such resource.",
    406: "The requested format is not available; the finding lists the available ones.",
    409: "It conflicts with stored data, such as an Idempotency-Key that was used before, or an earlier decision.",
    413: "The body is larger than the limit.",
    415: "The encoding or type of the body is not supported.",
    422: "A CSR was refused, and nothing was issued; or a node refused a call. `errors` lists every finding.",
    500: "Something went wrong here. Nothing was issued. The number in `detail` or `remedy` is in the log.",
    502: "A node does not answer, or answers wrongly. Send it again: the node is read first.",
    503: "The database is busy, or no authority can sign at the moment. Nothing was done.",
    504: "The database became busy in the middle: a part was done. Send it again to finish it.",
}
_PROBLEM_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {"WWW-Authenticate": {"description": "Bearer (RFC 6750).", "required": True, "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds to wait, if the database is busy.", "schema": {"type": "integer"}}},
}


def openapi_document(base_url: str) -> dict[str, Any]:
    """Return the description of the API at this address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ca_service",
            "version": __version__,
            "summary": "EC certificates for Cisco VOS nodes and plain servers",
            "description": "Refusals are problems (RFC 9457). Their `errors` say what to fix, and where.",
        },
        "servers": [{"url": base_url}],
        **_static_part(),
    }


@cache
def _static_part() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": {str(status): _problem(status) for status in _PROBLEMS},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token, created on the account page or with `ca-service token create`.",
                }
            },
        },
    }


def _schemas() -> dict[str, Any]:
    outputs = [*_EXAMPLES, ProblemDocument]
    wanted = [(model, "validation") for model in INPUTS] + [(model, "serialization") for model in outputs]
    schemas: dict[str, Any] = models_json_schema(wanted, ref_template=REFERENCE)[1]["$defs"]  # type: ignore[arg-type]
    return schemas


def _problem(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": reference(ProblemDocument)}
    if status == examples.PROBLEM["status"]:
        content["example"] = examples.PROBLEM
    answer = {"description": _PROBLEMS[status], "content": {PROBLEM_TYPE: content}}
    return answer | ({"headers": _PROBLEM_HEADERS[status]} if status in _PROBLEM_HEADERS else {})


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": parameters(operation),
        "responses": {str(status): _answer(operation, status) for status in operation.answers}
        | {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(operation.problems)},
    }
    if operation.takes is not None:
        described["requestBody"] = request_body(operation, operation.takes)
    if operation.is_public:
        described["security"] = []
    return described


def _answer(operation: Operation, status: int) -> dict[str, Any]:
    if status == _ACCEPTED and operation.waiting:
        return _waiting_answer(operation.answers[status], operation.waiting)
    kinds = list(operation.forms.values())
    if _ACCEPTED in operation.answers and operation.waiting is None:  # a 202 goes on with its work, line by line
        kinds = [kind for kind in kinds if (kind == _LIVE) == (status == _ACCEPTED)]
    content = {kind: _content(operation, kind) for kind in kinds}
    headers = _answer_headers(operation)
    return {"description": operation.answers[status], "content": content} | ({"headers": headers} if headers else {})


def _waiting_answer(told: str, model: type[BaseModel]) -> dict[str, Any]:
    content = {JSON: {"schema": reference(model), "example": _EXAMPLES[model]}}
    headers = {"Location": _location("the request"), "Retry-After": _retry_after(required=True)}
    return {"description": told, "content": content, "headers": headers}


def _content(operation: Operation, kind: str) -> dict[str, Any]:
    if kind != JSON:
        return {}  # bytes, which have no schema (OpenAPI 3.1, 4.8.14)
    if operation.answer is None:
        return {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}
    return {"schema": reference(operation.answer), "example": _ANSWERS.get(operation.id, _EXAMPLES[operation.answer])}


def _answer_headers(operation: Operation) -> Mapping[str, Any]:
    headers: dict[str, Any] = {}
    if operation.creates:
        headers["Location"] = _location(operation.creates)
    if operation.answer is RequestDocument:
        headers["Retry-After"] = _retry_after(required=False)
    if "cursor" in operation.query.model_fields:
        headers["Link"] = {"description": "The next page (RFC 8288), rel=next.", "schema": {"type": "string"}}
    if any(kind != JSON for kind in operation.forms.values()):
        told = "The name of the file; omitted for JSON."
        headers["Content-Disposition"] = {"description": told, "schema": {"type": "string"}}
    return headers


def _location(what: str) -> dict[str, Any]:
    told = f"The address of {what}, or of the first of several."
    return {"description": told, "required": True, "schema": _ADDRESS}


def _retry_after(*, required: bool) -> dict[str, Any]:
    told = "Seconds to wait before asking again, while the request is open."
    return {"description": told, "required": required, "schema": {"type": "integer"}}
