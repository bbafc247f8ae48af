"""Background jobs in SQL: the holder of each lease, and the result of the last run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update

from ca_service.authority.jobs import JobRun, Outcome
from ca_service.storage import rows
from ca_service.storage.database import Database, upsert
from ca_service.storage.schema import job_run


class SQLJobStore:
    """The job store on a SQL database; the port says what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_runs(self) -> tuple[JobRun, ...]:
        """Return every job that has run, sorted by name."""
        with self._database.read() as connection:
            return tuple(map(_run, connection.execute(select(job_run).order_by(job_run.c.name))))

    def take(self, name: str, holder: str, now: datetime, until: datetime, before: datetime | None) -> bool:
        """Take the lease of a job if it is free and due. One statement compares and sets it."""
        statement = update(job_run).where(
            job_run.c.name == name,
            or_(job_run.c.until.is_(None), job_run.c.until <= now),
        )
        if before is not None:
            statement = statement.where(or_(job_run.c.started_at.is_(None), job_run.c.started_at <= before))
        with self._database.write() as connection:
            connection.execute(upsert(job_run).values(_values(JobRun(name))).on_conflict_do_nothing())
            taken = connection.execute(statement.values(holder=holder, until=until, started_at=now))
            return taken.rowcount == 1

    def finish(self, run: JobRun) -> bool:
        """Store the result and release the lease; return False if another holder has it."""
        kept = ("ended_at", "outcome", "count", "took", "detail")
        values = {name: value for name, value in _values(run).items() if name in kept}
        if run.succeeded_at is not None:
            values["succeeded_at"] = run.succeeded_at
        is_ours = (job_run.c.name == run.name) & (job_run.c.holder == run.holder)
        with self._database.write() as connection:
            done = connection.execute(update(job_run).where(is_ours).values(**values, holder="", until=None))
            return done.rowcount == 1


def _values(run: JobRun) -> dict[str, Any]:
    return rows.values_of(run) | {"outcome": run.outcome.value}


def _run(row: Row[Any]) -> JobRun:
    return JobRun(**dict(row._mapping) | {"outcome": Outcome(row.outcome)})
