"""The audit log as the API lists it."""

from __future__ import annotations

from dataclasses import replace

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.audit.queries import FIELDS, asked
from ca_service.documents.audit import EventsDocument
from ca_service.web.api import answers
from ca_service.web.api.inputs import EventQueryFields
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, api_services, needs


@needs(Action.AUDIT)
def list_events() -> Response:
    """List one page of the audit log."""
    fields = read_query(EventQueryFields)
    wanted_form(JSON_ONLY)
    given = fields.model_dump()
    query = replace(asked({name: given[name] for name in FIELDS}), sort=fields.sort, limit=fields.limit)
    page = api_services().audit_log.list_events(actor(), replace(query, cursor=fields.cursor))
    following = answers.next_page("events", given, page.next_cursor)
    return answers.as_json(EventsDocument.of(page.items, following), following)
