"""The button that renews: the same key again, for a plain server."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.renewal import RenewalWish
from ca_service.errors import Conflict, Refused
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.certificates import page_of
from ca_service.web.pages.requests import to_waiting
from ca_service.web.problems import status_of


@blueprint.post("/certificates/<serial_number>/renew")
@needs(Action.ISSUE)
def renew(serial_number: str) -> ResponseReturnValue:
    """Renew it; then on to the page of what was issued. The form holds a key, so that two clicks renew once."""
    is_chosen = {name: request.form.get(name) == "true" for name in ("new", "never_uploaded")}
    try:
        issued = installation().renewal.renew(
            actor(), serial_number, RenewalWish(**is_chosen), request.form.get("once", "")
        )
    except (Refused, Conflict) as error:
        return render_template("certificate.html", **page_of(serial_number, error.findings)), status_of(error)
    if issued.waiting:
        return to_waiting(issued.waiting)
    return redirect(url_for("pages.issued", serial=[each.serial_number for each in issued.certificates]), 303)
