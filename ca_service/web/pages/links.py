"""The link with which somebody chooses their password: invited, or after a reset."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.errors import Finding, InvalidInput
from ca_service.web.context import installation, origin, public
from ca_service.web.pages import blueprint
from ca_service.web.pages.forms import NewPasswordForm


@blueprint.route("/welcome/<secret>", methods=["GET", "POST"])
@public
def choose_password(secret: str) -> ResponseReturnValue:
    """Choose it, and sign in with it then: a link alone opens no session."""
    links = installation().links
    account = links.check(secret)
    form, findings = NewPasswordForm(), tuple[Finding, ...]()
    if form.validate_on_submit():
        try:
            links.use(secret, form.password.data, origin())
        except InvalidInput as error:
            findings = error.findings
        else:
            return redirect(url_for("pages.sign_in", chosen="yes"))
    status = 422 if request.method == "POST" else 200
    return render_template("choose_password.html", person=account, form=form, findings=findings), status
