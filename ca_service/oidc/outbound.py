"""Knows how the provider is asked: only it, for a limited time, for an answer of limited size, without redirects."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

TIMEOUT: Final = (3.05, 5.0)  # seconds: to connect, and of silence
MAX_BYTES: Final = 512 * 1024


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as they are compared."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def confine(session: Session, issuer: str) -> None:
    """Let the session speak to the issuer's own host and to no other; anything else is an error of requests."""
    session.adapters.clear()
    session.mount(f"{origin_of(issuer)}/", _Limited(max_retries=0))


class _Limited(HTTPAdapter):
    """Sends with our time limit, and reads no more than our size limit."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send, and read the whole answer; raises ValueError for one that is too large."""
        response = super().send(request, *arguments, **(options | {"timeout": TIMEOUT, "stream": True}))
        body = b""
        with closing(response):
            for piece in response.iter_content(64 * 1024):
                body += piece
                if len(body) > MAX_BYTES:
                    raise ValueError("the answer is too large")
        response._content = body  # as requests itself does where it does not stream
        return response
