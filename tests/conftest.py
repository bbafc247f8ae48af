"""What every test gets: no network but loopback, and what an installation is made of."""

from __future__ import annotations

import gc
import math
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import hypothesis
import pytest
from flask import Flask
from pytest_socket import socket_allow_hosts
from sqlalchemy import Connection, Engine, event

from ca_service import settings as settings_module
from ca_service.app import open_installation
from ca_service.authority.access.permissions import Actor
from ca_service.authority.installation import Installation
from ca_service.settings import Settings
from tests.support import instances, postgresql
from tests.support.compiled import CompiledRule, CompiledTemplates
from tests.support.factories import OPERATOR, PLAN, Lab, cheap_hasher
from tests.support.fakes import FixedClock
from tests.support.programs import Tool, find, missing
from tests.support.request_records import NOBODY_WAITS

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - pytest makes folders of its own below it
_ROOM: Final = 2 * 1024**3
_USUAL_SECONDS: Final = 120  # the timeout in pyproject.toml


def pytest_configure() -> None:
    """Put the folders of the tests into memory where that has room: every write of SQLite waits for the disk.

    Compile each template and each URL rule once for all applications of this process. Let an interrupt reach the
    programs that tests start, though a shell starts what it puts into the background without.
    """
    hypothesis.settings.register_profile("untimed", deadline=None)  # a machine under load is no fault of an example
    hypothesis.settings.load_profile("untimed")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}
    Flask.url_rule_class = CompiledRule


def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run at the same time: half as many again as cores, as tests wait for locks and programs."""
    return math.ceil(1.5 * len(os.sched_getaffinity(0)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that have more time than others, so that none of them runs alone at the end."""
    items.sort(key=_is_usual)


def _is_usual(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("timeout")
    return mark is None or mark.args[0] <= _USUAL_SECONDS


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep modules and collected tests out of garbage collection: they stay until the end, and are most of the heap.

    Look for garbage less often than Python does: an application has thousands of objects, none of them garbage.
    """
    gc.disable()
    result = yield
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()
    return result


def pytest_runtest_setup() -> None:
    """Keep every test away from the network."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session", autouse=True)
def opened_engines() -> Iterator[set[Engine]]:
    """Every engine that has opened a connection in this process and was not closed here yet."""
    engines: set[Engine] = set()

    def remember(connection: Connection) -> None:
        engines.add(connection.engine)

    event.listen(Engine, "engine_connect", remember)
    yield engines
    event.remove(Engine, "engine_connect", remember)


@pytest.fixture(autouse=True)
def closed_databases(opened_engines: set[Engine]) -> Iterator[None]:
    """Close the connections that a test opens beside the program: garbage that is open is a warning in Python 3.13."""
    yield
    for engine in opened_engines:
        engine.dispose()
    opened_engines.clear()


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still at noon."""
    return FixedClock()


@pytest.fixture
def operator() -> Actor:
    """Who acts at the command line."""
    return OPERATOR


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """The use cases on fakes, without an authority."""
    return Lab(clock=clock)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, with an instance folder of the test's own."""
    return settings_module.load(NOBODY_WAITS, tmp_path / "instance").settings


@pytest.fixture
def empty_installation(settings: Settings) -> Iterator[Installation]:
    """An installation on disk, before its first start."""
    installation = open_installation(settings, cheap_hasher())
    yield installation
    installation.close()


@pytest.fixture
def migrated_installation(settings: Settings, empty_installation: Installation) -> Installation:
    """An installation on disk without an authority."""
    if settings.database.url:
        empty_installation.schema.upgrade()
    else:
        instances.write_migrated(settings.instance_path)
    return empty_installation


@pytest.fixture
def installation(settings: Settings, empty_installation: Installation, operator: Actor) -> Installation:
    """An installation on disk that is ready to sign, with the real clock."""
    if settings.database.url:
        empty_installation.schema.upgrade()
        empty_installation.creation.initialise(operator, PLAN)
    else:
        instances.write_ready(settings.instance_path)
    return empty_installation


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server of this process; without one these tests are left out, unless all tests were asked for."""
    programs = postgresql.find_programs()
    if programs is None:
        missing("PostgreSQL is not installed: apt-get install postgresql")
    with postgresql.serving(programs) as server:
        server.make_template()
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: postgresql.Server) -> Iterator[str]:
    """A PostgreSQL database with the newest schema and nothing in it."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture
def empty_postgresql_url(postgresql_server: postgresql.Server) -> Iterator[str]:
    """A PostgreSQL database without tables."""
    with postgresql_server.database("template0") as url:
        yield url


@pytest.fixture
def openssl(tmp_path: Path) -> Tool:
    """OpenSSL, in the folder of the test."""
    return Tool(find("openssl"), tmp_path)


@pytest.fixture
def certtool(tmp_path: Path) -> Tool:
    """The certificate tool of GnuTLS, in the folder of the test."""
    return Tool(find("certtool"), tmp_path)


@pytest.fixture
def ocsptool(tmp_path: Path) -> Tool:
    """The OCSP tool of GnuTLS, in the folder of the test."""
    return Tool(find("ocsptool"), tmp_path)


@pytest.fixture
def keytool(tmp_path: Path) -> Tool:
    """The keystore tool of Java, in the folder of the test."""
    return Tool(find("keytool"), tmp_path)
