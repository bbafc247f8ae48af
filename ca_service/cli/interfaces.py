"""The interface between the commands and the rest of the program: an installation, its settings, a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ca_service.authority.installation import Installation


class Setting(Protocol):
    """One setting with the source that set it. Secrets are masked."""

    @property
    def key(self) -> str:
        """Return its name, such as `server.port`."""

    @property
    def value(self) -> str:
        """Return its value as text."""

    @property
    def origin(self) -> str:
        """Return the source of the value."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server with valid settings that does not listen yet. `url` is its address for people, without a final slash.

    `reserve` keeps the port for this process; it raises Conflict if the port is in use or cannot be used. `run` serves
    until a signal ends it, and calls its argument once, as soon as the server listens.
    """

    url: str
    reserve: Callable[[], AbstractContextManager[object]]
    run: Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class LabWish:
    """The wanted emulated nodes.

    `port` is the first of three for each node, or 0 for free ones. `cert_type` is that of the switch, or empty.
    """

    hosts: tuple[str, ...]
    password: str
    user: str
    port: int
    faults: tuple[str, ...]
    has_api: bool
    cert_type: str


class LabPorts(Protocol):
    """The ports of an emulated node."""

    @property
    def api(self) -> int:
        """Return the port of its API; 0 without one."""

    @property
    def served(self) -> int:
        """Return the port that presents its certificates."""

    @property
    def console(self) -> int:
        """Return the port of its command line."""


@dataclass(frozen=True, slots=True)
class Program:
    """The parts of the program that commands need. A command calls only what it needs: each call takes time.

    The path is the instance folder; None means the one in the settings. `prepare_server` also takes host and port; None
    means those in the settings. All raise ConfigurationError.
    """

    open_installation: Callable[[Path | None], Installation]
    list_settings: Callable[[Path | None], Sequence[Setting]]
    prepare_server: Callable[[Path | None, str | None, int | None], Server]
    run_lab: Callable[[LabWish], AbstractContextManager[Sequence[LabPorts]]]
