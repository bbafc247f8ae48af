"""The pages for people."""

from flask import Blueprint

blueprint = Blueprint("pages", __name__)

from ca_service.web.pages import (  # noqa: E402, F401 - the views need the blueprint
    account,
    audit,
    certificates,
    clusters,
    deciding,
    fit,
    inventory,
    new,
    nodes,
    notices,
    overview,
    people,
    placing,
    probes,
    reference,
    renewals,
    requests,
    revocations,
    runbooks,
    session,
    signing_in,
)
