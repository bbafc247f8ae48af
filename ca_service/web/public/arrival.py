"""The address of a client as the service sees it, for `ca-service doctor` only."""

from __future__ import annotations

from flask import Response

from ca_service.authority.health.arrival import PATH
from ca_service.web.context import origin, public, public_services
from ca_service.web.public import blueprint


@blueprint.get(f"{PATH}<question>")
@public
def arrival(question: str) -> Response:
    """Return the address from which this request came, if doctor has asked; nothing is stored."""
    public_services().arrival.require_question(question)
    return Response(f"{origin()}\n", mimetype="text/plain")
