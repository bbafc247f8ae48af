"""Knows what the command is handed by `app.py`: how to come by an installation, its settings, a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ca_service.authority.installation import Installation


class Setting(Protocol):
    """One setting, with the source that had the last word; secrets are masked."""

    @property
    def key(self) -> str:
        """Its name, such as `server.port`."""

    @property
    def value(self) -> str:
        """Its value, for a reader."""

    @property
    def origin(self) -> str:
        """Where the value comes from."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose settings are good, but which does not listen yet.

    `url` is where people reach it, without a slash at the end. `run` serves until it is stopped.
    """

    url: str
    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the commands need; each is called only by a command that needs it, as each takes time.

    The path is that of the instance folder, None for the one in the settings. `prepare_server` also
    takes host and port, None for those in the settings. All raise ConfigurationError.
    """

    open_installation: Callable[[Path | None], Installation]
    list_settings: Callable[[Path | None], Sequence[Setting]]
    prepare_server: Callable[[Path | None, str | None, int | None], Server]
