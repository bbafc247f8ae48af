"""The state of the service, for an operator: health checks, jobs, notices, authorities, CRLs. Nothing is changed."""

from __future__ import annotations

from flask import Response

from ca_service.authority.access.permissions import Action, may
from ca_service.authority.notices.records import MessageQuery
from ca_service.documents.authorities import HierarchyDocument
from ca_service.documents.operations import HealthDocument, JobsDocument, MessagesDocument, UpcomingListDocument
from ca_service.documents.revocations import NewestCRLsDocument
from ca_service.web.api import answers
from ca_service.web.api.answers import JSON_ONLY, wanted_form
from ca_service.web.api.inputs import MessageListFields, NoQuery, UpcomingListFields
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, api_services, needs


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
    found, is_revoked = api_services().hierarchy.list_issuers(), api_services().trusted.is_issuing_revoked()
    shows_keys = may(actor(), Action.STATUS)
    return answers.as_json(HierarchyDocument.of(found, is_revoked=is_revoked, shows_keys=shows_keys))


@needs(Action.READ)
def list_crls() -> Response:
    """List the newest CRL of each authority; publish nothing."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    found, shows_keys = api_services().crl_publisher.list_newest(actor()), may(actor(), Action.STATUS)
    return answers.as_json(NewestCRLsDocument.of(found, shows_keys=shows_keys))
