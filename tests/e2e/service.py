"""A server for an installation on a free loopback port, in a thread of the test process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Final

from werkzeug.serving import make_server

from ca_service import clock
from ca_service import settings as settings_module
from ca_service.app import create_app
from ca_service.authority.installation import Installation
from tests.support.instances import opened_at, write_ready
from tests.support.request_records import NOBODY_WAITS

NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})


class MovingClock:
    """The clock of the machine, set forward by a test."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        """The time."""
        return clock.utc_now() + self.ahead


@dataclass(frozen=True, slots=True)
class Service:
    """An installation that is served, and its clock."""

    installation: Installation
    url: str
    clock: MovingClock

    def set_up_url(self) -> str:
        """The one-time link for the first administrator."""
        return f"{self.url}/setup/{self.installation.accounts.make_setup_link()}"


@contextmanager
def serving(folder: Path, environ: Mapping[str, str] = NOBODY_WAITS) -> Iterator[Service]:
    """Serve a new installation in this folder, with the settings of this environment, until the end of the block."""
    settings = settings_module.load(environ, folder / "instance").settings
    write_ready(settings.instance_path)
    now = MovingClock()
    installation = opened_at(settings, now)
    server = make_server("127.0.0.1", 0, create_app(settings, installation), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Service(installation, f"http://127.0.0.1:{server.port}", now)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
