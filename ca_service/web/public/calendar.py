"""The calendar feed. The secret in its URL gives access to expiry dates and nothing else."""

from __future__ import annotations

from flask import Response, request

from ca_service.web.context import base_url, public, public_services
from ca_service.web.feed import calendar_file
from ca_service.web.public import blueprint


@blueprint.get("/calendar/<secret>.ics")
@public
def calendar(secret: str) -> Response:
    """Return the calendar of an account. No cookie is read or set."""
    response = Response(calendar_file(public_services().calendars.read(secret), base_url()))
    response.content_type = "text/calendar; charset=utf-8"
    response.headers["Cache-Control"] = "private, max-age=900"
    response.add_etag()
    response.make_conditional(request)
    return response
