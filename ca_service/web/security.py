"""Browser security: response headers, and the host names that the service answers to."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, request

from ca_service.errors import InvalidInput, Rule
from ca_service.web.context import options

HOST_UNKNOWN: Final = Rule(
    "host.unknown",
    "This service does not answer to the name {host}.",
    "Open it by its own name, or set web.base_url to the URL that you use.",
)

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # over HTTPS, forms are checked with it as well
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_HTTPS_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000"}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


def install(app: Flask) -> None:
    """Add the security headers to every response, and keep pages that need an account out of caches."""
    app.before_request(_require_known_host)
    app.after_request(_protect)


def _require_known_host() -> None:
    """Answer only to known host names.

    This prevents DNS rebinding, by which another page reaches a service on loopback. It also prevents a
    client from choosing the URL that this service prints as its own.
    """
    if not is_known_host(request.host, options().base_url):
        raise InvalidInput.because(HOST_UNKNOWN, host=_without_port(request.host)[:100])


def is_known_host(host: str, base_url: str) -> bool:
    """Return whether the service answers to this Host header."""
    found = _without_port(host)
    return found != "" and found in (*_LOOPBACK, _without_port(urlsplit(base_url).netloc))


def headers(*, is_secure: bool) -> dict[str, str]:
    """Return the security headers of every response, sent over HTTPS or not."""
    return _HEADERS | _HTTPS_HEADERS if is_secure else _HEADERS


def _without_port(host: str) -> str:
    """Return the name or address of a Host header. An IPv6 address keeps its brackets."""
    address, bracket, _ = host.lower().partition("]")
    return address + bracket if bracket else address.partition(":")[0]


def _protect(response: Response) -> Response:
    for name, value in headers(is_secure=request.is_secure).items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
