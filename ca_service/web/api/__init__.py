"""The API for scripts: bearer tokens, JSON and certificates, problems per RFC 9457."""

from flask import Blueprint

from ca_service.web.api import (
    applications,
    authority,
    certificates,
    checks,
    description,
    events,
    fit,
    renewal,
    revocations,
    tokens,
)

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
blueprint.add_url_rule("/certificates", view_func=certificates.issue, methods=["POST"])
blueprint.add_url_rule("/certificates", view_func=certificates.list_certificates)
blueprint.add_url_rule("/certificates/<serial_number>", view_func=certificates.get_certificate)
blueprint.add_url_rule("/certificates/<serial_number>/renew", view_func=renewal.renew, methods=["POST"])
blueprint.add_url_rule("/applications", view_func=applications.list_applications)
blueprint.add_url_rule("/applications/<application_id>", view_func=applications.get_application)
blueprint.add_url_rule("/applications/<application_id>/approve", view_func=applications.approve, methods=["POST"])
blueprint.add_url_rule("/applications/<application_id>/refuse", view_func=applications.refuse, methods=["POST"])
blueprint.add_url_rule("/applications/<application_id>/withdraw", view_func=applications.withdraw, methods=["POST"])
blueprint.add_url_rule("/checks", view_func=checks.check, methods=["POST"])
blueprint.add_url_rule("/fit", view_func=fit.check_fit, methods=["POST"])
blueprint.add_url_rule("/revocations", view_func=revocations.revoke, methods=["POST"])
blueprint.add_url_rule("/revocations/release", view_func=revocations.release, methods=["POST"])
blueprint.add_url_rule("/authority", view_func=authority.get_authority)
blueprint.add_url_rule("/token", view_func=tokens.get_token)
blueprint.add_url_rule("/events", view_func=events.list_events)
blueprint.add_url_rule("/openapi.json", view_func=description.get_description)
