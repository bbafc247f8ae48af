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


def write(method: str, rule: str, status: int, started: float, client: tuple[str, str | None]) -> None:
    """Write the line of one request; `client` is the name of its account and its address."""
    took = (time.perf_counter() - started) * 1000 if started else 0.0
    _log.info("%s %s %s %.1f ms %s %s", method, rule, status, took, *client)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "(no route)"
    name = g.actor.name if "actor" in g else "-"
    write(request.method, rule, response.status_code, g.get("started", 0.0), (name, request.remote_addr))
    return response
