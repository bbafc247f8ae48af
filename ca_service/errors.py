"""The one tree of errors, and the findings that explain them; knows no HTTP and no exit code.

CAServiceError
├── Refused              what was asked cannot be granted as it is
├── InvalidInput         an option or a field has a value that nobody could use
│   └── TooLarge         ... because it is larger than the limit
├── NotFound             nothing of that name is here
├── Conflict             it contradicts what is stored already
├── NotAuthenticated     nobody has said who is asking
│   └── TooManyAttempts  ... and has tried too often: wait
├── NotAllowed           who is asking may not do this
├── Unreachable          another service does not answer, or not as it should
├── NotReady             the installation has to be set up, upgraded or unlocked first
├── ConfigurationError   a setting cannot be used
├── KeystoreError        a private key cannot be had, or is not kept safely
└── SigningError         our own certificate failed our own rules: a fault here, not of the request
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Self

NO_VALUES: Mapping[str, object] = MappingProxyType({})


class Severity(StrEnum):
    """How much a finding weighs: `blocking` stops the signing, the others only speak."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: what is wrong, where, with which value, and how to mend it.

    `rule` is stable and the same on page, API and command line. `pointer` is a JSON pointer
    (RFC 6901) into what was submitted. `problem` and `remedy` are templates for `values`, so that
    they can be translated before they are filled in.
    """

    rule: str
    pointer: str
    problem: str
    remedy: str
    values: Mapping[str, object] = field(default_factory=lambda: NO_VALUES)
    severity: Severity = Severity.BLOCKING

    @property
    def detail(self) -> str:
        """What is wrong, in English."""
        return self.problem.format_map(self.values)

    @property
    def mend(self) -> str:
        """What to change, and where, in English."""
        return self.remedy.format_map(self.values)

    @property
    def blocks(self) -> bool:
        """Whether nothing is signed as long as this stands."""
        return self.severity is Severity.BLOCKING

    def as_document(self) -> dict[str, str]:
        """The finding for a script: the same members at every door."""
        return {
            "pointer": self.pointer,
            "rule": self.rule,
            "severity": self.severity.value,
            "detail": self.detail,
            "mend": self.mend,
        }

    def translated(self, translate: Callable[[str], str]) -> Finding:
        """The same finding in another language."""
        return replace(self, problem=translate(self.problem), remedy=translate(self.remedy))

    def under(self, pointer: str) -> Finding:
        """The same finding about a part of something larger."""
        return replace(self, pointer=pointer + self.pointer)


def warning(rule: str, pointer: str, problem: str, remedy: str, **values: object) -> Finding:
    """A finding that does not stop the signing, but that somebody should act on."""
    return Finding(rule, pointer, problem, remedy, values, Severity.WARNING)


def note(rule: str, pointer: str, problem: str, remedy: str = "", **values: object) -> Finding:
    """A finding that only explains what will be done."""
    return Finding(rule, pointer, problem, remedy, values, Severity.NOTE)


def blocking(rule: str, pointer: str, problem: str, remedy: str, **values: object) -> Finding:
    """A finding that stops the signing."""
    return Finding(rule, pointer, problem, remedy, values)


def blockers(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those findings that stop the signing."""
    return tuple(finding for finding in findings if finding.blocks)


class CAServiceError(Exception):
    """The root of the tree. Every error explains itself with at least one finding."""

    code = "error"
    title = "Something went wrong"

    def __init__(self, *findings: Finding) -> None:
        super().__init__(" ".join(f"{found.detail} {found.mend}".strip() for found in findings))
        self.findings = findings

    @property
    def rule(self) -> str:
        """The rule of the finding that decided."""
        return (blockers(self.findings) or self.findings)[0].rule

    @classmethod
    def because(cls, rule: str, problem: str, remedy: str, **values: object) -> Self:
        """An error with a single finding that points at the whole of what was submitted."""
        return cls(blocking(rule, "", problem, remedy, **values))


class Refused(CAServiceError):
    """What was asked cannot be granted as it is."""

    code = "refused"
    title = "The request was refused"


class InvalidInput(CAServiceError):
    """An option or a field has a value that nobody could use."""

    code = "invalid-input"
    title = "A value cannot be used"


class TooLarge(InvalidInput):
    """What was sent is larger than the limit."""

    code = "too-large"
    title = "Too much was sent"


class NotFound(CAServiceError):
    """Nothing of that name is here."""

    code = "not-found"
    title = "Not found"


class Conflict(CAServiceError):
    """It contradicts what is stored already."""

    code = "conflict"
    title = "This contradicts what is stored"


class NotAuthenticated(CAServiceError):
    """Nobody has said who is asking."""

    code = "not-authenticated"
    title = "Sign in first"


class TooManyAttempts(NotAuthenticated):
    """Somebody has failed too often to show who they are. The finding's value `seconds` says how long to wait."""

    code = "too-many-attempts"
    title = "Too many attempts"


class NotAllowed(CAServiceError):
    """Who is asking may not do this."""

    code = "not-allowed"
    title = "Not allowed"


class Unreachable(CAServiceError):
    """Another service does not answer, or not as it should."""

    code = "unreachable"
    title = "Not reachable"


class NotReady(CAServiceError):
    """The installation has to be set up, upgraded or unlocked first."""

    code = "not-ready"
    title = "Not ready"


class ConfigurationError(CAServiceError):
    """A setting cannot be used."""

    code = "configuration"
    title = "A setting cannot be used"


class KeystoreError(CAServiceError):
    """A private key cannot be had, or is not kept safely."""

    code = "keystore"
    title = "A private key cannot be used"


class SigningError(CAServiceError):
    """Our own certificate failed our own rules: a fault here, not of the request."""

    code = "signing"
    title = "The certificate was not signed"
