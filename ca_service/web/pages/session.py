"""Setup, sign-in, second factor, re-authentication, sign-out, and links to choose a password."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ca_service.authority.access.credentials import new_account_findings, password_findings
from ca_service.authority.access.permissions import Action
from ca_service.errors import Finding, NotAuthenticated
from ca_service.web import reauthentication
from ca_service.web.auth import (
    end_session,
    keep,
    local_path,
    open_session,
    pending_second_factor_secret,
    start_session,
    visit,
)
from ca_service.web.context import installation, needs, origin, public
from ca_service.web.forms import NewPasswordForm, SetUpForm, SignInForm
from ca_service.web.pages import blueprint
from ca_service.web.problems import refused_page
from ca_service.web.reauthentication import asking_party, proof


@blueprint.route("/setup/<secret>", methods=["GET", "POST"])
@public
def set_up(secret: str) -> ResponseReturnValue:
    """Create the first administrator through the one-time setup link."""
    accounts = installation().accounts
    accounts.check_setup_link(secret)
    form, findings = SetUpForm(), tuple[Finding, ...]()
    if request.method == "POST":  # all that is wrong is shown together
        findings = new_account_findings(form.name.data or "", form.password.data or "")
        if form.validate() and not findings:
            account = accounts.create_first(secret, form.name.data, form.password.data, origin())
            start_session(account, "set-up link")
            return redirect(url_for("pages.overview"))
    status = 422 if request.method == "POST" else 200
    return render_template("set_up.html", form=form, findings=findings), status


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with name and password, then go to the second factor or the requested page."""
    target = local_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    form = SignInForm()
    if not form.validate_on_submit():
        return _sign_in_page(form)
    try:
        entered = installation().signing_in.with_password(form.name.data, form.password.data, visit())
    except NotAuthenticated as error:
        return refused_page(error, _sign_in_page(form, error.findings))
    keep(entered)
    return redirect(target if entered.is_complete else url_for("pages.second_step", next=request.args.get("next")))


@blueprint.route("/sign-in/second-step", methods=["GET", "POST"])
@public
def second_step() -> ResponseReturnValue:
    """Ask for a code or a passkey after the password."""
    people, target = installation(), local_path(request.args.get("next"))
    pending = people.sessions.find_pending(pending_second_factor_secret())
    if pending is None:
        return redirect(url_for("pages.sign_in", next=request.args.get("next")))
    state = people.second_factors.state(pending.account)
    if request.method != "POST":
        return render_template("second_step.html", state=state, findings=())
    try:
        keep(people.signing_in.second_step(pending_second_factor_secret(), proof(), visit()))
    except NotAuthenticated as error:
        return refused_page(error, render_template("second_step.html", state=state, findings=error.findings))
    return redirect(target)


@blueprint.post("/sign-in/passkey")
@public
def sign_in_with_passkey() -> ResponseReturnValue:
    """Show a passkey alone."""
    try:
        keep(installation().signing_in.with_passkey(proof(), visit()))
    except NotAuthenticated as error:
        return refused_page(error, _sign_in_page(SignInForm(formdata=None), error.findings))
    return redirect(local_path(request.args.get("next")))


@blueprint.post("/sign-in/passkey/options")
@public
def passkey_options() -> ResponseReturnValue:
    """Return the options with which a browser asks for a passkey."""
    options = installation().passkeys.options_to_sign_in(asking_party())
    return Response(options, mimetype="application/json")


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End this session only."""
    if current_user.is_authenticated:
        installation().sessions.sign_out(open_session(), visit())
    end_session()
    return redirect(url_for("pages.sign_in"))


def _sign_in_page(form: SignInForm, findings: tuple[Finding, ...] = ()) -> str:
    return render_template("sign_in.html", form=form, findings=findings)


@blueprint.route("/welcome/<secret>", methods=["GET", "POST"])
@public
def choose_password(secret: str) -> ResponseReturnValue:
    """Choose a password through a link. The link alone opens no session."""
    links = installation().links
    account = links.check(secret)
    form, findings = NewPasswordForm(), tuple[Finding, ...]()
    if request.method == "POST":  # all that is wrong is shown together
        findings = password_findings(account.name, form.password.data or "")
        if form.validate() and not findings:
            links.use(secret, form.password.data, origin())
            return redirect(url_for("pages.sign_in", chosen="yes"))
    status = 422 if request.method == "POST" else 200
    return render_template("choose_password.html", person=account, form=form, findings=findings), status


@blueprint.route("/confirm", methods=["GET", "POST"])
@needs(Action.OWN_ACCOUNT, enrolling=True)
def confirm() -> ResponseReturnValue:
    """Re-authenticate, then continue. Status 307 submits the kept form again with all its fields."""
    session, target = open_session(), local_path(request.args.get("next"))
    is_form = reauthentication.RESEND in request.form
    if request.method != "POST":
        return reauthentication.page(session.account, target, is_form=False)
    try:
        installation().signing_in.confirm(session, reauthentication.proof("confirm_"), visit())
    except NotAuthenticated as error:
        return refused_page(
            error, reauthentication.page(session.account, target, is_form=is_form, findings=error.findings)
        )
    return redirect(target, 307 if is_form else 303)
