"""A server for an installation on this machine, and the command that asks its API from a desk."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Final

from click.testing import Result
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import SCOPES, Role
from ca_service.authority.installation import Installation
from ca_service.authority.people.tokens import TokenLimits
from tests.cli.command_line import CommandLine
from tests.support.factories import OPERATOR, cheap_hasher
from tests.support.request_records import NOBODY_WAITS

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
PROBES_HERE: Final = {"CA_SERVICE_PROBE__NAMES": "localhost", "CA_SERVICE_PROBE__NETWORKS": "127.0.0.0/8,::1/128"}


class _Silent(WSGIRequestHandler):
    """Keeps the lines of the server out of a report."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def served(app: Flask, certificate: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve the application on the loopback address; give its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent, ssl_context=certificate)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Desk:
    """The same command on the machine (`here`) and from a desk (`there`), and the installation of both."""

    here: CommandLine
    there: CommandLine
    installation: Installation

    def both(self, *arguments: str | Path, data: bytes = b"") -> Result:
        """Call it in both places, as text and as JSON, and return the text; fails the test unless they agree."""
        for more in ((), ("--json",)):
            results = [one(*arguments, *more, data=data) for one in (self.here, self.there)]
            here, there = map(_comparable, results)
            assert here == there
        return self.there(*arguments, data=data)


def _comparable(result: Result) -> tuple[int, Any, Any]:
    return result.exit_code, _plain(result.stdout), _plain(result.stderr)


def _plain(text: str) -> Any:
    """Return the text, or its JSON without the links, which only a server has."""
    text = _MOMENT.sub(_unless_now, text)
    try:
        return _without_links(json.loads(text))
    except ValueError:
        return text


def _unless_now(found: re.Match[str]) -> str:
    """Return the moment, unless it is that of the call: a second may begin between the two."""
    is_now = abs(datetime.now(UTC) - datetime.fromisoformat(found[0])) < timedelta(minutes=1)
    return "now" if is_now else found[0]


def _without_links(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_links(each) for name, each in value.items() if name != "links"}
    return [_without_links(each) for each in value] if isinstance(value, list) else value


def token_of(installation: Installation, role: Role) -> str:
    """Return a token of a new account with this role, which may do all that the role may."""
    name = f"{role.value}-at-a-desk"
    installation.accounts.create(OPERATOR, name, role, "four random words")
    return installation.tokens.create(OPERATOR, name, "desk", 30, TokenLimits(tuple(SCOPES))).secret


def signed(at: Desk, csr: Path, *options: str) -> str:
    """Sign from the desk; return the serial number."""
    [made] = at.there.answer("sign", csr, "--out", "signed.zip", "--force", *options)["certificates"]
    return str(made["serial_number"])


@contextmanager
def desk(folder: Path, nowhere: Path, environ: Mapping[str, str] = NOBODY_WAITS | PROBES_HERE) -> Iterator[Desk]:
    """Serve the instance in this folder to an administrator at a desk, who has no instance."""
    settings = settings_module.load(environ, folder).settings
    installation = open_installation(settings, cheap_hasher())
    token = token_of(installation, Role.ADMINISTRATOR)
    with served(create_app(settings, installation)) as port:
        variables = {"CA_SERVICE_URL": f"http://127.0.0.1:{port}", "CA_SERVICE_TOKEN": token}
        yield Desk(CommandLine(folder, environ), CommandLine(nowhere, variables=variables), installation)
    installation.close()
