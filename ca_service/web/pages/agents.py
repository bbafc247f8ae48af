"""The agent experience for each combination of signers; the URL can be shared."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.vos import experience
from ca_service.vos.experience import Signing, signing
from ca_service.vos.knowledge import titles
from ca_service.web.context import needs
from ca_service.web.pages import blueprint


@blueprint.get("/agents")
@needs(Action.READ)
def agents() -> ResponseReturnValue:
    """Show the selected combination; by default the one that this service produces."""
    tomcat = signing(request.args.get("tomcat", Signing.RSA_CA), "/tomcat")
    tomcat_ecdsa = signing(request.args.get("tomcat-ecdsa", Signing.EC_CA), "/tomcat-ecdsa")
    return render_template(
        "agents.html",
        tomcat=tomcat,
        tomcat_ecdsa=tomcat_ecdsa,
        row=experience.find_row(tomcat, tomcat_ecdsa),
        known=experience.known_of(tomcat, tomcat_ecdsa),
        signings=tuple(Signing),
        rows=experience.rows(),
        services=experience.services(),
        holds=experience.holds(),
        cop=experience.cop(),
        questions=experience.questions(),
        titles=titles,
    )
