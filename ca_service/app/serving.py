"""Puts the web in front of an installation, and the server in front of the web; all declared rules, for its pages."""

from __future__ import annotations

import os
import pkgutil
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import ca_service
from ca_service import settings as settings_module
from ca_service.app.production import SESSION_KEY, open_installation, own_url
from ca_service.authority.installation import Installation
from ca_service.errors import CAServiceError, Rule
from ca_service.keystore.instance_files import make_session_key
from ca_service.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from ca_service.cli.interfaces import Server
    from ca_service.web.server import ServerOptions


_SCRIPTS = ("ca_service.storage.migrations.", "ca_service.__main__")  # these run when they are imported


def create_app(settings: Settings | None = None, installation: Installation | None = None) -> Flask:
    """Return the Flask application of an installation that is set up; raises NotReady if it is not."""
    from ca_service import web

    settings = settings or settings_module.load().settings
    installation = installation or open_installation(settings)
    try:
        installation.require_ready()
    except CAServiceError:
        installation.close()
        raise
    options = web.WebOptions(
        secret_key=_session_key(settings),
        base_url=settings.web.base_url,
        trusted_proxies=settings.web.trusted_proxies,
        proxy_networks=settings.web.proxies,
        session_lifetime=timedelta(hours=settings.web.session_hours),
        max_upload_bytes=settings.web.max_upload_kib * 1024,
        metrics_networks=settings.metrics.open_to,
        rules=declared_rules,
        threads=settings.server.threads,
        label=settings.web.label,
        colour=settings.web.colour,
    )
    return web.create(installation, options)


def _session_key(settings: Settings) -> str:
    """Return the key that signs session cookies: from the settings, or created once in the instance folder."""
    given = settings.web.secret_key.get_secret_value()
    if given:
        return given
    return make_session_key(settings.instance_path / SESSION_KEY)


def prepare_server(instance_path: Path | None, host: str | None, port: int | None) -> Server:
    """Return the server that the settings describe, with these two put above them; it does not run yet."""
    from ca_service.cli.interfaces import Server

    given = {"server.host": host, "server.port": port}
    options = {key: value for key, value in given.items() if value}
    settings = settings_module.load(instance_path=instance_path, options=options).settings
    return Server(
        own_url(settings), reserve=lambda: _reserve(settings), run=lambda announce: _serve(settings, announce)
    )


def _reserve(settings: Settings) -> AbstractContextManager[object]:
    from ca_service.web import server

    return server.reserve(settings.server.host, settings.server.port)


def _serve(settings: Settings, announce: Callable[[], None]) -> None:
    """Serve until stopped; the installation has been set up before.

    The web is imported here and not in each worker: the workers share its memory, and start sooner. A session key that
    cannot be used is an error of this command, not of each worker.
    """
    _session_key(settings)
    from ca_service import web  # noqa: F401
    from ca_service.web.server import serve

    serve(lambda: create_app(settings), server_options(settings), announce)


def server_options(settings: Settings) -> ServerOptions:
    """Return the options of the server that the settings and the limit of open files describe."""
    from ca_service.web.limits import Limits
    from ca_service.web.server import ServerOptions

    return ServerOptions(
        host=settings.server.host,
        port=settings.server.port,
        workers=settings.server.workers or min(os.cpu_count() or 1, 4),
        threads=settings.server.threads,
        does_jobs=settings.jobs.in_server,
        limits=Limits.of(
            settings.server.threads,
            settings.web.max_upload_kib * 1024,
            files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            is_behind_proxy=settings.web.trusted_proxies > 0,
        ),
    )


@cache
def declared_rules() -> Mapping[str, Rule]:
    """Return each rule by its id, in the order of the ids. The first call imports every module of the program."""
    names = (found.name for found in pkgutil.walk_packages(ca_service.__path__, "ca_service."))
    modules = [import_module(name) for name in names if not name.startswith(_SCRIPTS)]
    found = {rule.id: rule for module in modules for value in vars(module).values() for rule in _rules_of(value)}
    return MappingProxyType(dict(sorted(found.items())))


def _rules_of(value: object) -> Iterator[Rule]:
    """Yield the rule of a constant, or those of a table of rules."""
    values = value.values() if isinstance(value, dict) else (value,)
    return (each for each in values if isinstance(each, Rule))
