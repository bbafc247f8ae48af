"""The answers of a fit check: question by question, at the upload and afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ca_service.errors import Finding

#: The check of what only strict clients refuse: its findings are warnings, but the certificate does not quite fit.
STRICT_CLIENTS: Final = "strict clients"


class Stage(StrEnum):
    """The time at which a fault shows."""

    UPLOAD = "upload"  # the node refuses the file, or ignores it
    USE = "use"  # the node accepts it, and something breaks later


class Result(StrEnum):
    """The result of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the certificate. `finding` says what is wrong, or what a reader should know.

    `node_message` is what the node says if the check fails, word for word, where Cisco prints it. A check that could
    not be made has `is_made` unset, and its finding says what was missing.
    """

    topic: str
    stage: Stage
    finding: Finding | None = None
    node_message: str = ""
    is_made: bool = True

    @property
    def result(self) -> Result:
        """The result: a check fails if its finding is an error."""
        if not self.is_made:
            return Result.NOT_CHECKED
        return Result.FAILED if self.finding and self.finding.is_error else Result.PASSED

    @property
    def message(self) -> str:
        """The message of the node; empty unless the check has failed."""
        return self.node_message if self.result is Result.FAILED else ""


@dataclass(frozen=True, slots=True)
class Fit:
    """All checks of one certificate: those of the upload first, each in the order in which a node makes them."""

    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, in the order of the checks."""
        return tuple(check.finding for check in self.checks if check.finding)

    @property
    def is_taken(self) -> bool:
        """Whether the node would accept the files."""
        return not self._blocked(Stage.UPLOAD)

    @property
    def works(self) -> bool:
        """Whether the node would accept it and work with it."""
        return self.is_taken and not self._blocked(Stage.USE)

    @property
    def is_fitting(self) -> bool:
        """Whether it works, and no client refuses it, not even a strict one."""
        return self.works and not any(check.topic == STRICT_CLIENTS and check.finding for check in self.checks)

    @property
    def is_complete(self) -> bool:
        """Whether every check could be made."""
        return all(check.result is not Result.NOT_CHECKED for check in self.checks)

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if not self.is_taken:
            return "The node would not take it."
        if not self.works:
            return "The node would take it, and something would break later."
        if not self.is_fitting:
            return "The node would take it and work with it, but strict clients refuse it."
        return "It fits." if self.is_complete else "Nothing speaks against it, but not everything could be checked."

    def _blocked(self, stage: Stage) -> bool:
        return any(check.stage is stage and check.result is Result.FAILED for check in self.checks)
