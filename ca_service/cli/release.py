"""`release`: end the hold of certificates."""

from __future__ import annotations

import click

from ca_service.cli.grammar import declare
from ca_service.cli.revoking import confirm, outcome_lines, selected, selection_options
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.revocations import RevocationResultDocument


@declare(
    "release",
    "ca-service release 4f1c...",
    "ca-service release --host uccx1.example.com --yes",
)
@selection_options
@click.option("--note", default="", help="Note for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (for scripts).")
@pass_session
def command(
    session: Session,
    /,
    serial_numbers: tuple[str, ...],
    key: str,
    host: str,
    cluster: int | None,
    note: str,
    *,
    yes: bool,
) -> None:
    """Release certificates from hold. They are valid again."""
    installation = session.ready()
    selection = selected(installation, serial_numbers, key, host, cluster)
    planned = installation.revocation.preview_release(operator(), selection)
    confirm(session.console, planned, is_confirmed=yes)
    done = installation.revocation.release(operator(), selection, note=note)
    session.console.answer(RevocationResultDocument.of(done, done=True), outcome_lines(done))
