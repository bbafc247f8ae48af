"""Sign-in settings: sessions, authenticator app, passkeys, recovery codes; and single sign-on with a provider."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from flask import Response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.people.factors import TotpOffer
from ca_service.authority.people.single_sign_on import Answer, Attempt, SingleSignOn
from ca_service.errors import Conflict, Finding, InvalidInput, NotFound, Rule
from ca_service.web.auth import keep, local_path, open_session, visit
from ca_service.web.context import actor, base_url, installation, needs, public
from ca_service.web.pages import blueprint
from ca_service.web.reauthentication import asking_party, passkeys_can_work, relying_party
from ca_service.web.views import browser_name, qr_code

OIDC_NONE: Final = Rule(
    "oidc.none",
    "This service has no single sign-on.",
    "Sign in with name and password. Operators can set oidc.issuer.",
)

_KEPT: Final = "oidc"  # session key of the newest attempt
_MAX_LENGTH: Final = 4096  # of a parameter of the callback


@blueprint.get("/account/sign-in")
@needs(Action.OWN_ACCOUNT, enrolling=True)
def signing_in() -> ResponseReturnValue:
    """Show the sign-in settings."""
    return _page()


@blueprint.post("/account/sign-in/app")
@needs(Action.OWN_ACCOUNT, dangerous=True, enrolling=True)
def offer_app() -> ResponseReturnValue:
    """Start to enrol an authenticator app."""
    installation().second_factors.offer_app(actor())
    return redirect(url_for("pages.app"), 303)


@blueprint.get("/account/sign-in/app")
@needs(Action.OWN_ACCOUNT, dangerous=True, enrolling=True)
def app() -> ResponseReturnValue:
    """Show the QR code and the field for the first code."""
    offer = installation().second_factors.pending_app(actor())
    return _app_page(offer) if offer else redirect(url_for("pages.signing_in"))


@blueprint.post("/account/sign-in/app/confirm")
@needs(Action.OWN_ACCOUNT, dangerous=True, enrolling=True)
def confirm_app() -> ResponseReturnValue:
    """Enrol the app with its first code."""
    factors = installation().second_factors
    try:
        return _enrolled(factors.confirm_app(actor(), request.form.get("code", "")[:100]))
    except (InvalidInput, Conflict) as error:
        offer = factors.pending_app(actor())
        if offer is None:
            raise
        return _app_page(offer, error.findings), 422


@blueprint.post("/account/sign-in/app/remove")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def remove_app() -> ResponseReturnValue:
    """Remove the app."""
    installation().second_factors.remove_app(actor())
    return redirect(url_for("pages.signing_in"), 303)


@blueprint.post("/account/sign-in/passkeys/options")
@needs(Action.OWN_ACCOUNT, enrolling=True)
def enrolment_options() -> ResponseReturnValue:
    """Return the options with which a browser creates a passkey."""
    made = installation().passkeys.options_to_enrol(actor(), asking_party())
    return Response(made, mimetype="application/json")


@blueprint.post("/account/sign-in/passkeys")
@needs(Action.OWN_ACCOUNT, dangerous=True, enrolling=True)
def enrol_passkey() -> ResponseReturnValue:
    """Enrol a passkey created by the browser."""
    label, credential = request.form.get("label", ""), request.form.get("credential", "")
    try:
        return _enrolled(installation().passkeys.enrol(actor(), relying_party(), label, credential))
    except (InvalidInput, Conflict) as error:
        return _page(error.findings), 422


@blueprint.post("/account/sign-in/passkeys/<int:passkey_id>/remove")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def remove_passkey(passkey_id: int) -> ResponseReturnValue:
    """Remove a passkey."""
    installation().passkeys.remove(actor(), passkey_id)
    return redirect(url_for("pages.signing_in"), 303)


@blueprint.post("/account/sign-in/codes")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def new_codes() -> ResponseReturnValue:
    """Replace the recovery codes."""
    return _enrolled(installation().second_factors.new_codes(actor()))


@blueprint.post("/account/sign-in/sessions/<int:session_id>/end")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def end_own_session(session_id: int) -> ResponseReturnValue:
    """End one session."""
    installation().sessions.end(actor(), actor().name, session_id)
    return redirect(url_for("pages.signing_in"), 303)


@blueprint.post("/account/sign-in/sessions/end-others")
@needs(Action.OWN_ACCOUNT, dangerous=True)
def end_other_sessions() -> ResponseReturnValue:
    """End all other sessions."""
    installation().sessions.end_others(actor(), open_session())
    return redirect(url_for("pages.signing_in"), 303)


def _enrolled(codes: tuple[str, ...]) -> ResponseReturnValue:
    """Show new recovery codes once. Without new codes, return to the settings."""
    if not codes:
        return redirect(url_for("pages.signing_in"), 303)
    return render_template("recovery_codes.html", codes=codes), 201


def _page(findings: tuple[Finding, ...] = ()) -> str:
    people, session, party, url = installation(), open_session(), relying_party(), urlsplit(request.url)
    return render_template(
        "signing_in.html",
        person=session.account,
        this=session.record,
        sessions=people.sessions.list_of(actor(), actor().name),
        state=people.second_factors.state(session.account),
        is_lacking=people.second_factors.is_lacking(session.account),
        findings=findings,
        browser_name=browser_name,
        passkeys_can_work=passkeys_can_work(party),
        localhost=url._replace(netloc=f"localhost:{url.port}" if url.port else "localhost").geturl(),
    )


def _app_page(offer: TotpOffer, findings: tuple[Finding, ...] = ()) -> str:
    shown = " ".join(offer.secret[place : place + 4] for place in range(0, len(offer.secret), 4))
    return render_template("authenticator_app.html", picture=qr_code(offer.uri), secret=shown, findings=findings)


@blueprint.get("/oidc/sign-in")
@public
def oidc_sign_in() -> ResponseReturnValue:
    """Redirect to the provider, then to the requested page. With `afresh`, the provider authenticates again."""
    target = local_path(request.args.get("next"))
    attempt, url = _single_sign_on().begin(_redirect_uri(), afresh=request.args.get("afresh") == "true")
    kept = (attempt.state, attempt.nonce, attempt.verifier, attempt.begun_at.timestamp(), attempt.afresh)
    session[_KEPT] = [*kept, target]
    return redirect(url)


@blueprint.get("/oidc/callback")
@public
def oidc_callback() -> ResponseReturnValue:
    """Finish the sign-in after the provider's redirect. The attempt is used up in any case."""
    *kept, target = session.pop(_KEPT, None) or [url_for("pages.overview")]
    attempt = _attempt(kept)
    account = _single_sign_on().finish(attempt, _answer(), _redirect_uri(), visit())
    is_afresh = attempt is not None and attempt.afresh
    entered = installation().signing_in.from_elsewhere(account, visit(), is_afresh=is_afresh)
    keep(entered)
    return redirect(local_path(target) if entered.is_complete else url_for("pages.second_step", next=target))


@blueprint.app_template_global("signs_in_elsewhere")
def signs_in_elsewhere(account_id: int) -> bool:
    """Return whether this account signs in with the provider."""
    found = installation().single_sign_on
    return found is not None and found.is_external(account_id)


@blueprint.app_template_global("single_sign_on_host")
def single_sign_on_host() -> str:
    """Return the provider's host for the button, or an empty string."""
    found = installation().single_sign_on
    return urlsplit(found.issuer).netloc if found else ""


def _single_sign_on() -> SingleSignOn:
    found = installation().single_sign_on
    if found is None:
        raise NotFound.because(OIDC_NONE)
    return found


def _redirect_uri() -> str:
    return base_url() + url_for("pages.oidc_callback")


def _attempt(kept: list[object]) -> Attempt | None:
    """Read the attempt from our signed cookie."""
    if len(kept) != 5:
        return None
    state, nonce, verifier, begun_at, afresh = kept
    at = datetime.fromtimestamp(float(str(begun_at)), UTC)
    return Attempt(str(state), str(nonce), str(verifier), at, afresh is True)


def _answer() -> Answer:
    told = {name: request.args.get(name, "")[:_MAX_LENGTH] for name in ("state", "code", "iss", "error")}
    return Answer(told["state"], told["code"], told["iss"], told["error"])
