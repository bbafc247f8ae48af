"""The access log: one line per request, with the route instead of the path, because paths can contain secrets."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

_log = logging.getLogger("ca_service.access")


def install(app: Flask) -> None:
    """Log method, route, status, duration, account and address of every request."""
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "(no route)"
    took = (time.perf_counter() - g.started) * 1000 if "started" in g else 0.0
    name = g.actor.name if "actor" in g else "-"
    _log.info("%s %s %s %.1f ms %s %s", request.method, rule, response.status_code, took, name, request.remote_addr)
    return response
