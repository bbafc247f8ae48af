"""The application over an installation, and people in front of it.

The installation is made once, with an account of each role that is called after it, and copied for
each test. The session cookies are made once as well: they are good for every copy.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from ca_service import settings as settings_module
from ca_service import web
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.settings import Settings
from ca_service.storage.database import Database
from ca_service.storage.schema import session
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support.factories import OPERATOR, PASSWORD, Lab, cheap_hasher
from tests.support.instances import write_ready
from tests.support.request_records import NOBODY_WAITS
from tests.web.visitor import Visitor, carried_to, cookie_of, sign_in, visit


@dataclass(frozen=True, slots=True)
class Made:
    """An installation that is copied, and the cookies of those who have signed in there."""

    folder: Path
    cookies: dict[Role, str]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Prepare the installation that every test copies."""
    settings = settings_module.load(NOBODY_WAITS, tmp_path_factory.mktemp("made") / "instance").settings
    write_ready(settings.instance_path)
    installation = open_installation(settings, cheap_hasher())
    app = create_app(settings, installation)
    for role in Role:
        installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
    cookies = {role: cookie_of(sign_in(app, role)) for role in Role}
    return Made(settings.instance_path, cookies)


def _stay_fresh(database: Database) -> None:
    """Prevent re-authentication: the copied sessions may be older than that allows."""
    with database.write() as connection:
        connection.execute(update(session).values(confirmed_at=datetime.now(UTC) + timedelta(minutes=4)))


@pytest.fixture
def installation(made: Made, settings: Settings) -> Installation:
    """Return an installation for one test."""
    return copied(made, settings)


def copied(made: Made, settings: Settings) -> Installation:
    """Return a copy of the installation, with these settings, whose sessions need no re-authentication."""
    shutil.copytree(made.folder, settings.instance_path)
    database = SQLiteDatabase(settings.instance_path / "ca.sqlite3")
    _stay_fresh(database)
    database.close()
    return open_installation(settings, cheap_hasher())


@pytest.fixture
def app(settings: Settings, installation: Installation) -> Flask:
    """Return the application of the installation."""
    return create_app(settings, installation)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Return a visitor who has not signed in."""
    return visit(app)


@pytest.fixture
def signed_in(app: Flask, made: Made) -> Callable[[Role], Visitor]:
    """Return a function that signs in a visitor of a role."""
    return lambda role: carried_to(app, made.cookies[role])


@pytest.fixture
def requester(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a signed-in requester."""
    return signed_in(Role.REQUESTER)


@pytest.fixture(scope="module")
def steady_app(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return an application shared by many examples."""
    settings = settings_module.load(NOBODY_WAITS, tmp_path_factory.mktemp("steady") / "instance").settings
    return create_app(settings, copied(made, settings))


@pytest.fixture(scope="module")
def steady(steady_app: Flask, made: Made) -> Visitor:
    """Return a requester of the shared application."""
    return carried_to(steady_app, made.cookies[Role.REQUESTER])


@pytest.fixture
def lab_installation(lab: Lab) -> Installation:
    """Return an installation on fakes with a clock set by the test."""
    return lab.initialised()


@pytest.fixture
def lab_app(lab_installation: Installation) -> Flask:
    """Return the application of the installation."""
    options = web.WebOptions(secret_key="x" * 32, session_lifetime=timedelta(days=1000))
    return web.create(lab_installation, options)
