"""Knows the command as a whole: its commands, its exit codes, and that no failure shows a traceback."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import click

from ca_service import __version__
from ca_service.cli import failures
from ca_service.cli.console import Console
from ca_service.cli.doors import Doors
from ca_service.cli.exits import MEANINGS, ExitCode
from ca_service.cli.grammar import LazyGroup
from ca_service.cli.session import Session

_COMMANDS: Final = (
    "init",
    "serve",
    "sign",
    "requests",
    "renew",
    "check",
    "fit",
    "show",
    "list",
    "revoke",
    "release",
    "ca",
    "crl",
    "user",
    "token",
    "audit",
    "notices",
    "jobs",
    "config",
    "db",
    "doctor",
)
_EPILOG: Final = "\n".join(
    (
        "\b",
        "Exit codes:",
        *(f"  {code.value}  {meaning}" for code, meaning in MEANINGS.items()),
        "",
        "\b",
        "Example:",
        "  ca-service init --name 'Example Lab'",
        "  ca-service sign tomcat-ECDSA.csr",
    )
)


def run(doors: Doors) -> NoReturn:
    """The process that `ca-service` is."""
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal lacks must not stop a command
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    command.main(prog_name="ca-service", obj=doors)


class CommandLine(LazyGroup):
    """The group of all commands, which tells every failure in one form and ends with its exit code."""

    def main(self, args: Any = None, prog_name: Any = None, *_: Any, obj: Any = None, **extra: Any) -> NoReturn:
        """Run one command, whose doors are `obj`, and leave the process."""
        arguments = list(sys.argv[1:] if args is None else args)
        console = Console(arguments)
        extra |= {"standalone_mode": False, "obj": Session(obj, console)}
        try:
            code = super().main(arguments, prog_name, **extra)
        except (click.ClickException, click.Abort, Exception) as error:
            code = failures.report(console, error)
        sys.exit(int(code or ExitCode.OK))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader who has gone is told before click hides it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # What is still in the buffer would fail again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise failures.output_closed() from error


@click.group(
    cls=CommandLine,
    name="ca-service",
    modules=_COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--instance",
    "instance_path",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Folder of the installation.  [default: CA_SERVICE_INSTANCE_PATH, or ./instance]",
)
@click.option("--traceback", is_flag=True, expose_value=False, help="Show where a fault arose, for a report of it.")
@click.version_option(__version__, prog_name="ca-service")
@click.pass_context
def command(ctx: click.Context, instance_path: Path | None) -> None:
    """A private certificate authority, EC from root to leaf, for Cisco VOS nodes.

    `init` creates the authority, `serve` offers it on the network, `sign` answers requests here and
    now. Every command explains itself with --help and speaks JSON with --json.
    """
    ctx.obj = replace(ctx.obj, instance_path=instance_path)
