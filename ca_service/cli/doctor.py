"""`doctor`: the health checks of the installation, with fixes."""

from __future__ import annotations

from typing import Final

import click

from ca_service.authority.doctor import Check
from ca_service.authority.installation import Installation
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.operations import HealthCheckDocument, HealthDocument
from ca_service.errors import Finding, Rule
from ca_service.pki.encodings import time_text

DOCTOR_TABLES: Final = Rule(
    "doctor.tables",
    "The tables differ: {what}.",
    "Put the database back from a copy.",
)


@declare("doctor", "ca-service doctor", "ca-service doctor --json", "ca-service doctor --confirm-clock")
@click.option(
    "--confirm-clock",
    is_flag=True,
    help="First record that the clock of this machine is right, although the audit log has later events.",
)
@pass_session
@click.pass_context
def command(context: click.Context, session: Session, *, confirm_clock: bool) -> None:
    """Check the health of the installation.

    The checks cover tables, keys and chain, and fetch the CRL, the certificate of the authority and an OCSP response
    from the addresses in the certificates. Exit code 1: something needs a fix.

    Nothing is issued while an event of the audit log is an hour or more in the future, until the clock is confirmed.
    """
    installation = session.ready()
    if confirm_clock:
        _confirm_clock(session, installation)
    checks = (_tables(installation), *installation.doctor.examine(operator()))
    is_well = all(check.is_well for check in checks)
    document = HealthDocument(is_well=is_well, checks=[HealthCheckDocument.of(check) for check in checks])
    session.console.answer(document, [line for check in checks for line in _lines(check)])
    if not is_well:
        context.exit(ExitCode.ERROR)


def _confirm_clock(session: Session, installation: Installation) -> None:
    found = installation.clock_check.confirm(operator())
    if found is None:
        session.console.remark("The audit log has no later event: there is nothing to confirm.")
    else:
        session.console.remark(f"The clock is confirmed. Events up to {time_text(found.at)} no longer stop issuing.")


def _tables(installation: Installation) -> Check:
    return Check(
        "tables of the database",
        tuple(DOCTOR_TABLES.at(what=what) for what in installation.schema.differences()),
    )


def _lines(check: Check) -> list[str]:
    mark = "well" if not check.findings else "look" if check.is_well else "BAD "
    return [f"{mark}  {check.name}", *(f"      {_told(found)}" for found in check.findings)]


def _told(finding: Finding) -> str:
    return f"{finding.detail} {finding.remedy}".strip()
