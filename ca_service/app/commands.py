"""The program behind the `ca-service` command. Each function imports its part of the program when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ca_service.cli.interfaces import Program

if TYPE_CHECKING:
    from ca_service.authority.installation import Installation
    from ca_service.cli.interfaces import Server
    from ca_service.settings import Setting


def _open_installation(path: Path | None) -> Installation:
    from ca_service import settings
    from ca_service.app.production import open_installation

    return open_installation(settings.load(instance_path=path).settings)


def _list_settings(path: Path | None) -> tuple[Setting, ...]:
    from ca_service import settings

    return settings.load(instance_path=path).listing()


def _prepare_server(path: Path | None, host: str | None, port: int | None) -> Server:
    from ca_service.app.serving import prepare_server

    return prepare_server(path, host, port)


PROGRAM: Final = Program(_open_installation, _list_settings, _prepare_server)
