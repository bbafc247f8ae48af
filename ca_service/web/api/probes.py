"""Probes: which certificates the ports of nodes present."""

from __future__ import annotations

from flask import Response, stream_with_context

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.probing import Reports
from ca_service.documents.probes import PortDocument, ProbeDocument
from ca_service.web.api import answers
from ca_service.web.api.answers import BATCH_FORMS, wanted_form
from ca_service.web.api.inputs import ProbeInput, ProbeQuery
from ca_service.web.api.intake import parse_object, read_body, require_plain_body
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, api_services, needs


@needs(Action.READ)
def probe() -> Response:
    """Look at the ports of these hosts; as NDJSON, each port is written as soon as it is done."""
    form = wanted_form(BATCH_FORMS, read_query(ProbeQuery).format)
    require_plain_body()
    asked = validated(ProbeInput, parse_object(read_body()), from_text=False)
    return reported(api_services().probes.probe(actor(), asked.hosts), form)


def reported(reports: Reports, form: str) -> Response:
    """Return all reports once they are there (200), or NDJSON that goes on with the probe (202)."""
    if form == "json":
        return answers.varying(answers.as_json(ProbeDocument.of(list(reports))))
    lines = (f"{PortDocument.of(each).model_dump_json()}\n" for each in reports)
    return answers.varying(Response(stream_with_context(lines), status=202, content_type=BATCH_FORMS["ndjson"]))
