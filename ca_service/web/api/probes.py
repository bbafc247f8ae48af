"""Probes: which certificates the ports of nodes present."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.probing import Reports
from ca_service.documents.probes import PortDocument, ProbeDocument
from ca_service.errors import CAServiceError
from ca_service.vos.served import PortReport
from ca_service.web.api import answers
from ca_service.web.api.answers import LIVE_FORMS, wanted_form
from ca_service.web.api.inputs import ProbeInput, ProbeQuery
from ca_service.web.api.intake import parse_object, read_body, require_plain_body
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, api_services, needs
from ca_service.web.problems import problem_of


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
