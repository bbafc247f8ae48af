"""The server: gunicorn runs the application, without a configuration file."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from ca_service.errors import Conflict, Rule
from ca_service.pki.names import bracketed
from ca_service.web.limits import Limits
from ca_service.web.log_lines import LogLines
from ca_service.web.worker import Worker

PORT_IN_USE: Final = Rule(
    "server.port-in-use",
    "Port {port} on {host} is in use by another program.",
    "Stop that program (`ss -ltnp 'sport = :{port}'` shows it), or use another port: --port, or server.port in the "
    "settings.",
    title="The port is in use",
)
ADDRESS_UNUSABLE: Final = Rule(
    "server.address",
    "The service cannot listen on {host}, port {port}: {reason}.",
    "Use another address or port: --host and --port, or server.host and server.port in the settings.",
    title="This address cannot be used",
)

_LAST_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The address to listen on, processes and threads, and the limits of connections in each process.

    `does_jobs` runs the background jobs too, see `_JobThread`.
    """

    host: str
    port: int
    workers: int
    threads: int
    does_jobs: bool = False
    limits: Limits = field(default_factory=Limits)


def serve(make_app: Callable[[], Flask], options: ServerOptions, announce: Callable[[], None] = lambda: None) -> None:
    """Serve until a signal ends it. Each worker makes its own application, and opens its own keys.

    Call `announce` once, as soon as the server listens, in the process of the first worker. Call `reserve` before.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", handlers=[LogLines()]
    )
    _Server(make_app, options, announce).run()


def reserve(host: str, port: int) -> socket.socket:
    """Reserve the port for the workers of this process and return the socket that holds it; it does not listen.

    The workers share the port, and gunicorn reports a port in use only after five seconds, worker by worker. So bind
    once without sharing, which fails if any other program uses the port, and then share it with the workers.

    Raises Conflict if the port is in use or cannot be used.
    """
    _bound(host, port, shared=False).close()
    return _bound(host, port, shared=True)


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # Two sockets with SO_REUSEADDR may bind one port while neither listens, so the one that is kept goes without it:
    # SO_REUSEPORT alone lets it share with the workers, and past connections of theirs.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shared else socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict.because(PORT_IN_USE, host=host, port=port) from error
        reason = error.strerror or type(error).__name__
        raise Conflict.because(ADDRESS_UNUSABLE, host=host, port=port, reason=reason) from error
    return found


class _JobThread:
    """The background jobs, in a thread beside each worker.

    Every worker has one. The lease of a job lets one thread at a time run it, so no leader is elected, and no worker
    that dies has to be noticed. A thread that ends in the middle of a job leaves a lease that expires.
    """

    def __init__(self, app: Flask) -> None:
        self._is_ending = threading.Event()
        jobs = app.extensions["ca_service"].installation.jobs
        self._thread = threading.Thread(target=jobs.loop, args=(self._is_ending.wait,), name="jobs", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop immediately, or a few seconds later if a job is running."""
        self._is_ending.set()
        self._thread.join(_LAST_SECONDS)


class _Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own lines: among ours, so that no thread of a worker waits for a log that is not read."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, make_app: Callable[[], Flask], options: ServerOptions, announce: Callable[[], None]) -> None:
        self.limits = options.limits  # the worker takes them from here
        self._make_app = make_app
        self._options = options
        self._announce = announce
        self._app: Flask | None = None
        self._jobs: _JobThread | None = None
        super().__init__()

    def load_config(self) -> None:
        values: dict[str, Any] = {
            "bind": f"{bracketed(self._options.host)}:{self._options.port}",
            "workers": self._options.workers,
            "worker_class": Worker,
            "threads": self._options.threads,
            "reuse_port": True,  # a shared listener can hand everything to one worker
            "control_socket_disable": True,
            "preload_app": False,
            "timeout": 30,
            "graceful_timeout": 20,
            "sendfile": False,  # it would wait for the client
            "limit_request_line": 8190,  # the address of a page can contain a pasted message, so that it can be shared
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - gunicorn's heartbeat, an unlinked file
            "forwarded_allow_ips": "",  # BehindProxies handles X-Forwarded headers
            "logger_class": _Log,
            "errorlog": None,
            "loglevel": "warning",
            "proc_name": "ca_service",
            "post_fork": self._begin_worker,
            "worker_exit": self._end_worker,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        self._app = self._make_app()
        if self._options.does_jobs:
            self._jobs = _JobThread(self._app)
        return self._app

    def _begin_worker(self, _server: Any, worker: Any) -> None:
        """Announce the server: its first worker listens now."""
        if worker.age == 1:  # gunicorn counts the workers that it starts, also those that replace another
            self._announce()

    def _end_worker(self, _server: Any, _worker: Any) -> None:
        if self._jobs:
            self._jobs.end()
        if self._app:
            self._app.extensions["ca_service"].installation.close()
