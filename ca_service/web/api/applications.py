"""Shows applications, holds the line until somebody has decided, and takes decisions."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from ca_service.authority.access.permissions import Action
from ca_service.authority.issuance.records import RequestQuery, State
from ca_service.errors import InvalidInput, Rule
from ca_service.web.api import answers
from ca_service.web.api.application_models import ApplicationListFields, ApplicationQueryFields, DecisionDocument
from ca_service.web.api.intake import FORM, parse_object, read_body, require_plain_body
from ca_service.web.api.models import NoQuery
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query, single_values, unknown, validated
from ca_service.web.context import actor, installation, needs
from ca_service.web.numbers import whole_number

FORM_EMPTY: Final = Rule(
    "form.empty",
    "The form has no field.",
    "Send the note as one (curl -F note=TEXT), or no body at all.",
)

_MAX_DIGITS: Final = 10


@needs(Action.READ)
def list_applications() -> Response:
    """One page of the applications; for those who may only submit, of their own."""
    query = read_query(ApplicationListFields)
    wanted_form(JSON_ONLY)
    state = State(query.state) if query.state else None
    wanted = RequestQuery(text=query.q, state=state, sort=query.sort, cursor=query.cursor, limit=query.limit)
    page = installation().requests.list_requests(actor(), wanted)
    following = answers.next_page("applications", query.model_dump(), page.next_cursor)
    return answers.applications(page.items, following=following)


@needs(Action.READ)
def get_application(application_id: str) -> Response:
    """One application, as soon as it was decided if that is asked for."""
    query = read_query(ApplicationQueryFields)
    wanted_form(JSON_ONLY)
    return answers.application(installation().requests.wait(actor(), _number(application_id), query.wait))


@needs(Action.DECIDE)
def approve(application_id: str) -> Response:
    """Approve it, and have it signed."""
    note = _note()
    return answers.application(installation().requests.approve(actor(), _number(application_id), note))


@needs(Action.DECIDE)
def refuse(application_id: str) -> Response:
    """Refuse it, with a note."""
    note = _note()
    return answers.application(installation().requests.refuse(actor(), _number(application_id), note))


@needs(Action.ISSUE)
def withdraw(application_id: str) -> Response:
    """Take it back."""
    note = _note()
    return answers.application(installation().requests.withdraw(actor(), _number(application_id), note))


def _number(text: str) -> int:
    """The number in an address; 0, which nothing has, for what is none."""
    return whole_number(text, _MAX_DIGITS) or 0


def _note() -> str:
    """The note in the body, which may be missing."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    require_plain_body()
    if request.mimetype == FORM:
        if request.files:
            raise InvalidInput(*(unknown(name, iter(DecisionDocument.model_fields)) for name in request.files))
        if not request.form:
            raise InvalidInput.because(FORM_EMPTY)
        return validated(DecisionDocument, single_values(request.form), from_text=True).note
    data = read_body()
    return validated(DecisionDocument, parse_object(data), from_text=False).note if data.strip() else ""
