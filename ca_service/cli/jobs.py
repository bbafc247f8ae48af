"""`jobs`: the background jobs, run once or until stopped."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from ca_service.authority.jobs import JobRun, Outcome
from ca_service.cli.console import table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.operations import JobDocument, JobsDocument, RunDocument
from ca_service.pki.encodings import time_text


@declare("list", "ca-service jobs list")
@pass_session
def list_(session: Session) -> None:
    """List the jobs with the last result of each."""
    found = session.ask(
        lambda here: JobsDocument.of(here.jobs.list_jobs(operator())), lambda api: api.get(JobsDocument, "jobs")
    )
    header = ("job", "every", "last run", "outcome", "did", "took", "what it does")
    session.console.answer(found, table(header, map(_row, found.jobs)))


def _row(job: JobDocument) -> tuple[str, ...]:
    outcome = "running" if job.is_running else f"{job.outcome} {job.detail}".strip()
    begun = time_text(job.started_at) if job.started_at else "never"
    return (job.name, _every(job.every_seconds), begun, outcome, str(job.count), f"{job.milliseconds} ms", job.what)


def _every(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


@declare("run", "ca-service jobs run notices", "ca-service jobs run outbox --json")
@click.argument("name", metavar="NAME")
@pass_session
def run(session: Session, name: str) -> int:
    """Run the job NAME now, due or not.

    If another process is running it, the command does nothing and succeeds: timers on several machines can start the
    same job at the same time.
    """
    done = session.ready().jobs.run(operator(), name)
    session.console.answer(RunDocument.of(done), [_told(done)])
    return ExitCode.ERROR if done.outcome is Outcome.FAILED else ExitCode.OK


def _told(run: JobRun) -> str:
    if run.outcome is Outcome.BUSY:
        return f"{run.name}: another process is doing it."
    failed = f" ({run.detail}; the log tells more)" if run.detail else ""
    return f"{run.name}: {run.outcome.value}{failed}, {run.count} items in {run.took} ms."


@declare("loop", "ca-service jobs loop")
@pass_session
def loop(session: Session) -> None:
    """Run every job when it is due, until stopped.

    A server does this itself unless jobs.in_server is false. SIGTERM and Ctrl-C stop it immediately; the next run
    finishes an interrupted job.
    """
    jobs, stopping = session.ready().jobs, threading.Event()
    signal.signal(signal.SIGTERM, _leave)
    session.console.remark("Doing the jobs as they come due - stop with Ctrl-C.")
    try:
        jobs.loop(stopping.wait)
    except KeyboardInterrupt:
        session.console.remark("Stopped.")


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Exit immediately: a job can be interrupted after any step."""
    raise KeyboardInterrupt


command = click.Group("jobs", commands=[list_, run, loop], help="Run the background jobs.")
