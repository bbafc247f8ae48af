"""Knows what one run of the command works with: the doors, the console, and who is acting."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

import click

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.installation import Installation
from ca_service.cli.console import Console
from ca_service.cli.doors import Doors


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command. `instance_path` is None where the settings decide."""

    doors: Doors
    console: Console
    instance_path: Path | None = None

    def opened(self) -> Installation:
        """The installation, whatever the version of its database."""
        return self.doors.open_installation(self.instance_path)

    def ready(self) -> Installation:
        """The installation; raises NotReady unless its database is up to date."""
        installation = self.opened()
        installation.schema.require_current()
        return installation

    def upgraded(self) -> Installation:
        """The installation, its database brought up to date; raises NotReady for a newer one."""
        installation = self.opened()
        before, after = installation.schema.upgrade()
        if before != after:
            self.console.remark(f"Database upgraded from {before or 'nothing'} to {after}.")
        return installation


pass_session = click.make_pass_decorator(Session)


def operator() -> Actor:
    """Who is acting: whoever can read the keys of the installation may do everything with it.

    The name comes from the system, not from the environment, and has a colon, which no account has.
    """
    user = os.geteuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # containers run under numbers that have no name
        name = str(user)
    return Actor(None, f"cli:{name}", Role.ADMINISTRATOR, "command line")
