"""gzip for pages, style sheets and scripts. Their secrets, the tokens of forms, are masked: see security.py.

Answers of the API, downloads and streams are sent as they are.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import Final

import flask
from flask import Flask
from werkzeug import Request, Response

_PAGE: Final = "text/html"
_FILES: Final = frozenset({"text/css", "text/javascript", "application/javascript"})
_WITHOUT_WHOLE_BODY: Final = frozenset({204, 206, 304})
_LEAST_BYTES: Final = 500
_LEVEL: Final = 5  # higher ones take twice the time for a tenth less


def install(app: Flask) -> None:
    """Compress the pages for clients that ask for it."""
    app.after_request(_compress)


def compress_file(response: Response, request: Request) -> Response:
    """Compress a style sheet or script, once in each process."""
    if response.mimetype in _FILES and _is_wanted(response, request):
        response.direct_passthrough = False
        _put(response, _compressed_file(response.get_data()))
        etag, _ = response.get_etag()
        if etag:
            response.set_etag(etag, weak=True)  # the same content, not the same bytes
    return response


def _compress(response: flask.Response) -> flask.Response:
    if flask.request.endpoint == "static":
        compress_file(response, flask.request)
        return response
    if response.mimetype != _PAGE or response.is_streamed or not _is_wanted(response, flask.request):
        return response
    data = response.get_data()
    if len(data) >= _LEAST_BYTES:
        _put(response, gzip.compress(data, _LEVEL, mtime=0))
    return response


def _is_wanted(response: Response, request: Request) -> bool:
    """Return whether to compress, and tell caches that it depends on the request."""
    response.vary.add("Accept-Encoding")
    return response.status_code not in _WITHOUT_WHOLE_BODY and request.accept_encodings.quality("gzip") > 0


def _put(response: Response, data: bytes) -> None:
    response.set_data(data)
    response.headers["Content-Encoding"] = "gzip"


@lru_cache(maxsize=32)
def _compressed_file(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
