"""What everybody may fetch without an account: the authority's certificates, what is revoked, and whether we live."""

from flask import Blueprint

blueprint = Blueprint("public", __name__)

from ca_service.web.public import calendar, files, metrics, revocation, rules  # noqa: E402, F401 - the views need the blueprint
