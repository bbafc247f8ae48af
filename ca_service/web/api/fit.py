"""Tells whether a node would take a certificate of any authority, without storing anything."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from ca_service.authority.access.permissions import Action
from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.vos.fit import Files
from ca_service.web.api import answers
from ca_service.web.api.intake import FORM, parse_object, read_body, require_plain_body
from ca_service.web.api.models import FitDocument, NoQuery
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query, unknown, validated
from ca_service.web.context import actor, installation, needs

PART_REPEATED: Final = Rule(
    "part.repeated",
    "The part {name} is given more than once.",
    "Give it once; only chain may be given several times.",
)

_MANY: Final = "chain"


@needs(Action.CHECK)
def check_fit() -> Response:
    """Every question about the certificate in the body, with its answer."""
    read_query(NoQuery)
    require_plain_body()
    files = _read_form() if request.mimetype == FORM else _read_json()
    wanted_form(JSON_ONLY)
    return answers.fit(installation().fit_checks.check(actor(), files))


def _read_json() -> Files:
    document = validated(FitDocument, parse_object(read_body()), from_text=False)
    return Files(
        document.csr.encode() if document.csr is not None else None,
        document.certificate.encode(),
        tuple(text.encode() for text in document.chain),
        document.trust,
    )


def _read_form() -> Files:
    """The parts of the form; a part that is a file and one that is a text are the same."""
    parts = _parts()
    validated(FitDocument, dict.fromkeys(parts.keys() - {_MANY}, ""), from_text=True)
    return Files(
        parts["csr"][0] if "csr" in parts else None,
        parts["certificate"][0],
        tuple(parts.get(_MANY, ())),
        parts["trust"][0].decode("utf-8", "replace") if "trust" in parts else "",
    )


def _parts() -> dict[str, list[bytes]]:
    names = dict.fromkeys((*request.files, *request.form))
    foreign = [name for name in names if name not in FitDocument.model_fields]
    if foreign:
        raise InvalidInput(*(unknown(name, iter(FitDocument.model_fields)) for name in foreign))
    found = {
        name: [
            *(file.read() for file in request.files.getlist(name)),
            *(text.encode() for text in request.form.getlist(name)),
        ]
        for name in names
    }
    for name, values in found.items():
        if name != _MANY and len(values) > 1:
            raise InvalidInput(_twice(name))
    return found


def _twice(name: str) -> Finding:
    return PART_REPEATED.at(f"/{name}", name=name)
