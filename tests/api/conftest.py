"""An installation for each test, copied from one that is made once; and accounts with tokens for it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import SCOPES, Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.people.tokens import TokenLimits
from ca_service.settings import Settings
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support.factories import OPERATOR, cheap_hasher
from tests.support.instances import write_ready
from tests.support.request_records import NOBODY_WAITS


@dataclass(frozen=True, slots=True)
class Made:
    """An installation that can be copied, with the tokens of an account of each role."""

    folder: Path
    tokens: dict[Role, str]


class _Silent(WSGIRequestHandler):
    """Keeps thousands of lines out of the report of a test that fails."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve the application on this machine for a while; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_MAY_LOOK_HERE: Final = {
    "CA_SERVICE_PROBE__NAMES": "127.0.0.1",
    "CA_SERVICE_PROBE__NETWORKS": "127.0.0.0/8",
    "CA_SERVICE_PROBE__API_PORTS": "",
}


def _settings(folder: Path) -> Settings:
    return settings_module.load(NOBODY_WAITS | _MAY_LOOK_HERE, folder).settings


def _open(folder: Path) -> Installation:
    return open_installation(_settings(folder), cheap_hasher())


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What every test copies."""
    folder = tmp_path_factory.mktemp("made") / "instance"
    write_ready(folder)
    installation = _open(folder)
    for role in Role:
        installation.accounts.create(OPERATOR, role.value, role, "four random words")
    everything = TokenLimits(tuple(SCOPES))
    tokens = {role: installation.tokens.create(OPERATOR, role.value, "test", 30, everything).secret for role in Role}
    return Made(folder, tokens)


@pytest.fixture
def installation(made: Made, tmp_path: Path) -> Installation:
    """An installation of this test alone."""
    return _open(_copy(made, tmp_path))


def _copy(made: Made, folder: Path) -> Path:
    return Path(shutil.copytree(made.folder, folder / "instance"))


def deciding(made: Made, folder: Path, rules: str, pause: Callable[[float], None]) -> Installation:
    """An installation of its own with these rules, in which waiting for a decision is `pause`."""
    path = _copy(made, folder)
    settings = settings_module.load({"CA_SERVICE_POLICY__RULES": rules} | _MAY_LOOK_HERE, path).settings
    opened = open_installation(settings, cheap_hasher())
    database = SQLiteDatabase(path / "ca.sqlite3")
    requests = Requests(
        SQLRequestStore(database),
        SQLLedger(database),
        opened.issuance,
        opened.completion,
        clock=opened.clock,
        pause=pause,
    )
    return replace(opened, requests=requests)


@pytest.fixture
def app(installation: Installation, tmp_path: Path) -> Flask:
    """The application over it."""
    return create_app(_settings(tmp_path / "instance"), installation)


@pytest.fixture
def token(made: Made) -> str:
    """The token of a requester."""
    return made.tokens[Role.REQUESTER]


@pytest.fixture
def client_of(app: Flask, made: Made) -> Callable[[Role], Client]:
    """Makes a client that sends the token of an account with this role."""

    def make(role: Role) -> Client:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.tokens[role]}"
        return client

    return make


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    """A client that sends the token of a requester."""
    return client_of(Role.REQUESTER)


@pytest.fixture(scope="module")
def steady_app(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application that many examples share."""
    folder = _copy(made, tmp_path_factory.mktemp("steady"))
    return create_app(_settings(folder), _open(folder))


@pytest.fixture(scope="module")
def steady_client(steady_app: Flask, made: Made) -> Client:
    """A client of a requester that many examples share."""
    client = steady_app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.tokens[Role.REQUESTER]}"
    return client
