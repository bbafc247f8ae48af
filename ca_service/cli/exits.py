"""Exit codes: the only place where an error becomes one."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ca_service import errors
from ca_service.errors import CAServiceError


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
    ExitCode.UNREACHABLE: "unreachable: a node or another service does not respond",
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
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.ERROR)
