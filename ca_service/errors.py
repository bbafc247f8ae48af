"""Errors and findings: one tree of errors, each explained by findings, each finding made from a declared rule.

CAServiceError
├── Refused              the operation is not permitted as requested
├── InvalidInput         an option or a field has an invalid value
│   └── TooLarge         the input is larger than the limit
├── NotFound             the item does not exist
├── Conflict             the operation contradicts what is stored
├── NotAuthenticated     the caller is not signed in
│   └── TooManyAttempts  too many failed attempts: wait
├── NotAllowed           the caller lacks the permission
├── Unreachable          another service does not answer, or answers wrongly
├── NotReady             the installation must be set up, upgraded or unlocked first
│   └── Busy             others held the database for too long: nothing was done
├── Interrupted          others held the database in the middle: a part was done
├── ConfigurationError   a setting cannot be used
├── KeystoreError        a private key is unavailable, or is not kept safely
└── SigningError         our own certificate failed our own rules: a fault of the authority, not of the CSR
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

NO_VALUES: Mapping[str, object] = MappingProxyType({})
#: Raised when a row of another program is read, beside what the driver raises; and by faults of ca_service.
ROW_ERRORS: Final = (ValueError, TypeError, AttributeError, LookupError)


class Severity(StrEnum):
    """The weight of a finding: only an error prevents signing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Visibility(StrEnum):
    """The readers of a text: everyone, or only the operator, because it names paths of this machine."""

    PUBLIC = "public"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding, declared once at the head of the module that uses it.

    `id` is stable and the same on page, API and command line. `problem` says what is wrong, `remedy` how to fix it:
    both are templates for the values of a finding, so that they are translated before they are filled in. `options`
    are those of API and command line that fix it; pages, which have a control instead, leave them out. `title` heads an
    error that the rule decides; empty for the title of its class.
    """

    id: str
    problem: str
    remedy: str = ""
    severity: Severity = Severity.ERROR
    visibility: Visibility = Visibility.PUBLIC
    options: str = ""
    title: str = ""

    def at(self, pointer: str = "", /, **values: object) -> Finding:
        """Return the finding at this place, a JSON pointer (RFC 6901) into the input, with these values."""
        return Finding(self, pointer, values)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem or remark about an input: the rule, the place, and the values for its texts.

    `part` names the place in words where the input has several of the same kind; it is a template as well.
    """

    declared: Rule
    pointer: str = ""
    values: Mapping[str, object] = field(default_factory=lambda: NO_VALUES)
    part: str = ""

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
        """Return the problem, in English."""
        return f"{self.part}{self.declared.problem}".format_map(self.values)

    @property
    def remedy(self) -> str:
        """Return how to fix it, and where, in English; with the options of API and command line, if there are any."""
        options = f" Options: {self.declared.options}." if self.declared.options else ""
        return self.declared.remedy.format_map(self.values) + options

    @property
    def is_error(self) -> bool:
        """Return whether it prevents signing."""
        return self.severity is Severity.ERROR

    def translated(self, translate: Callable[[str], str]) -> Finding:
        """Return the same finding for a page in another language."""
        problem, remedy = translate(self.declared.problem), translate(self.declared.remedy)
        declared = replace(self.declared, problem=problem, remedy=remedy, options="")
        return replace(self, declared=declared, part=translate(self.part))

    def under(self, pointer: str, part: str = "", /, **values: object) -> Finding:
        """Return the same finding about a part of something larger, which `part` names with these values."""
        values = {**self.values, **values}
        return replace(self, pointer=pointer + self.pointer, part=part or self.part, values=values)


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
        if findings and self._deciding.declared.title:
            self.title = self._deciding.declared.title

    @property
    def rule(self) -> str:
        """Return the id of the deciding rule: of the first error, or of the first finding."""
        return self._deciding.rule

    @property
    def _deciding(self) -> Finding:
        return (only_errors(self.findings) or self.findings)[0]

    @classmethod
    def because(cls, rule: Rule, /, **values: object) -> Self:
        """Return an error with a single finding, about the whole input."""
        return cls(rule.at(**values))


class Refused(CAServiceError):
    """The operation is not permitted as requested."""

    code = "refused"
    title = "The request was refused"


class InvalidInput(CAServiceError):
    """An option or a field has an invalid value."""

    code = "invalid-input"
    title = "Invalid value"


class TooLarge(InvalidInput):
    """The input is larger than the limit."""

    code = "too-large"
    title = "Too much was sent"


class NotFound(CAServiceError):
    """The item does not exist."""

    code = "not-found"
    title = "Not found"


class Conflict(CAServiceError):
    """The operation contradicts what is stored."""

    code = "conflict"
    title = "This contradicts what is stored"


class NotAuthenticated(CAServiceError):
    """The caller is not signed in."""

    code = "not-authenticated"
    title = "Sign in first"


class TooManyAttempts(NotAuthenticated):
    """The caller has failed too often. The value `seconds` of the finding is the time to wait."""

    code = "too-many-attempts"
    title = "Too many attempts"


class NotAllowed(CAServiceError):
    """The caller lacks the permission."""

    code = "not-allowed"
    title = "Not allowed"


class Unreachable(CAServiceError):
    """Another service does not answer, or answers wrongly."""

    code = "unreachable"
    title = "Not reachable"


class NotReady(CAServiceError):
    """The installation must be set up, upgraded or unlocked first."""

    code = "not-ready"
    title = "Not ready"


class Busy(NotReady):
    """Others held the database for too long: nothing was done. The finding has `seconds`, the time to wait."""

    code = "busy"
    title = "Busy, please try again"


class Interrupted(CAServiceError):
    """Others held the database too long in the middle of the operation. A part of it was done."""

    code = "interrupted"
    title = "Only a part was done"


class ConfigurationError(CAServiceError):
    """A setting cannot be used."""

    code = "configuration"
    title = "A setting cannot be used"


class KeystoreError(CAServiceError):
    """A private key is unavailable, or is not kept safely."""

    code = "keystore"
    title = "A private key cannot be used"


class SigningError(CAServiceError):
    """Our own certificate failed our own rules: a fault of the authority, not of the CSR."""

    code = "signing"
    title = "The certificate was not signed"
