"""Lists the record."""

from __future__ import annotations

from dataclasses import replace

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.audit.entries import RecordedEvent
from ca_service.authority.audit.queries import FIELDS, asked
from ca_service.authority.audit.wording import sentence_of, wording_of
from ca_service.web.api import answers
from ca_service.web.api.event_models import EventDocument, EventQueryFields, EventsDocument
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, installation, needs


@needs(Action.AUDIT)
def list_events() -> Response:
    """One page of the events."""
    fields = read_query(EventQueryFields)
    wanted_form(JSON_ONLY)
    given = fields.model_dump()
    query = replace(asked({name: given[name] for name in FIELDS}), sort=fields.sort, limit=fields.limit)
    page = installation().audit_log.list_events(actor(), replace(query, cursor=fields.cursor))
    following = answers.next_page("events", given, page.next_cursor)
    document = EventsDocument(events=[_event(each) for each in page.items], next=following)
    return answers.as_json(document, following)


def _event(event: RecordedEvent) -> EventDocument:
    return EventDocument(
        id=event.id,
        at=event.at,
        event=event.event,
        category=wording_of(event).category.value,
        text=str(sentence_of(event)),
        actor=event.actor,
        origin=event.origin,
        subject=event.subject,
        details=dict(event.details),
        seal=event.seal,
    )
