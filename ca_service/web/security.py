"""Browser security: response headers, the host names that the service answers to, and the tokens of forms.

Tokens are those of Flask-WTF, masked anew in each answer, because answers are compressed: the length of a compressed
page tells whether a text that a stranger has chosen is like a secret on it (BREACH). A token under a fresh mask is
never the same text twice.
"""

from __future__ import annotations

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf

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


class MaskedCSRF(CSRFProtect):  # type: ignore[misc]  # Flask-WTF has no types
    """The protection of Flask-WTF. Forms carry the token under a mask; within one answer it is the same."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.jinja_env.globals["csrf_token"] = _masked_token
        app.context_processor(lambda: {"csrf_token": _masked_token})

    def _get_csrf_token(self) -> str:
        return unmask(super()._get_csrf_token() or "")


def _masked_token() -> str:
    found: Any = g.get("masked_csrf_token")
    if found is None:
        found = g.masked_csrf_token = mask(generate_csrf())
    return str(found)


def mask(token: str) -> str:
    """Return the token under a mask, with the mask in front, in base64url."""
    plain = token.encode()
    key = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(key + _either(key, plain)).decode()


def unmask(masked: str) -> str:
    """Return the token; empty if this is none under a mask."""
    try:
        data = urlsafe_b64decode(masked)
        half = len(data) // 2
        return _either(data[:half], data[half : 2 * half]).decode()
    except (binascii.Error, ValueError):
        return ""


def _either(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
