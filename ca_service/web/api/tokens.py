"""Tells a script what its token may."""

from __future__ import annotations

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.web.api import answers
from ca_service.web.api.models import NoQuery
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, installation, needs


@needs(Action.OWN_TOKEN)
def get_token() -> Response:
    """Whose token it is, and its limits."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    return answers.token(actor(), installation().tokens.get_own(actor()))
