"""Knows what a view needs from around it: the installation, who is acting, the options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

from flask import Flask, current_app, g, request

from ca_service.authority.access.permissions import Action, Actor
from ca_service.authority.installation import APIServices, Installation, PublicServices, narrow
from ca_service.errors import Rule

_EXTENSION: Final = "ca_service"
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What the web doors are told by the settings. `base_url` is empty where it is not known.

    From the `metrics_networks` the metrics can be read without a token.
    `rules` returns every declared rule by its id.
    `session_lifetime` is that of the cookie; what a session is worth is known to the use cases.
    """

    secret_key: str
    base_url: str = ""
    trusted_proxies: int = 0
    session_lifetime: timedelta = timedelta(hours=8)
    max_upload_bytes: int = 1024 * 1024
    metrics_networks: tuple[str, ...] = ()
    rules: Callable[[], Mapping[str, Rule]] = dict


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


def options() -> WebOptions:
    """Return the options of this application."""
    return _context().options


def actor() -> Actor:
    """Who is acting; only in views that ask for an action."""
    return cast(Actor, g.actor)


def origin() -> str:
    """From where is asked, as the record shows it."""
    return request.remote_addr or ""


def base_url() -> str:
    """How this service is reached, without a slash at the end: as configured, or as asked."""
    return options().base_url or request.host_url.rstrip("/")


def needs(action: Action, *, dangerous: bool = False, enrolling: bool = False) -> Callable[[View], View]:
    """Declare what a view does. Without an account that may do it, nobody gets in.

    A `dangerous` one asks its person to confirm who they are, unless they have done so lately. An
    `enrolling` one is also for those who still have to enrol the second factor that their role needs.
    Both count on pages only: behind an API token there is nobody to ask.
    """

    def declare(view: View) -> View:
        view.action = action  # type: ignore[attr-defined]
        view.dangerous, view.enrolling = dangerous, enrolling  # type: ignore[attr-defined]
        return view

    return declare


def public(view: View) -> View:
    """Declare that a view is for everybody."""
    view.action = None  # type: ignore[attr-defined]
    return view
