"""One run of a command: the program, the console, the installation that it opens, and the actor."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ca_service.cli.console import Console
from ca_service.cli.interfaces import Program

if TYPE_CHECKING:
    from ca_service.authority.access.permissions import Actor
    from ca_service.authority.installation import Installation


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a command. `instance_path` is None if the settings name the folder."""

    program: Program
    console: Console
    instance_path: Path | None = None

    def opened(self) -> Installation:
        """Return the installation, with any version of its database. Its connections are closed after the command."""
        installation = self.program.open_installation(self.instance_path)
        click.get_current_context().find_root().call_on_close(installation.close)
        return installation

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
