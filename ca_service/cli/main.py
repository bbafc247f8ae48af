"""The `ca-service` command as a whole: its commands, its exit codes, and the report of every failure."""

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
from ca_service.cli.failures import MEANINGS, ExitCode
from ca_service.cli.grammar import FILE, LazyGroup
from ca_service.cli.interfaces import Program
from ca_service.cli.server import ServerOptions
from ca_service.cli.session import Session

# The summaries are here, and not only in the commands: `--help` imports none of these modules.
_SECTIONS: Final = {
    "Certificates": {
        "sign": "Sign CSRs: all of them, or none.",
        "check": "Check CSRs without signing them.",
        "fit": "Check whether a node will accept a certificate.",
        "requests": "Review and decide on requests.",
        "list": "List and search certificates.",
        "show": "Show a certificate.",
        "renew": "Renew the certificate of a TLS server or client with the same key.",
        "revoke": "Revoke certificates.",
        "release": "Release certificates from hold.",
    },
    "Clusters and nodes": {
        "cluster": "Manage clusters, their CSRs and their steps.",
        "node": "Put certificates on nodes.",
        "probe": "See which certificate the ports of a node present.",
        "lab-node": "Emulate Cisco nodes, for training and demonstrations.",
    },
    "Help with nodes": {
        "explain": "Explain error messages of nodes, tools and browsers.",
        "products": "Show what is known of Cisco's products.",
        "questions": "Answer frequent questions about certificates of nodes.",
        "matrix": "Show what agents see, by the signers of tomcat and tomcat-ECDSA.",
    },
    "Authority": {
        "init": "Create the database, the root and the intermediate.",
        "ca": "Manage the root and the intermediate.",
        "crl": "Manage certificate revocation lists (CRLs).",
        "trust-kit": "Write the files and steps with which clients trust the root.",
    },
    "People": {
        "user": "Manage accounts.",
        "token": "Manage API tokens.",
    },
    "Service": {
        "serve": "Serve the pages and the API until stopped.",
        "doctor": "Check the health of the installation.",
        "jobs": "Run the background jobs.",
        "notices": "Review and test expiry notices.",
        "audit": "Read, verify and export the audit log.",
        "config": "Show the settings.",
        "db": "Manage the database schema.",
        "completion": "Write the file that completes commands and options in a shell.",
    },
}
_NEIGHBOURS: Final = {
    "renew": "sign",
    "fit": "check",
    "matrix": "products",
    "questions": "explain",
    "lab-node": "lab",
    "show": "list",
    "release": "revoke",
    "init": "serve",
}
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


def run(program: Program) -> NoReturn:
    """Run the command with the arguments of this process, and exit."""
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal lacks must not stop a command
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    command.main(prog_name="ca-service", obj=program)


class CommandLine(LazyGroup):
    """The group of all commands. It reports every failure in one form and ends with its exit code."""

    def main(self, args: Any = None, prog_name: Any = None, *_: Any, obj: Any = None, **extra: Any) -> NoReturn:
        """Run one command with `obj`, a Program, and exit the process."""
        arguments = list(sys.argv[1:] if args is None else args)
        console = Console(arguments)
        extra |= {"standalone_mode": False, "obj": Session(obj, console)}
        try:
            code = super().main(arguments, prog_name, **extra)
        except (click.ClickException, click.Abort, Exception) as error:
            code = failures.report(console, error)
        sys.exit(int(code or ExitCode.OK))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises CAServiceError for a closed output, which click would hide."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # What is still in the buffer would fail again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise failures.output_closed() from error


@click.group(
    cls=CommandLine,
    name="ca-service",
    sections=_SECTIONS,
    neighbours=_NEIGHBOURS,
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
@click.option("--server", metavar="URL", envvar="CA_SERVICE_URL", help="Ask the API of this server.")
@click.option(
    "--token",
    default="",
    metavar="TOKEN",
    envvar="CA_SERVICE_TOKEN",
    help="Its token. The list of processes shows options: set CA_SERVICE_TOKEN, or use --token-file.",
)
@click.option(
    "--token-file",
    type=FILE,
    metavar="FILE",
    envvar="CA_SERVICE_TOKEN_FILE",
    help="File whose first line is the token.",
)
@click.option(
    "--ca-file",
    type=FILE,
    metavar="FILE",
    envvar="CA_SERVICE_CA_FILE",
    help="Root that the server's certificate needs.",
)
@click.option("--allow-http", is_flag=True, help="Send the token unencrypted, also to other machines.")
@click.option("--traceback", is_flag=True, expose_value=False, help="Show the traceback of an error, for a bug report.")
@click.version_option(__version__, prog_name="ca-service")
@click.pass_context
def command(ctx: click.Context, /, instance_path: Path | None, server: str | None, **options: Any) -> None:
    """A private certificate authority, EC from root to leaf, for Cisco VOS nodes.

    `init` creates the authority, `serve` starts the pages and the API, `sign` signs CSRs directly.
    Every command has --help for its options and --json for output to scripts. With --server, commands work from another
    computer, with the permissions of the token. Accounts and tokens are never managed with a token; user, token, db,
    config, init and serve are for the machine of the authority.
    """
    ctx.obj = replace(ctx.obj, instance_path=instance_path, server=ServerOptions(server or "", **options))
