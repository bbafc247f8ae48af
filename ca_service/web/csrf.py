"""Forged forms: the tokens of Flask-WTF, masked anew in each answer, because answers are compressed.

The length of a compressed page tells whether a text that a stranger has chosen is like a secret on it (BREACH). A
token under a fresh mask is never the same text twice.
"""

from __future__ import annotations

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from flask import Flask, g
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf


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
