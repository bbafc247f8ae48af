"""`doctor`: the health checks of the installation, with fixes."""

from __future__ import annotations

import click

from ca_service.authority.installation import Installation
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.findings import FindingDocument
from ca_service.documents.operations import HealthCheckDocument, HealthDocument
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible


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

    The checks cover database, disk, private files, keys, chain, clock, CRLs, OCSP signers and jobs, and fetch what
    certificates point to: the CRL, the certificate of the authority, an OCSP response. A request through web.base_url
    with a forged X-Forwarded-For header shows which address of the client arrives. Exit code 1: something needs a fix.

    Nothing is issued while an event of the audit log is an hour or more in the future, until the clock is confirmed.
    """
    if confirm_clock:
        session.require_local(f"{context.command_path} --confirm-clock")
        _confirm_clock(session, session.ready())
    found = session.ask(_examined, lambda api: api.get(HealthDocument, "health"))
    session.console.answer(found, [line for check in found.checks for line in _lines(check)])
    if not found.is_well:
        context.exit(ExitCode.ERROR)


def _examined(here: Installation) -> HealthDocument:
    return HealthDocument.of(here.doctor.examine(operator()))


def _confirm_clock(session: Session, installation: Installation) -> None:
    found = installation.clock_check.confirm(operator())
    if found is None:
        session.console.remark("The audit log has no later event: there is nothing to confirm.")
    else:
        session.console.remark(f"The clock is confirmed. Events up to {time_text(found.at)} no longer stop issuing.")


def _lines(check: HealthCheckDocument) -> list[str]:
    has_notes_only = all(found.severity == "note" for found in check.findings)
    state = "ok" if has_notes_only else "warning" if check.is_well else "error"
    return [f"{state:<9}{visible(check.name)}", *(f"{'':<9}{_told(found)}" for found in check.findings)]


def _told(finding: FindingDocument) -> str:
    return visible(f"{finding.detail} {finding.remedy}".strip())
