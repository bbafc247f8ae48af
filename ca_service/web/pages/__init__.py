"""The pages for people."""

from flask import Blueprint

blueprint = Blueprint("pages", __name__)

from ca_service.web.pages import (  # noqa: E402, F401 - the views need the blueprint
    account,
    agents,
    api_guide,
    authority,
    certificates,
    clusters,
    confirm,
    expiry,
    fit,
    inventory,
    links,
    messages,
    new,
    notices,
    oidc,
    people,
    placing,
    products,
    record,
    renewal,
    requests,
    revocations,
    runbook,
    session,
    signing_in,
    tokens,
)
