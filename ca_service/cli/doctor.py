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

DOCTOR_TABLES: Final = Rule(
    "doctor.tables",
    "The tables differ: {what}.",
    "Put the database back from a copy.",
)


@declare("doctor", "ca-service doctor", "ca-service doctor --json")
@pass_session
@click.pass_context
def command(context: click.Context, session: Session) -> None:
    """Check the health of the installation.

    The checks cover tables, keys and chain, and fetch the CRL, the certificate of the authority and an OCSP response
    from the addresses in the certificates. A request through web.base_url with a forged X-Forwarded-For header shows
    which address of the client arrives. Exit code 1: something needs a fix.
    """
    installation = session.ready()
    checks = (
        _tables(installation),
        *installation.doctor.examine(operator()),
        *installation.arrival.examine(operator()),
    )
    is_well = all(check.is_well for check in checks)
    document = HealthDocument(is_well=is_well, checks=[HealthCheckDocument.of(check) for check in checks])
    session.console.answer(document, [line for check in checks for line in _lines(check)])
    if not is_well:
        context.exit(ExitCode.ERROR)


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
