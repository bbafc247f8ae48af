"""The program behind the `ca-service` command. Each function imports its part of the program when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ca_service.cli.interfaces import Program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from ca_service.authority.installation import Installation
    from ca_service.cli.interfaces import LabPorts, LabWish, Server
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


def _run_lab(wish: LabWish) -> AbstractContextManager[Sequence[LabPorts]]:
    from ca_service import clock
    from ca_service.lab.api import Fault
    from ca_service.lab.node import LabNode
    from ca_service.lab.serving import cluster

    made = [
        LabNode(
            host,
            wish.password,
            user=wish.user,
            now=clock.utc_now,
            stopwatch=clock.stopwatch,
            cert_type=wish.cert_type,
        )
        for host in wish.hosts
    ]
    return cluster(made, wish.port, tuple(map(Fault, wish.faults)), has_api=wish.has_api)


PROGRAM: Final = Program(_open_installation, _list_settings, _prepare_server, _run_lab)
