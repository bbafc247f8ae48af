"""Shows the authority that issues now."""

from __future__ import annotations

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.web.api import answers
from ca_service.web.api.models import AuthorityQueryFields
from ca_service.web.api.negotiation import AUTHORITY_FORMS, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import installation, needs


@needs(Action.READ)
def get_authority() -> Response:
    """The issuing authority and those above it."""
    form = wanted_form(AUTHORITY_FORMS, read_query(AuthorityQueryFields).format)
    return answers.authority(installation().hierarchy.active(), form)
