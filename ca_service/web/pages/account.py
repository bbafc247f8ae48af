"""The user's own account: password, API tokens, calendar link."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.errors import Finding, InvalidInput, TooManyAttempts
from ca_service.web.auth import keep, open_session, visit
from ca_service.web.context import actor, base_url, installation, needs
from ca_service.web.forms import PasswordForm
from ca_service.web.pages import blueprint


@blueprint.get("/account")
@needs(Action.OWN_ACCOUNT)
def account() -> ResponseReturnValue:
    """Show the account."""
    return _page(PasswordForm())


@blueprint.post("/account/password")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def change_password() -> ResponseReturnValue:
    """Change the password and end all other sessions."""
    form, findings = PasswordForm(), tuple[Finding, ...]()
    if form.validate_on_submit():
        try:
            signing_in = installation().signing_in
            keep(signing_in.change_password(open_session(), form.old.data, form.password.data, visit()))
        except (InvalidInput, TooManyAttempts) as error:
            findings = error.findings
        else:
            return redirect(url_for("pages.account", changed="password"), 303)
    return _page(form, findings), 422


@blueprint.post("/account/calendar")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def make_calendar() -> ResponseReturnValue:
    """Create a calendar link and show it once."""
    secret = installation().calendars.make(actor())
    address = f"{base_url()}{url_for('public.calendar', secret=secret)}"
    return _page(PasswordForm(formdata=None), calendar_address=address), 201


@blueprint.post("/account/calendar/revoke")
@needs(Action.OWN_ACCOUNT)
def revoke_calendar() -> ResponseReturnValue:
    """Revoke the calendar link immediately."""
    installation().calendars.revoke(actor())
    return redirect(url_for("pages.account", _anchor="calendar"), 303)


def _page(form: PasswordForm, findings: tuple[Finding, ...] = (), calendar_address: str = "") -> str:
    now = installation().clock()
    tokens = installation().tokens.list_of(actor(), actor().name)
    return render_template(
        "account.html",
        actor=actor(),
        valid_tokens=sum(token.state(now) == "valid" for token in tokens),
        password_form=form,
        findings=findings,
        calendar=installation().calendars.find(actor()),
        calendar_address=calendar_address,
    )
