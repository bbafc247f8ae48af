"""Knows gunicorn: runs the application with it, without a configuration file."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication

from ca_service.errors import Conflict, Rule

SERVER_ADDRESS: Final = Rule(
    "server.address",
    "The service cannot listen on {host}, port {port}: {reason}.",
    "Stop what listens there, or choose another port: --port, server.port.",
)

_MAX_SILENCE_SECONDS: Final = 5
_LAST_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen, and with how many processes and threads; `does_jobs` as well as serve, see `_JobThread`."""

    host: str
    port: int
    workers: int
    threads: int
    does_jobs: bool = False


def serve(make_app: Callable[[], Flask], options: ServerOptions) -> None:
    """Serve until a signal ends it. Each worker makes its own application, and opens its own keys.

    Raises Conflict when something else listens there already.
    """
    _require_free(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _Server(make_app, options).run()


def _require_free(options: ServerOptions) -> None:
    """Bind once without sharing: with shared ports gunicorn would not notice, and its workers would die one by one."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise Conflict.because(
                SERVER_ADDRESS, host=options.host, port=options.port, reason=error.strerror or "unknown reason"
            ) from error


def _limit_waiting(_: Any, worker: Any) -> None:
    """Let no connection hold a thread by sending nothing: accepted sockets inherit this from the listener.

    It is set before the application is loaded, because connections are accepted from then on.
    """
    for listener in worker.sockets:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _MAX_SILENCE_SECONDS, 0))


class _JobThread:
    """Does the jobs beside a worker, in a thread of its own.

    Every worker has one, and the leases of the jobs see to it that each job is done by one of them: so there is
    nothing to elect, and nobody to watch, when a worker dies. A thread that has to end in the middle of a job leaves a
    lease that lapses.
    """

    def __init__(self, app: Flask) -> None:
        self._is_ending = threading.Event()
        jobs = app.extensions["ca_service"].installation.jobs
        self._thread = threading.Thread(target=jobs.loop, args=(self._is_ending.wait,), name="jobs", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop at once, unless a job is being done: that is given a few seconds."""
        self._is_ending.set()
        self._thread.join(_LAST_SECONDS)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, make_app: Callable[[], Flask], options: ServerOptions) -> None:
        self._make_app = make_app
        self._options = options
        self._jobs: _JobThread | None = None
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        values: dict[str, Any] = {
            "bind": f"{host}:{self._options.port}",
            "workers": self._options.workers,
            "worker_class": "gthread",
            "threads": self._options.threads,
            "reuse_port": True,  # a shared listener can hand everything to one worker
            "control_socket_disable": True,
            "preload_app": False,
            "timeout": 30,
            "graceful_timeout": 20,
            "keepalive": 5,
            "limit_request_line": 8190,  # a pasted message stands in the address, which can be passed on
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - gunicorn's heartbeat, an unlinked file
            "forwarded_allow_ips": "",  # X-Forwarded headers are ProxyFix's business
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "ca_service",
            "post_fork": _limit_waiting,
            "worker_exit": self._end_jobs,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = self._make_app()
        if self._options.does_jobs:
            self._jobs = _JobThread(app)
        return app

    def _end_jobs(self, _server: Any, _worker: Any) -> None:
        if self._jobs:
            self._jobs.end()
