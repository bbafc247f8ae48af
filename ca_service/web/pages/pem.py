"""Knows how a request is written as PEM for a page."""

from __future__ import annotations

import base64
from textwrap import wrap


def request_pem(der: bytes) -> str:
    """The request as PEM (RFC 7468, 7), with LF and one final newline."""
    body = "\n".join(wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"
