"""Health: `/healthz` says that the process answers, `/readyz` whether it can do its work; and the address of a client.

Only a restart helps a process that does not answer, and no restart helps one that is not ready. The address, as the
service sees it, is for `ca-service doctor` only.
"""

from __future__ import annotations

from typing import Final

from flask import Response
from flask.typing import ResponseReturnValue

from ca_service.authority.health.arrival import PATH
from ca_service.authority.installation import PublicServices
from ca_service.documents.operations import ReadinessDocument
from ca_service.web.context import origin, public, public_services
from ca_service.web.public import blueprint

_JSON: Final = "application/json"


@blueprint.get("/healthz")
@public
def health() -> ResponseReturnValue:
    """Return 200: this process answers. Nothing else is looked at."""
    return health_response()


@blueprint.get("/readyz")
@public
def readiness() -> ResponseReturnValue:
    """Return 200 if every cheap check passed, otherwise 503; names and results only."""
    return readiness_response(public_services())


def health_response() -> Response:
    """Return that the process answers."""
    return Response('{"status":"ok"}\n', content_type=_JSON, headers={"Cache-Control": "no-store"})


def readiness_response(services: PublicServices) -> Response:
    """Return the results that everyone may read; the log and `ca-service doctor` have the reasons."""
    document = ReadinessDocument.of(services.readiness.results())
    status = 200 if document.status == "ready" else 503
    body = f"{document.model_dump_json()}\n"
    return Response(body, status, content_type=_JSON, headers={"Cache-Control": "no-store"})


@blueprint.get(f"{PATH}<question>")
@public
def arrival(question: str) -> Response:
    """Return the address from which this request came, if doctor has asked; nothing is stored."""
    public_services().arrival.require_question(question)
    return Response(f"{origin()}\n", mimetype="text/plain")
