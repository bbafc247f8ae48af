"""One's own account: API tokens and the password."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.permissions import Action
from ca_service.errors import Finding, InvalidInput, TooManyAttempts
from ca_service.web.auth import keep, open_session, visit
from ca_service.web.context import actor, base_url, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.forms import PasswordForm, TokenForm


@blueprint.get("/account")
@needs(Action.OWN_ACCOUNT)
def account() -> ResponseReturnValue:
    """Tokens and password."""
    return _page(TokenForm(), PasswordForm())


@blueprint.post("/account/tokens")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def create_token() -> ResponseReturnValue:
    """Make a token, and show it once."""
    form, findings, secret = TokenForm(), tuple[Finding, ...](), ""
    if form.validate_on_submit():
        try:
            made = installation().tokens.create(actor(), actor().name, form.label.data, form.days.data)
            secret, form = made.secret, TokenForm(formdata=None)  # so that nobody makes it twice by mistake
        except InvalidInput as error:
            findings = error.findings
    return _page(form, PasswordForm(), findings, secret), 201 if secret else 422


@blueprint.post("/account/tokens/<int:token_id>/revoke")
@needs(Action.OWN_ACCOUNT)
def revoke_token(token_id: int) -> ResponseReturnValue:
    """End a token at once."""
    installation().tokens.revoke(actor(), actor().name, token_id)
    return redirect(url_for("pages.account"), 303)


@blueprint.post("/account/password")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def change_password() -> ResponseReturnValue:
    """Set another password, which ends all other sessions."""
    form, findings = PasswordForm(), tuple[Finding, ...]()
    if form.validate_on_submit():
        try:
            signing_in = installation().people.signing_in
            keep(signing_in.change_password(open_session(), form.old.data, form.password.data, visit()))
        except (InvalidInput, TooManyAttempts) as error:
            findings = error.findings
        else:
            return redirect(url_for("pages.account", changed="password"), 303)
    return _page(TokenForm(formdata=None), form, findings), 422


def _page(
    token_form: TokenForm, password_form: PasswordForm, findings: tuple[Finding, ...] = (), secret: str = ""
) -> str:
    return render_template(
        "account.html",
        actor=actor(),
        tokens=installation().tokens.list_of(actor(), actor().name),
        token_form=token_form,
        password_form=password_form,
        findings=findings,
        secret=secret,
        now=installation().clock(),
        base_url=base_url(),
    )
