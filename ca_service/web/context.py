"""The context of a view: use cases, actor, options, and the declaration of its access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

from flask import Flask, current_app, g, request

from ca_service.authority.access.permissions import Action, Actor
from ca_service.authority.installation import APIServices, Installation, PublicServices, narrow
from ca_service.errors import Rule
from ca_service.web.time_budget import DEFAULT, TimeBudgets

_EXTENSION: Final = "ca_service"
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The settings of the web interfaces. `base_url` is empty if it is not configured.

    `trusted_proxies` in a row may stand in front, all of them in `proxy_networks`; 0 ignores every header.
    Clients in `metrics_networks` can read the metrics without a token. `rules` returns every declared rule by its id.
    `session_lifetime` is the lifetime of the cookie; the use cases decide how long a session is valid. `threads` is
    their number in this process: half of them may wait for the database. `label` and `colour` are in the header.
    """

    secret_key: str
    base_url: str = ""
    trusted_proxies: int = 0
    proxy_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    session_lifetime: timedelta = timedelta(hours=8)
    max_upload_bytes: int = 1024 * 1024
    metrics_networks: tuple[str, ...] = ()
    rules: Callable[[], Mapping[str, Rule]] = dict
    threads: int = 4
    time_budgets: TimeBudgets = DEFAULT
    label: str = ""
    colour: str = "none"


@dataclass(frozen=True, slots=True)
class _Context:
    installation: Installation
    api: APIServices
    public: PublicServices
    options: WebOptions


def install(app: Flask, installation: Installation, options: WebOptions) -> None:
    """Hand the application its use cases; API and public files get only their part of them."""
    api, public = narrow(installation, APIServices), narrow(installation, PublicServices)
    app.extensions[_EXTENSION] = _Context(installation, api, public, options)


def _context() -> _Context:
    return cast(_Context, current_app.extensions[_EXTENSION])


def installation() -> Installation:
    """Return all use cases: for the pages, which need accounts as well."""
    return _context().installation


def api_services() -> APIServices:
    """Return what scripts may reach."""
    return _context().api


def public_services() -> PublicServices:
    """Return what relying parties may reach without an account."""
    return _context().public


def services_of(app: Flask) -> PublicServices:
    """Return what relying parties may reach, for code outside requests."""
    return cast(_Context, app.extensions[_EXTENSION]).public


def options() -> WebOptions:
    """Return the options of this application."""
    return _context().options


def actor() -> Actor:
    """Return the actor. Only for views that declare an action."""
    return cast(Actor, g.actor)


def origin() -> str:
    """Return the client address as the audit log shows it."""
    return request.remote_addr or ""


def base_url() -> str:
    """Return the URL of this service without a trailing slash: as configured, or as requested."""
    return options().base_url or request.host_url.rstrip("/")


def needs(action: Action, *, dangerous: bool = False, enrolling: bool = False) -> Callable[[View], View]:
    """Declare the action of a view. Only accounts that may perform it have access.

    A `dangerous` view requires a recent re-authentication. An `enrolling` view is also open to accounts
    that must still enrol the second factor required for their role. Both apply to pages only: a script
    with an API token cannot answer.
    """

    def declare(view: View) -> View:
        view.action = action  # type: ignore[attr-defined]
        view.dangerous, view.enrolling = dangerous, enrolling  # type: ignore[attr-defined]
        return view

    return declare


def public(view: View) -> View:
    """Declare that a view needs no account."""
    view.action = None  # type: ignore[attr-defined]
    return view
