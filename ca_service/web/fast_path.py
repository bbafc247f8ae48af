"""The fast path: public files, OCSP, static files and the health checks, answered without a Flask request.

Clients fetch these thousands of times as often as people open pages. The views are those of the application, but
nothing around them: no session, no account, no templates. Every other request goes to the application, which answers
it as usual: unknown hosts, other methods, large bodies, redirects, errors.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import flask
from flask import Flask
from werkzeug import Request, Response
from werkzeug.utils import send_from_directory

from ca_service import deadline
from ca_service.authority.installation import PublicServices
from ca_service.deadline import Places
from ca_service.errors import NotReady
from ca_service.pki.ocsp import MAX_REQUEST_BYTES
from ca_service.web import access_log, security
from ca_service.web.compression import compress_file
from ca_service.web.context import WebOptions, services_of
from ca_service.web.public.files import file_response
from ca_service.web.public.health import health_response, readiness_response
from ca_service.web.public.revocation import NOT_KEPT, OCSP_TYPE, crl_response, decoded, ocsp_response
from ca_service.web.public.trust import kit_response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_GET: Final = frozenset({"GET", "HEAD"})
_POST: Final = frozenset({"POST"})
_BODY: Final = "wsgi.input"
_NOT_READY: Final = "ca_service.not_ready"


class _Answer(Protocol):
    """A response of Werkzeug, or what is used of it."""

    @property
    def status_code(self) -> int: ...

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]: ...


View = Callable[[PublicServices, Request, str], _Answer | None]


@dataclass(frozen=True, slots=True)
class _Route:
    """A route of the application, and the plain paths of it that the fast path takes; their group goes to the view."""

    methods: frozenset[str]
    rule: str
    path: re.Pattern[str]
    view: View

    @classmethod
    def of(cls, methods: frozenset[str], rule: str, path: str, view: View) -> _Route:
        return cls(methods, rule, re.compile(path, re.ASCII), view)


def install(app: Flask, options: WebOptions, places: Places) -> None:
    """Put the fast path in front of the application. `places` are for threads that wait for the database."""
    app.before_request(_raise_not_ready)
    app.wsgi_app = _FastPath(app, options, places)  # type: ignore[method-assign]


class _FastPath:
    def __init__(self, app: Flask, options: WebOptions, places: Places) -> None:
        self._budgets, self._places = options.time_budgets, places
        self._application: WSGIApplication = app.wsgi_app
        self._services = services_of(app)
        self._base_url = options.base_url
        self._routes = (*_ROUTES, _static(app))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        started, request = time.perf_counter(), Request(environ)
        route, response = self._answer(request)
        if route is None or response is None:
            return self._application(environ, start_response)
        client = ("-", request.remote_addr)
        access_log.write(request.method, route.rule, response.status_code, started, client)
        body, status, headers = response.get_wsgi_response(environ)
        start_response(status, [*headers, *security.headers(is_secure=request.is_secure).items()])
        return body

    def _answer(self, request: Request) -> tuple[_Route | None, _Answer | None]:
        for route in self._routes:
            found = route.path.fullmatch(request.path)
            if found is not None and request.method in route.methods:
                return route, self._view(route, request, found[found.lastindex or 0])
        return None, None

    def _view(self, route: _Route, request: Request, path: str) -> _Answer | None:
        if not security.is_known_host(request.host, self._base_url):
            return None
        try:
            with deadline.limited(self._budgets.pages, self._budgets.reading, self._places):
                return route.view(self._services, request, path)
        except NotReady as error:  # it may have taken a time-out to find out: the application must not try again
            request.environ[_NOT_READY] = error
            return None
        except Exception:  # the application comes to the same error, and can log and explain it
            return None


def _raise_not_ready() -> None:
    error: NotReady | None = flask.request.environ.get(_NOT_READY)
    if error is not None:
        raise error


@dataclass(frozen=True, slots=True)
class _OCSPAnswer:
    """The answer to a POST. It has few headers, and Werkzeug takes longer for them than everything else takes."""

    der: bytes
    status_code: int = 200

    def get_wsgi_response(self, _environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        headers = [("Content-Type", OCSP_TYPE), ("Content-Length", str(len(self.der))), ("Cache-Control", NOT_KEPT)]
        return (self.der,), "200 OK", headers


def _ocsp_by_body(services: PublicServices, request: Request, _: str) -> _Answer | None:
    """Answer a body of a declared, small size; the application refuses what is too large."""
    size = request.content_length
    if size is None or size > MAX_REQUEST_BYTES:
        return None
    try:
        data = request.environ[_BODY].read(size)
    except OSError:  # the client is too slow: the application answers what is there, and waits no second time
        data = b""
    request.environ[_BODY] = io.BytesIO(data)  # for the application, after an error
    if len(data) < size:
        return None
    return _OCSPAnswer(services.ocsp_responder.answer(data).der)


def _ocsp_by_address(services: PublicServices, request: Request, encoded: str) -> Response:
    return ocsp_response(services, request, decoded(encoded))


def _crl_as_pem(services: PublicServices, request: Request, name: str) -> Response:
    return crl_response(services, request, name, as_pem=True)


def _health(_services: PublicServices, _request: Request, _path: str) -> Response:
    return health_response()


def _readiness(services: PublicServices, _request: Request, _path: str) -> Response:
    return readiness_response(services)


def _static(app: Flask) -> _Route:
    folder = app.static_folder or ""

    def view(_services: PublicServices, request: Request, name: str) -> Response:
        return compress_file(send_from_directory(folder, name, request.environ), request)

    return _Route.of(_GET, "/static/<path:filename>", r"/static/([\w.-]+)", view)


_ROUTES: Final = (
    _Route.of(_POST, "/ocsp", r"/ocsp", _ocsp_by_body),
    _Route.of(_POST, "/ocsp/", r"/ocsp/", _ocsp_by_body),
    _Route.of(_GET, "/ocsp/<path:encoded>", r"/ocsp/([\w+=%-][\w+=%/-]*)", _ocsp_by_address),
    _Route.of(_GET, "/ca/<name>.crl", r"/ca/([\w-]+)\.crl", crl_response),
    _Route.of(_GET, "/ca/<name>.crl.pem", r"/ca/([\w-]+)\.crl\.pem", _crl_as_pem),
    _Route.of(_GET, "/ca/<name>", r"/ca/([\w-]+\.\w+)", file_response),
    _Route.of(_GET, "/ca/kit/<name>", r"/ca/kit/([\w.-]+)", kit_response),
    _Route.of(_GET, "/healthz", r"/healthz", _health),
    _Route.of(_GET, "/readyz", r"/readyz", _readiness),
)
