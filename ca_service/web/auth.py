"""Knows who is asking: a session on the pages, a bearer token at the API. No view is open by oversight."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from ca_service.authority.permissions import PERMISSIONS, Action, require
from ca_service.authority.records import AccountRecord
from ca_service.errors import NotAuthenticated
from ca_service.web.context import installation, options, origin

API_PREFIX: Final = "/api/v1/"
_SCHEME: Final = "bearer "
_MAX_TOKEN: Final = 200


class SessionUser(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """An account, as Flask-Login wants it. The epoch in its id ends old sessions with the password."""

    def __init__(self, account: AccountRecord) -> None:
        self.account = account

    def get_id(self) -> str:
        """What the cookie holds: account and session epoch."""
        return f"{self.account.id}.{self.account.session_epoch}"


def install(app: Flask) -> None:
    """Guard every view of the application."""
    login = LoginManager(app, add_context_processor=False)  # error pages must do without an account
    login.session_protection = None  # it looks at addresses that anybody can make up
    login.user_loader(_load_user)
    app.before_request(_guard)
    app.jinja_env.globals["signed_in_account"] = signed_in_account
    app.jinja_env.globals["may"] = may


def signed_in_account() -> AccountRecord | None:
    """Whose name stands at the head of a page; None also where that cannot be told, as error pages have a head."""
    try:
        return current_user.account if current_user.is_authenticated else None
    except Exception:
        return None


def may(action: str) -> bool:
    """Whether who has signed in may do this: a name such as DECIDE, for what a page offers."""
    account = signed_in_account()
    return account is not None and account.role in PERMISSIONS[Action[action]]


def start_session(account: AccountRecord) -> None:
    """Sign the browser in, in a session that has nothing of the one before."""
    session.clear()
    session.permanent = True
    session["signed_in_at"] = installation().clock().timestamp()
    login_user(SessionUser(account))


def local_path(target: str | None) -> str:
    """Where to go after signing in: a path on this server, whatever was asked for."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return url_for("pages.new")


def _load_user(user_id: str) -> SessionUser | None:
    account_id, _, epoch = user_id.partition(".")
    if not (account_id.isdecimal() and epoch.isdecimal()):
        return None
    age = installation().clock().timestamp() - session.get("signed_in_at", 0.0)
    if age > options().session_lifetime.total_seconds():
        return None
    account = installation().accounts.find_session(int(account_id), int(epoch))
    return SessionUser(account) if account else None


def _guard() -> ResponseReturnValue | None:
    """Let a request through to a view that is public, or whose action its account may do."""
    if request.endpoint is None or request.endpoint == "static":
        return None
    view: Any = current_app.view_functions[request.endpoint]
    action: Action | None = view.action
    if action is None:
        return None
    if request.path.startswith(API_PREFIX):
        found = installation().tokens.actor_of(_bearer_token())
    elif current_user.is_authenticated:
        found = current_user.account.actor
    else:
        return redirect(
            url_for("pages.sign_in", next=request.full_path.rstrip("?") if request.method == "GET" else None)
        )
    g.actor = replace(found, origin=origin())
    require(g.actor, action)
    return None


def _bearer_token() -> str:
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(_SCHEME) or len(header) > _MAX_TOKEN:
        raise NotAuthenticated.because(
            "token.missing",
            "No API token was sent.",
            "Make a token on the account page and send it as `Authorization: Bearer TOKEN`.",
        )
    return header[len(_SCHEME) :].strip()
