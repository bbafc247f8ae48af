"""Failures of a command: every exception becomes an error that explains itself, with an exit code."""

from __future__ import annotations

import traceback
from enum import IntEnum
from typing import Final

import click

from ca_service import errors
from ca_service.cli.console import Console, as_text
from ca_service.errors import CAServiceError, InvalidInput, Rule
from ca_service.pki.visible_text import visible

OUTPUT_CLOSED: Final = Rule(
    "output.closed",
    "The output was closed before all of it was written.",
    "What was done stays done. Let the whole output be read, or write it to a file.",
)
USAGE: Final = Rule(
    "usage",
    "{message}",
    "`{command} --help` shows how it is used.",
)
COMMAND_FAILED: Final = Rule(
    "command.failed",
    "The command failed unexpectedly ({kind}).",
    "Run it again as `ca-service --traceback ...` and report the output.",
)
INTERRUPTED: Final = Rule(
    "interrupted",
    "The command was interrupted.",
    "Run it again: what was begun is finished then.",
)
SYSTEM_ERROR: Final = Rule(
    "system.error",
    "The operating system refused: {reason} ({path}).",
    "Check the folder and its permissions; `ca-service --instance PATH` chooses another one.",
)
SYSTEM_REFUSED: Final = Rule(
    "system.refused",
    "The operating system refused: {reason}.",
    "Run it again as `ca-service --traceback ...`: the output shows which call was refused.",
)


class ExitCode(IntEnum):
    """The exit code of a command."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PENDING = 3
    REFUSED = 4
    NOT_ALLOWED = 5
    UNREACHABLE = 6


MEANINGS: Final = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "error: not found, a conflict with stored data, not set up yet, or an internal error",
    ExitCode.USAGE: "usage: an option, an argument or an input file is not valid",
    ExitCode.PENDING: "pending: another party must act first, such as an external root",
    ExitCode.REFUSED: "refused: the request breaks a rule",
    ExitCode.NOT_ALLOWED: "not allowed for this user",
    ExitCode.UNREACHABLE: "unreachable: a node or another service does not respond, or the database is busy; try again",
}

# What is not in here is an error as any other. The first class that fits counts.
_CODES: Final[dict[type[CAServiceError], ExitCode]] = {
    errors.Refused: ExitCode.REFUSED,
    errors.InvalidInput: ExitCode.USAGE,
    errors.NotAuthenticated: ExitCode.NOT_ALLOWED,
    errors.NotAllowed: ExitCode.NOT_ALLOWED,
    errors.Busy: ExitCode.UNREACHABLE,
    errors.Unreachable: ExitCode.UNREACHABLE,
}


def exit_code(error: CAServiceError) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.ERROR)


def report(console: Console, error: BaseException) -> ExitCode:
    """Tell what went wrong, in the form that is wanted, and return how the command ends."""
    if console.wants_traceback:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help, in lines of its own
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    ours = _explained(error)
    if console.as_json:
        from ca_service.documents.findings import ErrorDocument  # a command that does not fail starts without it

        click.echo(as_text(ErrorDocument.of(ours.code, ours.title, ours.findings)), err=True)
    else:
        title = click.style(f"ca-service: {visible(ours.title)}", bold=True)
        click.echo("\n".join((title, *console.finding_lines(ours.findings))), err=True)
    return exit_code(ours)


def output_closed() -> CAServiceError:
    """End the command when the reader of the output, such as `head`, has closed it."""
    return CAServiceError.because(OUTPUT_CLOSED)


def _explained(error: BaseException) -> CAServiceError:
    if isinstance(error, CAServiceError):
        return error
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.Abort):
        return CAServiceError.because(INTERRUPTED)
    if isinstance(error, OSError):
        return _refused_by_system(error)
    return _unforeseen(error)


def _usage(error: click.UsageError) -> InvalidInput:
    command = error.ctx.command_path if error.ctx else "ca-service"
    return InvalidInput.because(USAGE, message=error.format_message(), command=command)


def _refused_by_system(error: OSError) -> CAServiceError:
    """Name the file, if there is one: a port or a connection has no folder whose permissions could be wrong."""
    reason = error.strerror or type(error).__name__
    if error.filename:
        return CAServiceError.because(SYSTEM_ERROR, reason=reason, path=error.filename)
    return CAServiceError.because(SYSTEM_REFUSED, reason=reason)


def _unforeseen(error: BaseException) -> CAServiceError:
    """Only the kind of the error is shown: its text may contain a secret."""
    return CAServiceError.because(COMMAND_FAILED, kind=f"{type(error).__module__}.{type(error).__qualname__}")
