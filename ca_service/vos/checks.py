"""Knows how the answers of a fit check are told: question by question, at the upload and afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ca_service.errors import Finding


class Stage(StrEnum):
    """When a fault shows."""

    UPLOAD = "upload"  # the node refuses the file, or leaves it out
    USE = "use"  # the node takes it, and something breaks later


class Result(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the certificate. `finding` says what is wrong, or what a reader should know.

    `message` is what the node will say, word for word, where Cisco prints it.
    """

    topic: str
    stage: Stage
    result: Result
    finding: Finding | None = None
    message: str = ""

    def as_document(self) -> dict[str, Any]:
        """The check for a script: the same members at every door."""
        return {
            "topic": self.topic,
            "stage": self.stage.value,
            "result": self.result.value,
            "message": self.message,
            "finding": self.finding.as_document() if self.finding else None,
        }


@dataclass(frozen=True, slots=True)
class Fit:
    """All checks of one certificate: those of the upload first, each in the order in which a node would meet it."""

    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, in the order of the checks."""
        return tuple(check.finding for check in self.checks if check.finding)

    @property
    def is_taken(self) -> bool:
        """Whether the node would take the files."""
        return not self._blocked(Stage.UPLOAD)

    @property
    def works(self) -> bool:
        """Whether it would be taken, and work after."""
        return self.is_taken and not self._blocked(Stage.USE)

    @property
    def is_complete(self) -> bool:
        """Whether every question could be asked."""
        return all(check.result is not Result.NOT_CHECKED for check in self.checks)

    @property
    def verdict(self) -> str:
        """All of it in one sentence."""
        if not self.is_taken:
            return "The node would not take it."
        if not self.works:
            return "The node would take it, and something would break later."
        return "It fits." if self.is_complete else "Nothing speaks against it, but not everything could be checked."

    def as_document(self) -> dict[str, Any]:
        """The verdict and the checks for a script: the same members at every door."""
        return {
            "taken": self.is_taken,
            "works": self.works,
            "verdict": self.verdict,
            "checks": [check.as_document() for check in self.checks],
        }

    def _blocked(self, stage: Stage) -> bool:
        return any(check.stage is stage and check.result is Result.FAILED for check in self.checks)


def checked(topic: str, stage: Stage, finding: Finding | None = None, message: str = "") -> Check:
    """The check with what was found: it has failed if the finding blocks, and passed otherwise."""
    if finding is None or not finding.is_error:
        return Check(topic, stage, Result.PASSED, finding)
    return Check(topic, stage, Result.FAILED, finding, message)


def unchecked(topic: str, stage: Stage, finding: Finding) -> Check:
    """A check for which something was missing, as the finding says."""
    return Check(topic, stage, Result.NOT_CHECKED, finding)
