"""The pages for people."""

from flask import Blueprint

blueprint = Blueprint("pages", __name__)

from ca_service.web.pages import (  # noqa: E402, F401 - the views need the blueprint
    account,
    agents,
    api_guide,
    audit,
    authority,
    certificates,
    clusters,
    expiry,
    fit,
    inventory,
    messages,
    new,
    notices,
    oidc,
    people,
    placing,
    products,
    requests,
    revocations,
    session,
    signing_in,
    tokens,
)
