"""Knows OpenAPI 3.1: makes the description of the API out of its operations and models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ca_service import __version__
from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.vos.fit import MAX_CHAIN_FILES
from ca_service.web.api import application_models, examples, models, revocation_models
from ca_service.web.api.event_models import EventQueryFields, EventsDocument
from ca_service.web.api.negotiation import JSON
from ca_service.web.api.operations import OPERATIONS, Operation
from ca_service.web.problems import PROBLEM_TYPE

_REFERENCE: Final = "#/components/schemas/{model}"
_ACCEPTED: Final = 202
_ADDRESS: Final = {"type": "string", "format": "uri"}
_EXAMPLES: Final[dict[type[BaseModel], Any]] = {
    models.CertificatesDocument: examples.CERTIFICATES,
    application_models.ApplicationsDocument: examples.APPLICATIONS,
    application_models.ApplicationDocument: examples.APPLICATION,
    models.ChecksDocument: examples.CHECKS,
    models.AuthorityDocument: examples.AUTHORITY,
    models.FitResultDocument: examples.FIT,
    EventsDocument: examples.EVENTS,
    models.TokenDocument: examples.TOKEN,
    revocation_models.RevocationResultDocument: examples.REVOCATION,
}
_INPUT_EXAMPLES: Final[dict[type[BaseModel], Any]] = {
    revocation_models.RevocationDocument: examples.REVOKED,
    revocation_models.ReleaseDocument: examples.RELEASED,
}
_PROBLEMS: Final = {
    400: "A parameter, a field or the body cannot be used.",
    401: "No token was sent, or one that does not count.",
    403: "The token or its account may not do this, or not from this address.",
    404: "There is nothing of that name.",
    406: "The answer cannot be given in the form that is asked for; the possible ones are listed.",
    409: "It contradicts what is stored, such as an Idempotency-Key that was used before, or a decision.",
    413: "More was sent than is allowed.",
    415: "The body is wrapped in a way that is not understood.",
    422: "A request was refused; `errors` tells every finding. Nothing was issued.",
    500: "Something went wrong here. Nothing was issued. The number in `detail` or `remedy` is in the log.",
    503: "There is no authority that could sign now.",
}
_PROBLEM_HEADERS: Final = {
    401: {"WWW-Authenticate": {"description": "Bearer (RFC 6750).", "required": True, "schema": {"type": "string"}}}
}
_IN_PATH: Final[dict[str, dict[str, Any]]] = {
    "serial_number": {
        "name": "serial_number",
        "in": "path",
        "required": True,
        "description": "40 hexadecimal digits.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
    },
    "application_id": {
        "name": "application_id",
        "in": "path",
        "required": True,
        "description": "The number of the application.",
        "example": 1,
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    },
}
_BODY: Final = (
    "The request itself in any other content type (curl's --data-binary @FILE): PEM, DER, base64. Or a form with "
    "one `csr` a request (curl's -F csr=@FILE). Or JSON, which is also known by its first brace."
)


def openapi_document(base_url: str) -> dict[str, Any]:
    """The description of the API as it is reached at this address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ca_service",
            "version": __version__,
            "summary": "EC certificates for Cisco VOS nodes and plain servers",
            "description": "Refusals are problems (RFC 9457), whose `errors` say what to change, and where.",
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
                    "description": "An API token, made on the account page or with `ca-service token create`.",
                }
            },
        },
    }


def _schemas() -> dict[str, Any]:
    inputs = [models.RequestDocument, models.FitDocument, application_models.DecisionDocument, *_INPUT_EXAMPLES]
    outputs = [*_EXAMPLES, models.ProblemDocument]
    wanted = [(model, "validation") for model in inputs] + [(model, "serialization") for model in outputs]
    schemas: dict[str, Any] = models_json_schema(wanted, ref_template=_REFERENCE)[1]["$defs"]  # type: ignore[arg-type]
    return schemas


def _problem(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _reference(models.ProblemDocument)}
    if status == examples.PROBLEM["status"]:
        content["example"] = examples.PROBLEM
    answer = {"description": _PROBLEMS[status], "content": {PROBLEM_TYPE: content}}
    return answer | ({"headers": _PROBLEM_HEADERS[status]} if status in _PROBLEM_HEADERS else {})


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": _parameters(operation),
        "responses": {str(status): _answer(operation, status) for status in operation.answers}
        | {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(operation.problems)},
    }
    if operation.takes is models.RequestDocument:
        described["requestBody"] = _request_body(operation)
    elif operation.takes is models.FitDocument:
        described["requestBody"] = _fit_body()
    elif operation.takes is application_models.DecisionDocument:
        described["requestBody"] = _decision_body()
    elif operation.takes is not None:
        described["requestBody"] = _json_body(operation.takes)
    if operation.is_public:
        described["security"] = []
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters = [
        {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
        for name, schema in _properties(operation.query).items()
    ]
    parameters += [each for name, each in _IN_PATH.items() if f"{{{name}}}" in operation.path]
    if operation.is_repeatable:
        parameters.append(_idempotency_key())
    return parameters


def _idempotency_key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A UUID or the like: the same key with the same submission gets the same answer again.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    }


def _properties(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The fields as they stand in a query or a form, where there is no null."""
    properties = model.model_json_schema().get("properties", {})
    return {name: _without_null(schema) for name, schema in properties.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind: dict[str, Any] = schema.get("anyOf", [{}])[0]
    left_out = {"anyOf", "title"} | (set() if schema.get("default") else {"default"})
    return kind | {name: value for name, value in schema.items() if name not in left_out}


def _request_body(operation: Operation) -> dict[str, Any]:
    """Nothing is a body too: an empty request, which a check judges like any other."""
    text = {"type": "string", "format": "pkcs10"}
    fields = _properties(models.OptionFields) | {
        "csr": {"type": "array", "items": text, "minItems": 1, "maxItems": MAX_REQUESTS}
    }
    form = {"type": "object", "properties": fields, "required": ["csr"], "additionalProperties": False}
    one = {"csr": examples.REQUEST, "profile": "vos"}
    return {
        "required": 422 in operation.problems,
        "description": _BODY,
        "content": {
            "application/pkcs10": {},
            "text/plain": {"schema": text, "example": examples.REQUEST},
            "multipart/form-data": {"schema": form, "example": one | {"csr": [examples.REQUEST]}},
            JSON: {"schema": _reference(models.RequestDocument), "example": one},
        },
    }


def _fit_body() -> dict[str, Any]:
    """JSON, or a form with the same names; a file of a form may be DER or PKCS#7 too."""
    fields = {name: {"description": schema["description"]} for name, schema in _properties(models.FitDocument).items()}
    certificate, request = {"type": "string", "format": "x509"}, {"type": "string", "format": "pkcs10"}
    fields["certificate"] |= certificate
    fields["csr"] |= request
    fields["chain"] |= {"type": "array", "items": certificate, "maxItems": MAX_CHAIN_FILES}
    fields["trust"] |= {"type": "string"}
    form = {"type": "object", "properties": fields, "required": ["certificate"], "additionalProperties": False}
    return {
        "required": True,
        "description": "A form with files (curl's -F certificate=@FILE), or JSON.",
        "content": {
            "multipart/form-data": {"schema": form, "example": examples.FIT_FILES},
            JSON: {"schema": _reference(models.FitDocument), "example": examples.FIT_FILES},
        },
    }


def _json_body(model: type[BaseModel]) -> dict[str, Any]:
    content = {"schema": _reference(model), "example": _INPUT_EXAMPLES[model]}
    return {"required": True, "description": "A JSON object.", "content": {JSON: content}}


def _decision_body() -> dict[str, Any]:
    """Nothing is a body too, where no note is needed."""
    described = {
        "schema": _reference(application_models.DecisionDocument),
        "example": {"note": "The parent domain is wrong."},
    }
    return {"required": False, "content": {"multipart/form-data": described, JSON: described}}


def _answer(operation: Operation, status: int) -> dict[str, Any]:
    if status == _ACCEPTED and operation.waiting:
        return _waiting_answer(operation.answers[status], operation.waiting)
    content = {kind: _content(operation, kind) for kind in operation.forms.values()}
    headers = _answer_headers(operation)
    return {"description": operation.answers[status], "content": content} | ({"headers": headers} if headers else {})


def _waiting_answer(told: str, model: type[BaseModel]) -> dict[str, Any]:
    content = {JSON: {"schema": _reference(model), "example": _EXAMPLES[model]}}
    headers = {"Location": _location("the application"), "Retry-After": _retry_after(required=True)}
    return {"description": told, "content": content, "headers": headers}


def _content(operation: Operation, kind: str) -> dict[str, Any]:
    if kind != JSON:
        return {}  # bytes, which have no schema (OpenAPI 3.1, 4.8.14)
    if operation.answer is None:
        return {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}
    return {"schema": _reference(operation.answer), "example": _EXAMPLES[operation.answer]}


def _answer_headers(operation: Operation) -> Mapping[str, Any]:
    headers: dict[str, Any] = {}
    if operation.is_repeatable:
        headers["Location"] = _location("the certificate")
    if operation.answer is application_models.ApplicationDocument:
        headers["Retry-After"] = _retry_after(required=False)
    if operation.query in (models.ListQueryFields, application_models.ApplicationListFields, EventQueryFields):
        headers["Link"] = {"description": "The next page (RFC 8288), rel=next.", "schema": {"type": "string"}}
    if len(operation.forms) > 1:
        told = "The name of the file, unless the answer is JSON."
        headers["Content-Disposition"] = {"description": told, "schema": {"type": "string"}}
    return headers


def _location(what: str) -> dict[str, Any]:
    told = f"The address of {what}; of the first one, if there are several."
    return {"description": told, "required": True, "schema": _ADDRESS}


def _retry_after(*, required: bool) -> dict[str, Any]:
    told = "In how many seconds to ask again, as long as something is to be done."
    return {"description": told, "required": required, "schema": {"type": "integer"}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
