"""Authentication of requests: sessions on the pages, bearer tokens at the API. Every view declares its access."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from flask import Flask, Response, after_this_request, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from ca_service.authority.access.permissions import PERMISSIONS, Action, require
from ca_service.authority.people.records import AccountRecord, OpenSession, Visit
from ca_service.authority.people.sessions import SignInResult
from ca_service.authority.people.tokens import TOKEN_INVALID
from ca_service.errors import NotAuthenticated, Rule
from ca_service.web import reauthentication
from ca_service.web.context import installation, origin

TOKEN_MISSING: Final = Rule(
    "token.missing",
    "No API token was sent.",
    "Create a token on the account page and send it as `Authorization: Bearer TOKEN`.",
)

API_PREFIX: Final = "/api/v1/"
_SCHEME: Final = "bearer "
_MAX_TOKEN: Final = 200
_MAX_SECRET: Final = 100
_BROWSER_KNOWN_FOR: Final = timedelta(days=180)
_PENDING_SECOND_FACTOR: Final = "pending_second_factor"


class SessionUser(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """A signed-in account in the form that Flask-Login needs. Its id, stored in the cookie, is the session secret."""

    def __init__(self, secret: str, account: AccountRecord, opened: OpenSession | None = None) -> None:
        self._secret = secret
        self.account = account
        self.opened = opened

    def get_id(self) -> str:
        """Return the session secret for the cookie."""
        return self._secret


def install(app: Flask) -> None:
    """Guard every view of the application."""
    login = LoginManager(app, add_context_processor=False)  # error pages must render without an account
    login.session_protection = None  # it relies on addresses that a client can forge
    login.user_loader(_load_user)
    app.before_request(_guard)
    app.jinja_env.globals["signed_in_account"] = signed_in_account
    app.jinja_env.globals["may"] = may


def signed_in_account() -> AccountRecord | None:
    """Return the signed-in account, or None. Also None if it cannot be read: error pages show the header too."""
    try:
        return current_user.account if current_user.is_authenticated else None
    except Exception:
        return None


def may(action: str) -> bool:
    """Return whether the signed-in account may perform this action, such as DECIDE; pages hide controls by it."""
    account = signed_in_account()
    return account is not None and account.role in PERMISSIONS[Action[action]]


def open_session() -> OpenSession:
    """Return the current session. Only for page views that declare an action."""
    found: OpenSession = current_user.opened
    return found


def visit() -> Visit:
    """Return the origin of the request: address, browser, and the cookie of a known browser."""
    secret = request.cookies.get(_browser_cookie(), "")
    return Visit(origin(), request.user_agent.string, secret if len(secret) <= _MAX_SECRET else "")


def start_session(account: AccountRecord, method: str) -> None:
    """Open a session for the account. `method` names how the person authenticated."""
    keep(installation().sessions.open(account, method, visit()))


def keep(entered: SignInResult) -> None:
    """Store the session secret in a new cookie that keeps nothing of the previous one."""
    session.clear()
    session.permanent = True
    if not entered.is_complete:
        session[_PENDING_SECOND_FACTOR] = entered.secret
        return
    login_user(SessionUser(entered.secret, entered.account))
    after_this_request(lambda response: _keep_browser(response, entered.browser))


def end_session() -> None:
    """Delete the session secret from the cookie. The browser itself stays known."""
    logout_user()
    session.clear()


def pending_second_factor_secret() -> str:
    """Return the secret of the session that still needs its second factor, or an empty string."""
    return str(session.get(_PENDING_SECOND_FACTOR, ""))


def local_path(target: str | None) -> str:
    """Return the target if it is a path on this server, otherwise the start page. This prevents open redirects."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return url_for("pages.overview")


def _load_user(secret: str) -> SessionUser | None:
    """Return the user of the cookie. Flask-Login calls its content an id; here it is the session secret."""
    found = installation().sessions.find(secret)
    return SessionUser(secret, found.account, found) if found else None


def _browser_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_browser"


def _keep_browser(response: Response, secret: str) -> Response:
    """Mark the browser as known, so that failed attempts elsewhere do not delay it. The cookie grants no access."""
    response.set_cookie(
        _browser_cookie(),
        secret,
        max_age=_BROWSER_KNOWN_FOR,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def _guard() -> ResponseReturnValue | None:
    """Let a request through if its view is public or its account may perform the declared action."""
    if request.endpoint is None or request.endpoint == "static":
        return None
    view: Any = current_app.view_functions[request.endpoint]
    action: Action | None = view.action
    if action is None:  # declared public
        return None
    if request.path.startswith(API_PREFIX):
        g.actor = installation().tokens.authenticate(bearer_token(), origin())
        require(g.actor, action)
        return None
    if not current_user.is_authenticated:
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("pages.sign_in", next=target))
    g.actor = replace(current_user.account.actor, origin=origin())
    require(g.actor, action)
    return _required_step(view, current_user.account)


def _required_step(view: Any, account: AccountRecord) -> ResponseReturnValue | None:
    """Return the step required before this view: enrolling a second factor, re-authentication, or None."""
    installed = installation()
    if not view.enrolling and installed.second_factors.is_lacking(account):
        return redirect(url_for("pages.signing_in", required="yes"))
    if view.dangerous and not installed.sessions.is_fresh(open_session()):
        return reauthentication.ask(account)
    return None


def bearer_token() -> str:
    """Return the API token of the request. Raises NotAuthenticated if there is none, or one that is too long."""
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(_SCHEME):
        raise NotAuthenticated.because(TOKEN_MISSING)
    if len(header) > _MAX_TOKEN:
        raise NotAuthenticated.because(TOKEN_INVALID)
    return header[len(_SCHEME) :].strip()
