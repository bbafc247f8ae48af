"""The one tree of errors, and the findings that explain them; knows no HTTP and no exit code.

CAServiceError
├── Refused              what was asked cannot be granted as it is
├── InvalidInput         an option or a field has an unusable value
│   └── TooLarge         ... because it is larger than the limit
├── NotFound             nothing of that name is here
├── Conflict             it contradicts what is stored already
├── NotAuthenticated     the client has not signed in
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
from typing import Final, Self

NO_VALUES: Mapping[str, object] = MappingProxyType({})


class Severity(StrEnum):
    """The weight of a finding: only an error prevents signing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Visibility(StrEnum):
    """The readers of a finding's text: everyone, or the operator only, because it names paths of this machine."""

    PUBLIC = "public"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding, declared once at the head of the module that uses it.

    `id` is stable and the same on page, API and command line. `problem` says what is wrong, `remedy` how to fix it:
    both are templates for the values of a finding, so that they are translated before they are filled in.
    """

    id: str
    problem: str
    remedy: str = ""
    severity: Severity = Severity.ERROR
    visibility: Visibility = Visibility.PUBLIC

    def at(self, pointer: str = "", /, **values: object) -> Finding:
        """Return the finding at this place, a JSON pointer (RFC 6901) into the input, with these values."""
        return Finding(self, pointer, values)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem or remark about an input: the rule, the place, and the values for its texts."""

    declared: Rule
    pointer: str = ""
    values: Mapping[str, object] = field(default_factory=lambda: NO_VALUES)

    @property
    def rule(self) -> str:
        """The id of the rule."""
        return self.declared.id

    @property
    def severity(self) -> Severity:
        """The weight of the finding."""
        return self.declared.severity

    @property
    def detail(self) -> str:
        """The problem, in English."""
        return self.declared.problem.format_map(self.values)

    @property
    def remedy(self) -> str:
        """The fix, and where to make it, in English."""
        return self.declared.remedy.format_map(self.values)

    @property
    def is_error(self) -> bool:
        """Whether it prevents signing."""
        return self.severity is Severity.ERROR

    def translated(self, translate: Callable[[str], str]) -> Finding:
        """Return the same finding in another language."""
        problem, remedy = translate(self.declared.problem), translate(self.declared.remedy)
        return replace(self, declared=replace(self.declared, problem=problem, remedy=remedy))

    def under(self, pointer: str) -> Finding:
        """Return the same finding about a part of something larger."""
        return replace(self, pointer=pointer + self.pointer)


HIDDEN: Final = Rule(
    "not-ready",
    "The service is not ready.",
    "Ask its operator: the reason is in the log.",
)


def only_errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that prevent signing."""
    return tuple(finding for finding in findings if finding.is_error)


def public_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings as everyone may read them: what is for the operator only keeps its rule, not its text."""
    return tuple(
        finding if finding.declared.visibility is Visibility.PUBLIC else _hidden(finding) for finding in findings
    )


def _hidden(finding: Finding) -> Finding:
    return Finding(replace(HIDDEN, id=finding.rule, severity=finding.severity))


class CAServiceError(Exception):
    """The root of the tree. Every error explains itself with at least one finding."""

    code = "error"
    title = "Something went wrong"

    def __init__(self, *findings: Finding) -> None:
        super().__init__(" ".join(f"{found.detail} {found.remedy}".strip() for found in findings))
        self.findings = findings

    @property
    def rule(self) -> str:
        """The rule of the finding that decided."""
        return (only_errors(self.findings) or self.findings)[0].rule

    @classmethod
    def because(cls, rule: Rule, /, **values: object) -> Self:
        """Return an error with a single finding, about the whole input."""
        return cls(rule.at(**values))


class Refused(CAServiceError):
    """The input cannot be accepted in its current form."""

    code = "refused"
    title = "The request was refused"


class InvalidInput(CAServiceError):
    """An option or a field has an unusable value."""

    code = "invalid-input"
    title = "A value cannot be used"


class TooLarge(InvalidInput):
    """The input is larger than the limit."""

    code = "too-large"
    title = "Too much was sent"


class NotFound(CAServiceError):
    """The thing does not exist here."""

    code = "not-found"
    title = "Not found"


class Conflict(CAServiceError):
    """It contradicts what is stored already."""

    code = "conflict"
    title = "This contradicts what is stored"


class NotAuthenticated(CAServiceError):
    """The client has not signed in."""

    code = "not-authenticated"
    title = "Sign in first"


class TooManyAttempts(NotAuthenticated):
    """There were too many failed sign-ins. The finding's value `seconds` says how long to wait."""

    code = "too-many-attempts"
    title = "Too many attempts"


class NotAllowed(CAServiceError):
    """The actor may not do this."""

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
