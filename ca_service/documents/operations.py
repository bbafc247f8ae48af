"""Documents for operators: background jobs, notifications, health, settings, the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.checks import CheckResult, Results
from ca_service.authority.jobs import JobRun, JobState
from ca_service.authority.notices.announcing import Coming
from ca_service.authority.notices.records import Message
from ca_service.documents.fields import Document, Moment
from ca_service.documents.findings import FindingDocument, finding_documents
from ca_service.errors import Visibility


class RunDocument(Document):
    """The last run of a background job."""

    name: str
    outcome: Literal["never run", "done", "failed", "stopped", "busy"]
    count: int = Field(description="how many items it handled")
    started_at: Moment | None
    ended_at: Moment | None
    milliseconds: int
    detail: str = Field(description="why it failed; or empty")

    @classmethod
    def of(cls, run: JobRun) -> Self:
        """Describe a run."""
        return cls.model_validate(_members(run))


class JobDocument(RunDocument):
    """A background job with its last run."""

    what: str = Field(description="what it does")
    every_seconds: int
    is_running: bool
    due_at: Moment | None
    succeeded_at: Moment | None

    @classmethod
    def about(cls, state: JobState) -> Self:
        """Describe a job."""
        more = {
            "what": state.job.text,
            "every_seconds": int(state.job.every.total_seconds()),
            "is_running": state.is_held,
            "due_at": state.due_at,
            "succeeded_at": state.run.succeeded_at,
        }
        return cls.model_validate(_members(state.run) | more)


def _members(run: JobRun) -> dict[str, object]:
    return {
        "name": run.name,
        "outcome": run.outcome.value,
        "count": run.count,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "milliseconds": run.took,
        "detail": run.detail,
    }


class JobsDocument(Document):
    """All background jobs."""

    jobs: list[JobDocument]

    @classmethod
    def of(cls, states: Sequence[JobState]) -> Self:
        """Describe the jobs."""
        return cls(jobs=[JobDocument.about(state) for state in states])


class MessageDocument(Document):
    """A notification to one recipient over one channel."""

    id: int
    message_id: str
    channel: str
    recipient: str
    subject: str
    state: Literal["waiting", "sent", "dead"]
    attempts: int
    created_at: Moment
    next_try_at: Moment | None = Field(description="null unless it is waiting")
    sent_at: Moment | None
    last_error: str

    @classmethod
    def of(cls, message: Message) -> Self:
        """Describe a notification."""
        return cls(
            id=message.id,
            message_id=message.message_id,
            channel=message.channel,
            recipient=message.recipient,
            subject=message.subject,
            state=message.state.value,
            attempts=message.attempts,
            created_at=message.created_at,
            next_try_at=message.next_try_at if message.state.value == "waiting" else None,
            sent_at=message.sent_at,
            last_error=message.last_error,
        )


class MessagesDocument(Document):
    """Notifications."""

    messages: list[MessageDocument]

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Self:
        """Describe the notifications."""
        return cls(messages=[MessageDocument.of(each) for each in messages])


class UpcomingDocument(Document):
    """An item that expires, and the date of the next notification."""

    kind: str
    id: str
    name: str
    not_after: Moment
    next_notice_at: Moment
    next_step: str
    path: str = Field(description="the path of its page")

    @classmethod
    def of(cls, coming: Coming) -> Self:
        """Describe something that expires."""
        expiring = coming.expiring
        return cls(
            kind=expiring.kind.value,
            id=expiring.id,
            name=expiring.name,
            not_after=expiring.not_after,
            next_notice_at=coming.next_at,
            next_step=str(expiring.next_step),
            path=expiring.path,
        )


class UpcomingListDocument(Document):
    """Upcoming notifications."""

    coming: list[UpcomingDocument]

    @classmethod
    def of(cls, coming: Sequence[Coming]) -> Self:
        """Describe what expires."""
        return cls(coming=[UpcomingDocument.of(each) for each in coming])


class RevivedDocument(Document):
    """The number of failed notifications that will be retried."""

    revived: int


class HealthCheckDocument(Document):
    """One health check of the installation."""

    id: str = Field(description="stable identifier, the same in readiness and metrics")
    name: str
    is_well: bool
    findings: list[FindingDocument]

    @classmethod
    def of(cls, result: CheckResult) -> Self:
        """Describe the result of a health check."""
        check, findings = result.check, finding_documents(result.findings)
        return cls(id=check.id, name=check.title, is_well=result.is_well, findings=findings)


class HealthDocument(Document):
    """The health of the installation."""

    is_well: bool
    checks: list[HealthCheckDocument]

    @classmethod
    def of(cls, results: Results) -> Self:
        """Describe the results of all checks."""
        is_well = all(result.is_well for result in results)
        return cls(is_well=is_well, checks=[HealthCheckDocument.of(result) for result in results])


class ReadinessDocument(Document):
    """Whether this process can do its work, as everyone may read it: no reasons, and no check that is for the operator.

    The status counts those checks as well.
    """

    status: Literal["ready", "not ready"]
    checks: dict[str, Literal["ok", "failed"]]

    @classmethod
    def of(cls, results: Results) -> Self:
        """Describe the results."""
        is_ready = all(result.is_well for result in results)
        shown = [result for result in results if result.check.audience is Visibility.PUBLIC]
        return cls(
            status="ready" if is_ready else "not ready",
            checks={result.check.id: "ok" if result.is_well else "failed" for result in shown},
        )


class ServingDocument(Document):
    """The server that is about to listen."""

    url: str
    setup_url: str | None = Field(description="the link to create the first administrator; null if there is one")
    created: list[str] = Field(description="the authorities that this start created")
    is_pending: bool = Field(description="whether an intermediate waits for its certificate from an external root")


class SettingDocument(Document):
    """One setting and its source; secrets are masked."""

    key: str
    value: str
    origin: str


class SettingsDocument(Document):
    """All settings."""

    settings: list[SettingDocument]


class UpgradeDocument(Document):
    """The version of the database before and after an upgrade."""

    before: str | None
    after: str


class VersionDocument(Document):
    """The version of the database, and the one that the program needs."""

    current: str | None
    needed: str


class SchemaDocument(Document):
    """The result of a comparison of the database with what the program expects."""

    current: str
    differences: list[str]
    remarks: list[FindingDocument]


class CompletionDocument(Document):
    """The script with which a shell completes the command."""

    shell: str = Field(description="one of: bash, zsh, fish")
    script: str
    file: str | None = Field(description="the file that was written; null without --install")


class FileDocument(Document):
    """A file that was written."""

    file: str
