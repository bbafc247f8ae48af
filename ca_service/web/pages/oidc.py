"""Single sign-on: the redirect to the OpenID provider and its callback."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.people.single_sign_on import Answer, Attempt, SingleSignOn
from ca_service.errors import NotFound, Rule
from ca_service.web.auth import keep, local_path, visit
from ca_service.web.context import base_url, installation, public
from ca_service.web.pages import blueprint

OIDC_NONE: Final = Rule(
    "oidc.none",
    "This service has no single sign-on.",
    "Sign in with name and password. Operators can set oidc.issuer.",
)

_KEPT: Final = "oidc"  # session key of the newest attempt
_MAX_LENGTH: Final = 4096


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
