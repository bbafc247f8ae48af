"""Checks of a CSR before it is signed, of a certificate before a node receives it, and of what ports present."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flask import Response, request

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.probing import Reports
from ca_service.documents.checks import ChecksDocument, FitDocument
from ca_service.documents.probes import PortDocument, ProbeDocument
from ca_service.errors import CAServiceError, InvalidInput, Rule
from ca_service.vos.fit import Files
from ca_service.vos.served import PortReport
from ca_service.web.api import answers
from ca_service.web.api.answers import JSON_ONLY, LIVE_FORMS, wanted_form
from ca_service.web.api.inputs import FitInput, NoQuery, OptionFields, ProbeInput, ProbeQuery
from ca_service.web.api.intake import FORM, parse_object, read_body, read_submission, require_plain_body
from ca_service.web.api.validation import read_query, unknown, validated
from ca_service.web.context import actor, api_services, needs
from ca_service.web.problems import problem_of

PART_REPEATED: Final = Rule(
    "form.part-repeated", "The part {name} is given more than once.", "Give it once. Only chain may be repeated."
)
_MANY: Final = "chain"


@needs(Action.CHECK)
def check() -> Response:
    """Say what would happen to each CSR in the body."""
    submission = read_submission(read_query(OptionFields))
    wanted_form(JSON_ONLY)
    found = api_services().issuance.check(actor(), submission.requests, submission.options, submission.hints)
    return answers.as_json(ChecksDocument.of(found))


@needs(Action.CHECK)
def check_fit() -> Response:
    """Say whether a node will accept the certificate in the body, question by question."""
    read_query(NoQuery)
    require_plain_body()
    files = _read_form() if request.mimetype == FORM else _read_json()
    wanted_form(JSON_ONLY)
    return answers.as_json(FitDocument.of(api_services().fit_checks.check(actor(), files)))


def _read_json() -> Files:
    document = validated(FitInput, parse_object(read_body()), from_text=False)
    return Files(
        document.csr.encode() if document.csr is not None else None,
        document.certificate.encode(),
        tuple(text.encode() for text in document.chain),
        document.trust,
    )


def _read_form() -> Files:
    """Read the parts of a form, whether a part is a file or a text."""
    parts = _parts()
    validated(FitInput, dict.fromkeys(parts.keys() - {_MANY}, ""), from_text=True)
    return Files(
        parts["csr"][0] if "csr" in parts else None,
        parts["certificate"][0],
        tuple(parts.get(_MANY, ())),
        parts["trust"][0].decode("utf-8", "replace") if "trust" in parts else "",
    )


def _parts() -> dict[str, list[bytes]]:
    names = dict.fromkeys((*request.files, *request.form))
    foreign = [name for name in names if name not in FitInput.model_fields]
    if foreign:
        raise InvalidInput(*(unknown(name, iter(FitInput.model_fields)) for name in foreign))
    found = {
        name: [
            *(file.read() for file in request.files.getlist(name)),
            *(text.encode() for text in request.form.getlist(name)),
        ]
        for name in names
    }
    for name, values in found.items():
        if name != _MANY and len(values) > 1:
            raise InvalidInput(PART_REPEATED.at(f"/{name}", name=name))
    return found


@needs(Action.READ)
def probe() -> Response:
    """Look at the ports of these hosts; each port is written as soon as it is done."""
    form = wanted_form(LIVE_FORMS, read_query(ProbeQuery).format)
    require_plain_body()
    asked = validated(ProbeInput, parse_object(read_body()), from_text=False)
    return reported(api_services().probes.probe(actor(), asked.hosts), form)


def reported(reports: Reports, form: str) -> Response:
    """Return NDJSON that goes on with the probe (202), or for JSON the document at its end (200)."""
    if form == "json":
        return answers.varying(answers.as_json(ProbeDocument.of(list(reports))))
    response = answers.live(_lines(reports), status=202)
    response.call_on_close(reports.close)
    return response


def _lines(reports: Reports) -> Iterator[str]:
    """Yield each port as a line, and then the same document as in JSON, or the problem that ended the probe."""
    found = list[PortReport]()
    try:
        for report in reports:
            found.append(report)
            yield f"{PortDocument.of(report).model_dump_json()}\n"
        yield f"{ProbeDocument.of(found).model_dump_json()}\n"
    except CAServiceError as error:
        yield f"{problem_of(error).model_dump_json()}\n"
