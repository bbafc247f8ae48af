"""Public files: CA certificates, CRLs, OCSP, health and metrics, without an account."""

from flask import Blueprint

blueprint = Blueprint("public", __name__)

from ca_service.web.public import (  # noqa: E402, F401 - the views need the blueprint
    calendar,
    files,
    health,
    metrics,
    revocation,
    trust,
)
