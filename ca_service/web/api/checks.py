"""Tells what would happen to requests, without issuing or storing anything."""

from __future__ import annotations

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.web.api import answers
from ca_service.web.api.intake import read_submission
from ca_service.web.api.models import OptionFields
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, installation, needs


@needs(Action.CHECK)
def check() -> Response:
    """What would happen to each request in the body."""
    submission = read_submission(read_query(OptionFields))
    wanted_form(JSON_ONLY)
    return answers.checks(installation().issuance.check(actor(), submission.requests, submission.options))
