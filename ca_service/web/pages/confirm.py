"""Confirm that it is you: asked before what is dangerous, see `needs(..., dangerous=True)`."""

from __future__ import annotations

from flask import redirect, request
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.errors import NotAuthenticated
from ca_service.web import confirming
from ca_service.web.auth import local_path, open_session, visit
from ca_service.web.context import installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import refused_page


@blueprint.route("/confirm", methods=["GET", "POST"])
@needs(Action.OWN_ACCOUNT, enrolling=True)
def confirm() -> ResponseReturnValue:
    """Ask; then on to what was wanted: 307 sends the form that was kept once more, with all its fields."""
    session, target = open_session(), local_path(request.args.get("next"))
    is_form = confirming.RESEND in request.form
    if request.method != "POST":
        return confirming.page(session.account, target, is_form=False)
    try:
        installation().signing_in.confirm(session, confirming.proof("confirm_"), visit())
    except NotAuthenticated as error:
        return refused_page(error, confirming.page(session.account, target, is_form=is_form, findings=error.findings))
    return redirect(target, 307 if is_form else 303)
