"""HTTP: pages for people, an API for scripts, public files for relying parties."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from ca_service import __version__
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.deadline import Places
from ca_service.web import (
    access_log,
    auth,
    compression,
    context,
    fast_path,
    i18n,
    problems,
    sealing,
    security,
    time_budget,
)
from ca_service.web.api import blueprint as api
from ca_service.web.context import WebOptions
from ca_service.web.forms import FormRequest
from ca_service.web.pages import blueprint as pages
from ca_service.web.proxies import BehindProxies
from ca_service.web.public import blueprint as public
from ca_service.web.security import MaskedCSRF

__all__ = ["WebOptions", "create"]


def create(installation: Installation, options: WebOptions) -> Flask:
    """Create the Flask application that serves this installation."""
    app = Flask("ca_service.web", static_url_path="/static")
    app.request_class = FormRequest
    _configure(app, options)
    context.install(app, installation, options)
    app.url_map.converters["int"] = _RowNumber
    app.jinja_env.globals.update(label=options.label, colour=options.colour, version=__version__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    places = Places(max(1, options.threads // 2))
    time_budget.install(app, options.time_budgets, places)
    for part in (access_log, compression, i18n, security, auth, problems, sealing):
        part.install(app)
    csrf = MaskedCSRF(app)
    csrf.exempt(api)  # it takes bearer tokens only, never the cookie
    csrf.exempt(public)  # its views change nothing
    for blueprint in (pages, api, public):
        app.register_blueprint(blueprint)
    fast_path.install(app, options, places)
    if options.trusted_proxies:  # outermost: everything else sees the address of the client
        app.wsgi_app = BehindProxies(  # type: ignore[method-assign]
            app.wsgi_app, options.trusted_proxies, options.proxy_networks
        )
    return app


class _RowNumber(IntegerConverter):
    """A row number in a URL. Larger numbers are not found here; the database would fail on them."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**31 - 1)


def _configure(app: Flask, options: WebOptions) -> None:
    is_https = options.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=options.secret_key,
        MAX_CONTENT_LENGTH=options.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=options.max_upload_bytes,
        MAX_FORM_PARTS=MAX_REQUESTS + 50,
        PERMANENT_SESSION_LIFETIME=options.session_lifetime,
        SESSION_REFRESH_EACH_REQUEST=False,  # no cookie on responses that caches store
        SESSION_COOKIE_NAME="__Host-ca_service" if is_https else "ca_service",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        WTF_CSRF_TIME_LIMIT=None,  # valid as long as the session, which has its own limit
    )
