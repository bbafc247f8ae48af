"""The service as scripts see it: its authority, the token of the request, the audit log, the OpenAPI description."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, json

from ca_service.authority.access.permissions import Action
from ca_service.authority.audit.queries import FIELDS, asked
from ca_service.documents.audit import EventsDocument, NewestSealDocument
from ca_service.documents.people import TokenDocument
from ca_service.web.api import answers
from ca_service.web.api.answers import AUTHORITY_FORMS, JSON, JSON_ONLY, wanted_form
from ca_service.web.api.document import openapi_document
from ca_service.web.api.inputs import AuthorityQueryFields, EventQueryFields, NoQuery
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, api_services, base_url, needs, public


@needs(Action.READ)
def get_authority() -> Response:
    """Show the issuing authority and those above it, as far as none is revoked."""
    form = wanted_form(AUTHORITY_FORMS, read_query(AuthorityQueryFields).format)
    return answers.authority(api_services().hierarchy.active(), api_services().trusted.chain(), form)


@needs(Action.OWN_TOKEN)
def get_token() -> Response:
    """Show the token of the request: its account and its permissions."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    record = api_services().tokens.get_own(actor())
    return answers.as_json(TokenDocument.of(record, actor().name, actor().role.value))


@public
def get_description() -> Response:
    """Show the OpenAPI document."""
    read_query(NoQuery)
    return Response(json.dumps(openapi_document(base_url())), content_type=JSON)


@needs(Action.AUDIT)
def get_newest_seal() -> Response:
    """Show the newest seal of the audit log, to be stored elsewhere."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    log = api_services().audit_log
    return answers.as_json(NewestSealDocument.of(log.head(actor()), has_unsealed=log.has_unsealed(actor())))


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
