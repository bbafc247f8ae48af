"""The service as scripts see it: authorities, token, state, audit log, OpenAPI description. Nothing is changed.

The state is for an operator: health checks, jobs, notices, authorities, CRLs.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Response, json

from ca_service.authority.access.permissions import Action, may
from ca_service.authority.audit.queries import FIELDS, asked
from ca_service.authority.notices.records import MessageQuery
from ca_service.documents.audit import EventsDocument, NewestSealDocument
from ca_service.documents.authorities import HierarchyDocument
from ca_service.documents.operations import HealthDocument, JobsDocument, MessagesDocument, UpcomingListDocument
from ca_service.documents.people import TokenDocument
from ca_service.documents.revocations import NewestCRLsDocument
from ca_service.web.api import answers
from ca_service.web.api.answers import AUTHORITY_FORMS, JSON, JSON_ONLY, wanted_form
from ca_service.web.api.document import openapi_document
from ca_service.web.api.inputs import (
    AuthorityQueryFields,
    EventQueryFields,
    MessageListFields,
    NoQuery,
    UpcomingListFields,
)
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


@needs(Action.STATUS)
def get_health() -> Response:
    """Run the health checks, as `ca-service doctor` does, and show what they found."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    return answers.as_json(HealthDocument.of(api_services().doctor.examine(actor())))


@needs(Action.STATUS)
def list_jobs() -> Response:
    """List the background jobs with their last results."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    return answers.as_json(JobsDocument.of(api_services().jobs.list_jobs(actor())))


@needs(Action.STATUS)
def list_notices() -> Response:
    """List what expires, with the date of the next notice."""
    fields = read_query(UpcomingListFields)
    wanted_form(JSON_ONLY)
    page = api_services().notices.list_coming(actor(), fields.q, limit=fields.limit)
    return answers.as_json(UpcomingListDocument.of(page.items))


@needs(Action.STATUS)
def list_messages() -> Response:
    """List the newest messages."""
    fields = read_query(MessageListFields)
    wanted_form(JSON_ONLY)
    query = MessageQuery(fields.q, fields.state or "", limit=fields.limit)
    return answers.as_json(MessagesDocument.of(api_services().deliveries.list_messages(actor(), query).items))


@needs(Action.READ)
def list_authorities() -> Response:
    """List root and intermediates, also one that waits for its certificate, and whether one of them can sign."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    found, is_good = api_services().hierarchy.list_issuers(), api_services().trusted.is_good
    return answers.as_json(HierarchyDocument.of(found, is_good, shows_keys=may(actor(), Action.STATUS)))


@needs(Action.READ)
def list_crls() -> Response:
    """List the newest CRL of each authority; publish nothing."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    found, shows_keys = api_services().crl_publisher.list_newest(actor()), may(actor(), Action.STATUS)
    return answers.as_json(NewestCRLsDocument.of(found, shows_keys=shows_keys))
