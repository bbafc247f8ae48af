"""The API for scripts: bearer tokens, JSON and certificates, problems per RFC 9457."""

from flask import Blueprint

from ca_service.web.api import certificates, checks, probes, requests, service

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
blueprint.add_url_rule("/certificates", view_func=certificates.issue, methods=["POST"])
blueprint.add_url_rule("/certificates", view_func=certificates.list_certificates)
blueprint.add_url_rule("/certificates/<serial_number>", view_func=certificates.get_certificate)
blueprint.add_url_rule("/certificates/<serial_number>/renew", view_func=certificates.renew, methods=["POST"])
blueprint.add_url_rule("/batches", view_func=certificates.issue_each, methods=["POST"])
blueprint.add_url_rule("/requests", view_func=requests.list_requests)
blueprint.add_url_rule("/requests/<request_id>", view_func=requests.get_request)
blueprint.add_url_rule("/requests/<request_id>/approve", view_func=requests.approve, methods=["POST"])
blueprint.add_url_rule("/requests/<request_id>/refuse", view_func=requests.refuse, methods=["POST"])
blueprint.add_url_rule("/requests/<request_id>/withdraw", view_func=requests.withdraw, methods=["POST"])
blueprint.add_url_rule("/checks", view_func=checks.check, methods=["POST"])
blueprint.add_url_rule("/probes", view_func=probes.probe, methods=["POST"])
blueprint.add_url_rule("/fit", view_func=checks.check_fit, methods=["POST"])
blueprint.add_url_rule("/revocations", view_func=certificates.revoke, methods=["POST"])
blueprint.add_url_rule("/revocations/release", view_func=certificates.release, methods=["POST"])
blueprint.add_url_rule("/authority", view_func=service.get_authority)
blueprint.add_url_rule("/token", view_func=service.get_token)
blueprint.add_url_rule("/events", view_func=service.list_events)
blueprint.add_url_rule("/openapi.json", view_func=service.get_description)
