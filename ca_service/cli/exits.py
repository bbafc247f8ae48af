"""Knows the exit codes: the only place where an error becomes one."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ca_service import errors
from ca_service.errors import CAServiceError


class ExitCode(IntEnum):
    """How a command ends, for scripts."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PENDING = 3
    REFUSED = 4
    NOT_ALLOWED = 5
    UNREACHABLE = 6


MEANINGS: Final = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "error: not found, contradicts what is stored, not set up yet, or a fault here",
    ExitCode.USAGE: "usage: an option, an argument or an input file cannot be used",
    ExitCode.PENDING: "pending: somebody else has to act first, such as an external root",
    ExitCode.REFUSED: "refused: what was asked cannot be granted as it is",
    ExitCode.NOT_ALLOWED: "not allowed for who is asking",
    ExitCode.UNREACHABLE: "unreachable: a node or another service does not answer",
}

# What is not in here is an error as any other. The first class that fits counts.
_CODES: Final[dict[type[CAServiceError], ExitCode]] = {
    errors.Refused: ExitCode.REFUSED,
    errors.InvalidInput: ExitCode.USAGE,
    errors.NotAuthenticated: ExitCode.NOT_ALLOWED,
    errors.NotAllowed: ExitCode.NOT_ALLOWED,
    errors.Unreachable: ExitCode.UNREACHABLE,
}


def exit_code(error: CAServiceError) -> ExitCode:
    """The exit code for an error of ours."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.ERROR)
