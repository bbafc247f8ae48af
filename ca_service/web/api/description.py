"""Shows the description of the API."""

from __future__ import annotations

from flask import Response, json

from ca_service.web.api.document import openapi_document
from ca_service.web.api.models import NoQuery
from ca_service.web.api.negotiation import JSON
from ca_service.web.api.validation import read_query
from ca_service.web.context import base_url, public


@public
def get_description() -> Response:
    """The OpenAPI document."""
    read_query(NoQuery)
    return Response(json.dumps(openapi_document(base_url())), content_type=JSON)
