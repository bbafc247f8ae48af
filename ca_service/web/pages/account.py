"""The user's own account: password, API tokens with their limits, calendar link."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import SCOPES, Action, Role
from ca_service.authority.notices.updates import MAIL
from ca_service.authority.people.token_limits import DEFAULT_SCOPES, TokenLimits, known_scopes, scopes_for
from ca_service.authority.people.tokens import NewToken
from ca_service.errors import Conflict, Finding, InvalidInput, TooManyAttempts
from ca_service.pki.profiles import LEAF_PROFILES
from ca_service.web.auth import keep, open_session, visit
from ca_service.web.context import actor, base_url, installation, needs
from ca_service.web.forms import PasswordForm
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

_BETWEEN: Final = re.compile(r"[\s,;]+")


@blueprint.get("/account")
@needs(Action.OWN_ACCOUNT)
def account() -> ResponseReturnValue:
    """Show the account."""
    return _account_page(PasswordForm())


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
    return _account_page(form, findings), 422


@blueprint.post("/account/mail")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def change_mail_address() -> ResponseReturnValue:
    """Set the address for messages about requests, or remove it."""
    typed = request.form.get("mail_address", "")[:1000]
    try:
        installation().accounts.set_mail_address(actor(), actor().name, typed)
    except InvalidInput as error:
        return _account_page(PasswordForm(formdata=None), error.findings, mail_address=typed), 422
    return redirect(url_for("pages.account", changed="mail"), 303)


@blueprint.post("/account/calendar")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def make_calendar() -> ResponseReturnValue:
    """Create a calendar link and show it once."""
    secret = installation().calendars.make(actor())
    address = f"{base_url()}{url_for('public.calendar', secret=secret)}"
    return _account_page(PasswordForm(formdata=None), calendar_address=address), 201


@blueprint.post("/account/calendar/revoke")
@needs(Action.OWN_ACCOUNT)
def revoke_calendar() -> ResponseReturnValue:
    """Revoke the calendar link immediately."""
    installation().calendars.revoke(actor())
    return redirect(url_for("pages.account", _anchor="calendar"), 303)


def _account_page(
    form: PasswordForm,
    findings: tuple[Finding, ...] = (),
    calendar_address: str = "",
    mail_address: str | None = None,
) -> str:
    now = installation().clock()
    tokens = installation().tokens.list_of(actor(), actor().name)
    return render_template(
        "account.html",
        actor=actor(),
        valid_tokens=sum(token.state(now) == "valid" for token in tokens),
        password_form=form,
        mail_address=open_session().account.mail_address if mail_address is None else mail_address,
        has_mail=any(channel.name == MAIL for channel in installation().deliveries.channels),
        findings=findings,
        calendar=installation().calendars.find(actor()),
        calendar_address=calendar_address,
    )


@dataclass(frozen=True, slots=True)
class TokenFields:
    """The token form as entered."""

    label: str = ""
    days: str = "90"
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    names: str = ""
    profiles: tuple[str, ...] = ()
    networks: str = ""

    @property
    def limits(self) -> TokenLimits:
        """The entered limits. Spaces, commas or line breaks separate names and networks."""
        return TokenLimits(self.scopes, _words(self.names), self.profiles, _words(self.networks))


@blueprint.get("/account/tokens")
@needs(Action.OWN_ACCOUNT)
def tokens() -> ResponseReturnValue:
    """Show the form and the list of tokens."""
    return _token_page(TokenFields())


@blueprint.post("/account/tokens")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def create_token() -> ResponseReturnValue:
    """Create a token and show it once."""
    typed = _typed()
    try:
        made = installation().tokens.create(actor(), actor().name, typed.label, typed.days, typed.limits)
    except (InvalidInput, Conflict) as error:
        return _token_page(typed, error.findings), 422 if isinstance(error, InvalidInput) else status_of(error)
    return _token_page(TokenFields(), made=made), 201  # an empty form prevents accidental duplicates


@blueprint.post("/account/tokens/<int:token_id>/revoke")
@needs(Action.OWN_ACCOUNT)
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Revoke a token immediately."""
    installation().tokens.revoke(actor(), actor().name, token_id)
    return redirect(url_for("pages.tokens"), 303)


@blueprint.post("/account/tokens/revoke")
@needs(Action.OWN_ACCOUNT)
def revoke_all_tokens() -> ResponseReturnValue:
    """Revoke all tokens immediately."""
    count = installation().tokens.revoke_all(actor(), actor().name)
    return redirect(url_for("pages.tokens", revoked=count), 303)


def _typed() -> TokenFields:
    form = request.form
    return TokenFields(
        form.get("label", ""),
        form.get("days", ""),
        tuple(form.getlist("scopes")),
        form.get("names", ""),
        tuple(form.getlist("profiles")),
        form.get("networks", ""),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in _BETWEEN.split(text) if word)


def _token_page(typed: TokenFields, findings: Sequence[Finding] = (), made: NewToken | None = None) -> str:
    by_field: dict[str, list[Finding]] = {}
    for found in findings:
        by_field.setdefault(found.pointer.split("/")[1] if found.pointer else "", []).append(found)
    now = installation().clock()
    listed = installation().tokens.list_of(actor(), actor().name)
    return render_template(
        "tokens.html",
        typed=typed,
        findings=by_field,
        made=made,
        scopes=_offered(actor().role),
        profiles=LEAF_PROFILES.values(),
        tokens=[(token, token.state(now), known_scopes(token)) for token in listed],
        valid=sum(token.state(now) == "valid" for token in listed),
        revoked=request.args.get("revoked", type=int),
        base_url=base_url(),
    )


def _offered(role: Role) -> dict[str, str]:
    """Return the scopes that this role can use, with their descriptions."""
    return {name: SCOPES[name].text for name in scopes_for(role)}
