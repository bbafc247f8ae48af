"""One run of a command: the program, the console, the installation or the server that it asks, and the actor."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from ca_service.cli.console import Console
from ca_service.cli.interfaces import Program
from ca_service.cli.server import SERVER_MISSING, ServerOptions
from ca_service.errors import InvalidInput, Rule

if TYPE_CHECKING:
    from ca_service.authority.access.permissions import Actor
    from ca_service.authority.installation import Installation
    from ca_service.cli.api import API

COMMAND_LOCAL: Final = Rule(
    "command.local",
    "{command} does not work with --server.",
    "Run it on the machine of the authority, without --server and CA_SERVICE_URL: accounts and tokens are never "
    "managed with a token, and database, keys, settings and the service itself are on that machine.",
)

Answer = TypeVar("Answer")
_NOWHERE: Final = ServerOptions("")
_OPENED: Final = "ca_service.opened"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a command. `instance_path` is None if the settings name the folder.

    If `server` has an address, `ask` asks its API; everything else raises InvalidInput: it is for this machine.
    """

    _program: Program
    console: Console
    instance_path: Path | None = None
    server: ServerOptions = _NOWHERE

    def ask(
        self, here: Callable[[Installation], Answer], there: Callable[[API], Answer], *, needs_ready: bool = True
    ) -> Answer:
        """Return what the installation on this machine answers, or with a server what its API answers.

        Raises NotReady unless the database is up to date or the command does without; InvalidInput for a token without
        a server: its user does not expect the answer of this machine.
        """
        if self.server.is_token_alone:
            raise InvalidInput.because(SERVER_MISSING)
        if self.server.url:
            return there(self._api(self.server))
        return here(self.ready() if needs_ready else self.opened())

    @property
    def program(self) -> Program:
        """The program on this machine. Raises InvalidInput with a server."""
        self.require_local()
        return self._program

    def require_local(self, command: str = "") -> None:
        """Raise InvalidInput with a server: the command is for this machine."""
        if self.server.url:
            path = command or click.get_current_context().command_path
            raise InvalidInput.because(COMMAND_LOCAL, command=path)

    def require_private(self) -> None:
        """Raise InvalidInput if a password would travel to the server unencrypted."""
        if self.server.url:
            self.server.require_private()

    def opened(self) -> Installation:
        """Return the installation, with any version of its database. Its connections are closed after the command."""
        root = click.get_current_context().find_root()
        if _OPENED not in root.meta:
            root.meta[_OPENED] = installation = self.program.open_installation(self.instance_path)
            root.call_on_close(installation.close)
        found: Installation = root.meta[_OPENED]
        return found

    def _api(self, server: ServerOptions) -> API:
        from ca_service.cli.api import API

        root = click.get_current_context().find_root()
        if _OPENED not in root.meta:
            root.meta[_OPENED] = api = API(server)
            root.call_on_close(api.close)
        found: API = root.meta[_OPENED]
        return found

    def ready(self) -> Installation:
        """Return the installation. Raises NotReady unless its database is up to date."""
        installation = self.opened()
        installation.require_ready()
        return installation

    def upgraded(self) -> Installation:
        """Upgrade the database and return the installation. Raises NotReady if the database is newer."""
        installation = self.opened()
        before, after = self.upgrade(installation)
        if before != after:
            self.console.remark(f"Database upgraded from {before or 'nothing'} to {after}.")
        installation.identity.settle()
        return installation

    def upgrade(self, installation: Installation) -> tuple[str, str]:
        """Upgrade the database; return the versions before and after.

        Raises NotReady, with nothing created, if keys are here but the database is gone.
        """
        installation.identity.require_no_loss()
        return installation.schema.upgrade()


pass_session = click.make_pass_decorator(Session)


def operator() -> Actor:
    """Return the user of this process as an administrator: they can read the keys of the installation anyway.

    The name comes from the system, not from the environment, and contains a colon, which account names do not.
    """
    from ca_service.authority.access.permissions import Actor, Role

    user = os.geteuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # containers run under numbers that have no name
        name = str(user)
    return Actor(None, f"cli:{name}", Role.ADMINISTRATOR, "command line")
