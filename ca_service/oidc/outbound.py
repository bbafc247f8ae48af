"""Limits of requests to the provider: its own host only, limited time and size, no redirects."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

TIMEOUT: Final = (3.05, 5.0)  # seconds: to connect, and of silence
MAX_BYTES: Final = 512 * 1024


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, for comparison."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def confine(session: Session, issuer: str) -> None:
    """Limit the session to the host of the issuer. Any other URL is an error of requests."""
    session.adapters.clear()
    session.mount(f"{origin_of(issuer)}/", _Limited(max_retries=0))


class _Limited(HTTPAdapter):
    """An adapter with our limits of time and size."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send, and read the whole response. Raises ValueError if it is too large."""
        response = super().send(request, *arguments, **(options | {"timeout": TIMEOUT, "stream": True}))
        body = b""
        with closing(response):
            for piece in response.iter_content(64 * 1024):
                body += piece
                if len(body) > MAX_BYTES:
                    raise ValueError("the answer is too large")
        response._content = body  # as requests does without streaming
        return response
