"""Set-up, signing in, signing out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from ca_service.errors import Conflict, Finding, InvalidInput, NotAuthenticated
from ca_service.web.auth import local_path, start_session
from ca_service.web.context import installation, origin, public
from ca_service.web.pages import blueprint
from ca_service.web.pages.forms import SetUpForm, SignInForm


@blueprint.route("/setup/<secret>", methods=["GET", "POST"])
@public
def set_up(secret: str) -> ResponseReturnValue:
    """The one-time link: the first administrator chooses a name and a password."""
    accounts = installation().accounts
    accounts.check_setup_link(secret)
    form, findings = SetUpForm(), tuple[Finding, ...]()
    if form.validate_on_submit():
        try:
            account = accounts.create_first(secret, form.name.data, form.password.data, origin())
        except InvalidInput as error:
            findings = error.findings
        else:
            start_session(account)
            return redirect(url_for("pages.new"))
    status = 422 if request.method == "POST" else 200
    return render_template("set_up.html", form=form, findings=findings), status


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Name and password; then on to the page that was asked for."""
    target = local_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    form, findings = SignInForm(), tuple[Finding, ...]()
    if form.validate_on_submit():
        try:
            account = installation().accounts.sign_in(form.name.data, form.password.data, origin())
        except NotAuthenticated as error:
            findings = error.findings
        else:
            start_session(account)
            return redirect(target)
    status = 401 if findings else 200
    return render_template("sign_in.html", form=form, findings=findings), status


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End this session, and all others of the account."""
    if current_user.is_authenticated:
        with suppress(Conflict):  # somebody has just ended them by a change of the account
            installation().accounts.sign_out(replace(current_user.account.actor, origin=origin()))
    logout_user()
    session.clear()
    return redirect(url_for("pages.sign_in"))
