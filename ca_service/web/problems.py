"""Errors over HTTP: RFC 9457 problems for scripts, error pages for people.

The only module that turns an error into an HTTP status. Unexpected errors become 500 with a number; their details are
only in the log, beside that number.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from flask import Flask, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from ca_service import errors
from ca_service.documents.findings import ProblemDocument
from ca_service.errors import CAServiceError, Finding, Rule
from ca_service.web.auth import API_PREFIX
from ca_service.web.i18n import translate

FORM_EXPIRED: Final = Rule(
    "form.expired",
    "The form was open for too long, or came from elsewhere, so it was not used. Nothing was changed.",
    "Open the page again and send the form once more.",
)
INTERNAL: Final = Rule(
    "internal",
    "Something went wrong on the server. Nothing was issued.",
    "Try again. If it happens again, give the operator the number {number}, which is in the log.",
)

HTTP_BAD_REQUEST: Final = Rule(
    "http.bad-request",
    "The request is not valid.",
    "Go back and try again.",
)
HTTP_NOT_FOUND: Final = Rule(
    "http.not-found",
    "There is no such page or resource.",
    "Check the address.",
)
HTTP_METHOD: Final = Rule(
    "http.method",
    "This address does not accept {method}.",
    "The API page shows which methods it accepts.",
)
HTTP_TOO_LARGE: Final = Rule(
    "http.too-large",
    "The request is larger than allowed.",
    "Upload only the .csr files, or fewer at a time.",
)
HTTP_MEDIA_TYPE: Final = Rule(
    "http.media-type",
    "This content type is not supported.",
    "The API page shows the supported types.",
)
HTTP_OTHER: Final = Rule(
    "http.other",
    "{name}.",
    "Go back and try again.",
)

PROBLEM_TYPE: Final = "application/problem+json"


class NotAcceptable(errors.InvalidInput):
    """None of the requested formats is available."""

    code = "not-acceptable"
    title = "Not in that form"


class UnsupportedMediaType(errors.InvalidInput):
    """The media type of the request is not supported."""

    code = "unsupported-media-type"
    title = "Not understood in that form"


# Those that are a kind of another one stand before it.
STATUS: Final[dict[type[CAServiceError], int]] = {
    NotAcceptable: 406,
    UnsupportedMediaType: 415,
    errors.Refused: 422,
    errors.TooLarge: 413,
    errors.InvalidInput: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooManyAttempts: 429,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.Unreachable: 502,
    errors.NotReady: 503,
    errors.KeystoreError: 503,  # the operator puts a file back or its mode right; nothing is lost
    errors.Interrupted: 504,
}
_HTTP_RULES: Final = {
    400: HTTP_BAD_REQUEST,
    404: HTTP_NOT_FOUND,
    405: HTTP_METHOD,
    413: HTTP_TOO_LARGE,
    415: HTTP_MEDIA_TYPE,
}
_MAX_DRAINED: Final = 8 * 1024 * 1024
_log = logging.getLogger("ca_service.web")


def install(app: Flask) -> None:
    """Answer every error of the application."""
    app.register_error_handler(CAServiceError, _ours)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def status_of(error: CAServiceError) -> int:
    """Return the HTTP status of an error; 500 for a fault of the service itself."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def problem_of(error: CAServiceError) -> ProblemDocument:
    """Describe an error that ends an answer which has begun."""
    status, findings = status_of(error), findings_of(error)
    if status == 500:
        return ProblemDocument.at(status, "internal", "Something went wrong", findings)
    return ProblemDocument.at(status, error.code, error.title, findings)


def findings_of(error: CAServiceError) -> tuple[Finding, ...]:
    """Return the findings of an error for a page of its own; a fault of the service itself is in the log alone."""
    if status_of(error) != 500:
        return errors.public_findings(error.findings)
    number = secrets.token_hex(4)
    _log.error("error %s: %s %s", number, type(error).__name__, error.rule, exc_info=error)
    return (INTERNAL.at(number=number),)


def waiting_headers(error: CAServiceError) -> dict[str, str]:
    """Return Retry-After, in seconds (RFC 9110, 10.2.3), for an error that a later attempt may not have."""
    if isinstance(error, (errors.TooManyAttempts, errors.Busy)):
        return {"Retry-After": str(error.findings[0].values["seconds"])}
    return {}


def refused_page(error: errors.NotAuthenticated, page: str) -> ResponseReturnValue:
    """Return the page of a failed sign-in with its status, and the time to wait."""
    return page, status_of(error), waiting_headers(error)


def _ours(error: CAServiceError) -> ResponseReturnValue:
    status = status_of(error)
    if status == 500:
        return _unforeseen(error)
    findings = errors.public_findings(error.findings)
    if findings != error.findings:
        cause = error.__cause__
        is_perhaps_ours = isinstance(cause, errors.ROW_ERRORS)  # then the log shows the place in the code
        _log.error("not ready: %s", error, exc_info=cause if is_perhaps_ours else None)
    response = _answer(status, error.code, error.title, findings)
    response.headers.update(waiting_headers(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="ca_service"'
    return response


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if error.response is not None or status < 400:
        return error
    if isinstance(error, RequestEntityTooLarge):
        _drain()
    rule = _HTTP_RULES.get(status, HTTP_OTHER)
    response = _answer(status, rule.id, error.name, [rule.at(method=request.method, name=error.name)])
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def _drain() -> None:
    """Read what was refused for its size, up to a cap: a client that still sends would see no answer."""
    left = _MAX_DRAINED
    try:
        stream = request.stream  # it knows what the form parser has read: no byte is waited for that cannot come
    except RequestEntityTooLarge:
        stream = get_input_stream(request.environ)  # refused by its length alone
    with suppress(OSError, HTTPException):  # the client is too slow, or has gone
        while left > 0 and (piece := stream.read(min(left, 64 * 1024))):
            left -= len(piece)


def _csrf(_error: CSRFError) -> ResponseReturnValue:
    finding = FORM_EXPIRED.at()
    return _answer(400, "form-expired", "Please send the form again", [finding])


def _unforeseen(error: Exception) -> ResponseReturnValue:
    number = secrets.token_hex(4)
    rule = error.rule if isinstance(error, CAServiceError) else "-"
    _log.error("error %s: %s %s (%s)", number, type(error).__name__, rule, request.endpoint, exc_info=error)
    finding = INTERNAL.at(number=number)
    return _answer(500, "internal", "Something went wrong", [finding])


def _answer(status: int, code: str, title: str, findings: Sequence[Finding]) -> Response:
    if request.path.startswith(API_PREFIX):
        document = ProblemDocument.at(status, code, title, findings)
        return Response(document.model_dump_json(), status, content_type=PROBLEM_TYPE)
    page = render_template("error.html", title=translate(title), findings=findings)
    return Response(page, status, content_type="text/html; charset=utf-8")
