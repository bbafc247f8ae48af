"""Requests: list and show them, wait for a decision, decide."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from ca_service.authority.access.permissions import Action
from ca_service.authority.issuance.records import RequestQuery, State
from ca_service.documents.requests import RequestsDocument
from ca_service.errors import InvalidInput, Rule
from ca_service.web.api import answers
from ca_service.web.api.answers import JSON_ONLY, SUBMISSION_FORMS, varying, wanted_form
from ca_service.web.api.inputs import DecisionInput, NoQuery, RequestListFields, RequestQueryFields, SubmissionQuery
from ca_service.web.api.intake import FORM, parse_object, read_body, require_plain_body
from ca_service.web.api.validation import read_query, single_values, unknown, validated
from ca_service.web.context import actor, api_services, base_url, needs
from ca_service.web.delivery import deliver_submission
from ca_service.web.forms import whole_number

FORM_EMPTY: Final = Rule(
    "form.empty", "The form has no field.", "Send the note as a field (curl -F note=TEXT), or send no body."
)
_MAX_DIGITS: Final = 10


@needs(Action.READ)
def list_requests() -> Response:
    """List one page of the requests: all, or only their own for accounts that may only submit."""
    query = read_query(RequestListFields)
    wanted_form(JSON_ONLY)
    state = State(query.state) if query.state else None
    wanted = RequestQuery(text=query.q, state=state, sort=query.sort, cursor=query.cursor, limit=query.limit)
    page = api_services().requests.list_requests(actor(), wanted)
    following = answers.next_page("requests", query.model_dump(), page.next_cursor)
    document = RequestsDocument.of(page.items, page.findings, following, base_url())
    return answers.as_json(document, following)


@needs(Action.READ)
def get_request(request_id: str) -> Response:
    """Show one request, if asked for not before it is decided."""
    query = read_query(RequestQueryFields)
    wanted_form(JSON_ONLY)
    return answers.one_request(api_services().requests.wait(actor(), _number(request_id), query.wait))


@needs(Action.READ)
def get_submission(request_id: str) -> Response:
    """Show the requests that were submitted together, or return the bundles of their certificates."""
    form = wanted_form(SUBMISSION_FORMS, read_query(SubmissionQuery).format)
    found = api_services().requests.list_submission(actor(), _number(request_id))
    if form == "zip":
        return varying(deliver_submission(found))
    return varying(answers.as_json(RequestsDocument.of(found, base_url=base_url())))


@needs(Action.DECIDE)
def approve(request_id: str) -> Response:
    """Approve a request and have it signed."""
    note = _note()
    return answers.one_request(api_services().requests.approve(actor(), _number(request_id), note))


@needs(Action.DECIDE)
def refuse(request_id: str) -> Response:
    """Refuse a request with a note."""
    note = _note()
    return answers.one_request(api_services().requests.refuse(actor(), _number(request_id), note))


@needs(Action.ISSUE)
def withdraw(request_id: str) -> Response:
    """Withdraw a request."""
    note = _note()
    return answers.one_request(api_services().requests.withdraw(actor(), _number(request_id), note))


def _number(text: str) -> int:
    """Return the number in an address; 0, which no request has, if it is not a number."""
    return whole_number(text, _MAX_DIGITS) or 0


def _note() -> str:
    """Return the note in the body, which is optional."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    require_plain_body()
    if request.mimetype == FORM:
        if request.files:
            raise InvalidInput(*(unknown(name, iter(DecisionInput.model_fields)) for name in request.files))
        if not request.form:
            raise InvalidInput.because(FORM_EMPTY)
        return validated(DecisionInput, single_values(request.form), from_text=True).note
    data = read_body()
    return validated(DecisionInput, parse_object(data), from_text=False).note if data.strip() else ""
