"""Parameters and bodies of the calls, for the description of the API."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.vos.fit import MAX_CHAIN_FILES
from ca_service.vos.products import products
from ca_service.web.api import examples, fleet_examples, fleet_inputs, inputs, node_examples
from ca_service.web.api.answers import JSON
from ca_service.web.api.operation import Operation

REFERENCE: Final = "#/components/schemas/{model}"
_EXAMPLES: Final[dict[type[BaseModel], Any]] = {
    inputs.RevocationInput: examples.REVOKED,
    inputs.ReleaseInput: examples.RELEASED,
    inputs.ProbeInput: node_examples.PROBED,
    fleet_inputs.ClusterInput: fleet_examples.NEW_CLUSTER,
    fleet_inputs.MarkInput: fleet_examples.MARK,
    fleet_inputs.ExplanationInput: fleet_examples.TEXT,
    fleet_inputs.NodeContactInput: node_examples.CONTACTED,
    fleet_inputs.NodePlanInput: node_examples.PLANNED,
    fleet_inputs.NodeApplyInput: node_examples.CONFIRMED,
}
#: Every model that a request is read as.
INPUTS: Final = (inputs.SubmissionInput, inputs.FitInput, inputs.DecisionInput, *_EXAMPLES)
_IN_PATH: Final[dict[str, dict[str, Any]]] = {
    "serial_number": {
        "name": "serial_number",
        "in": "path",
        "required": True,
        "description": "40 hexadecimal digits.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
    },
    "request_id": {
        "name": "request_id",
        "in": "path",
        "required": True,
        "description": "The number of the request.",
        "example": 1,
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    },
    "cluster_id": {
        "name": "cluster_id",
        "in": "path",
        "required": True,
        "description": "The number of the cluster.",
        "example": 1,
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    },
    "host": {
        "name": "host",
        "in": "path",
        "required": True,
        "description": "The node: a host name or address, with `:` and the port of its API if it is not 443.",
        "example": "cucm1.example.com",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,200}[A-Za-z0-9])?(:[1-9][0-9]{0,4})?$"},
    },
    "product_id": {
        "name": "product_id",
        "in": "path",
        "required": True,
        "description": "The id of the product.",
        "example": "uccx",
        "schema": {"type": "string", "enum": list(products())},
    },
}
_BODY: Final = (
    "The CSR itself in any other content type (curl's --data-binary @FILE): PEM, DER, base64. Or a form with one "
    "`csr` per CSR (curl's -F csr=@FILE). Or JSON, which is also recognised by its first brace. A ZIP, or a PEM text "
    f"with several CSRs, counts as so many files. At most {MAX_REQUESTS} CSRs."
)


def parameters(operation: Operation) -> list[dict[str, Any]]:
    """Return the parameters in query, path and headers."""
    found = [
        {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
        for name, schema in _properties(operation.query).items()
    ]
    found += [each for name, each in _IN_PATH.items() if f"{{{name}}}" in operation.path]
    if operation.is_repeatable:
        found.append(_idempotency_key())
    return found


def _idempotency_key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A unique value such as a UUID: the same key with the same submission returns the same answer.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    }


def _properties(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Return the fields for a query or a form, which have no null."""
    properties = model.model_json_schema().get("properties", {})
    return {name: _without_null(schema) for name, schema in properties.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind: dict[str, Any] = schema.get("anyOf", [{}])[0]
    left_out = {"anyOf", "title"} | (set() if schema.get("default") else {"default"})
    return kind | {name: value for name, value in schema.items() if name not in left_out}


def request_body(operation: Operation, model: type[BaseModel]) -> dict[str, Any]:
    """Return the body that is read as this model."""
    if model is inputs.SubmissionInput:
        return _submission_body(operation)
    if model is inputs.FitInput:
        return _fit_body()
    if model is inputs.DecisionInput:
        return _decision_body(operation)
    content = {"schema": reference(model), "example": _EXAMPLES[model]}
    return {"required": True, "description": "A JSON object.", "content": {JSON: content}}


def _submission_body(operation: Operation) -> dict[str, Any]:
    """Describe the body of a submission. It may be empty: a check judges an empty CSR like any other."""
    text = {"type": "string", "format": "pkcs10"}
    fields = _properties(inputs.OptionFields) | {
        "csr": {"type": "array", "items": text, "minItems": 1, "maxItems": MAX_REQUESTS}
    }
    form = {"type": "object", "properties": fields, "required": ["csr"], "additionalProperties": False}
    one = {"csr": examples.CSR, "profile": "vos"}
    return {
        "required": 422 in operation.problems,
        "description": _BODY,
        "content": {
            "application/pkcs10": {},
            "text/plain": {"schema": text, "example": examples.CSR},
            "multipart/form-data": {"schema": form, "example": one | {"csr": [examples.CSR]}},
            JSON: {"schema": reference(inputs.SubmissionInput), "example": one},
        },
    }


def _fit_body() -> dict[str, Any]:
    """Describe JSON, or a form with the same names; a file of a form may also be DER or PKCS#7."""
    fields = {name: {"description": schema["description"]} for name, schema in _properties(inputs.FitInput).items()}
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
            JSON: {"schema": reference(inputs.FitInput), "example": examples.FIT_FILES},
        },
    }


def _decision_body(operation: Operation) -> dict[str, Any]:
    """Describe the body of a decision. It may be empty if no note is needed."""
    described = {
        "schema": reference(inputs.DecisionInput),
        "example": {"note": examples.DECIDED[operation.id]["note"]},
    }
    return {"required": False, "content": {"multipart/form-data": described, JSON: described}}


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Return the reference to the schema of a model."""
    return {"$ref": REFERENCE.format(model=model.__name__)}
