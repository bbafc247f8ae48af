"""`db`: the version of the database schema."""

from __future__ import annotations

from typing import Final

import click

from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, pass_session
from ca_service.documents.findings import finding_documents
from ca_service.documents.operations import SchemaDocument, UpgradeDocument, VersionDocument
from ca_service.errors import Finding, NotReady, Rule

SCHEMA_DIFFERS: Final = Rule(
    "schema.differs",
    "The database differs from what this program expects: {difference}.",
    "Restore database and keys from a backup; the tables are not to be changed by hand.",
)


@declare("upgrade", "ca-service db upgrade")
@pass_session
def upgrade(session: Session) -> None:
    """Upgrade the database to this version. Make a backup first."""
    before, after = session.upgrade(session.opened())
    line = f"Upgraded from {before or 'nothing'} to {after}." if before != after else f"Up to date: {after}."
    session.console.answer(UpgradeDocument(before=before or None, after=after), [line])


@declare("current", "ca-service db current")
@pass_session
def current(session: Session) -> None:
    """Show the version of the database and the required version."""
    schema = session.opened().schema
    found, needed = schema.current(), schema.head()
    line = f"{found or 'none'} (needed: {needed})"
    session.console.answer(VersionDocument(current=found or None, needed=needed), [line])


@declare("check", "ca-service db check")
@pass_session
def check(session: Session) -> None:
    """Check that the tables match this version; exit code 1 if not."""
    schema = session.ready().schema
    differences = schema.differences()
    if differences:
        raise NotReady(*map(_difference, differences))
    remarks = schema.remarks()
    session.console.remark(*session.console.finding_lines(remarks))
    document = SchemaDocument(current=schema.current(), differences=[], remarks=finding_documents(remarks))
    session.console.answer(document, [f"As expected: {schema.current()}."])


def _difference(difference: str) -> Finding:
    return SCHEMA_DIFFERS.at(difference=difference)


command = click.Group("db", commands=[upgrade, current, check], help="Manage the database schema.")
