"""Instances that are written from memory: one is made in each process, because a migration takes longer than a test."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509

from ca_service import clock
from ca_service import settings as settings_module
from ca_service.app import open_installation
from ca_service.app.composition import Randomness, Time, compose
from ca_service.app.production import edges_of
from ca_service.authority.installation import Installation
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.ports import Clock
from ca_service.settings import Settings
from tests.support.factories import OPERATOR, PLAN, cheap_hasher

_DATABASE: Final = Path("ca.sqlite3")
#: Of each file, its mode and its content.
_Files = Mapping[Path, tuple[int, bytes]]


def write_database(path: Path) -> None:
    """Write an SQLite database with the newest schema and nothing in it."""
    _write(path.parent, {Path(path.name): _migrated()[_DATABASE]})


def write_migrated(folder: Path) -> None:
    """Write the instance folder of an installation whose database is empty, without an authority."""
    _write(folder, _migrated())


def write_ready(folder: Path) -> None:
    """Write the instance folder of an installation that is ready to sign."""
    _write(folder, _ready())


def opened_at(settings: Settings, now: Clock) -> Installation:
    """Open the installation of these settings, with this clock."""
    edges = edges_of(settings, Passwords(cheap_hasher()))
    return compose(edges, Time(now, clock.pause, clock.stopwatch), Randomness(x509.random_serial_number, random.random))


@cache
def _migrated() -> _Files:
    return _made({}, lambda installation: installation.schema.upgrade())


@cache
def _ready() -> _Files:
    return _made(_migrated(), lambda installation: installation.creation.initialise(OPERATOR, PLAN))


def _made(begun: _Files, step: Callable[[Installation], object]) -> _Files:
    """Return the files of an instance that had these, after this step."""
    with TemporaryDirectory(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")) as place:
        folder = Path(place) / "instance"
        _write(folder, begun)
        installation = open_installation(settings_module.load({}, folder).settings, cheap_hasher())
        step(installation)
        installation.close()
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder): (path.stat().st_mode & 0o777, path.read_bytes()) for path in files}


def _write(folder: Path, files: _Files) -> None:
    for name, (mode, data) in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode)
        path.write_bytes(data)
