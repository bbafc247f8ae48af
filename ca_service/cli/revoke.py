"""`revoke`: revoke certificates, permanently or as a hold."""

from __future__ import annotations

import click

from ca_service.authority.revocation.revoking import MAX_NOTE
from ca_service.authority.revocation.selecting import read_invalid_since
from ca_service.cli.grammar import declare
from ca_service.cli.revoking import confirm, outcome_lines, selected, selection_options
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.revocations import RevocationResultDocument
from ca_service.pki.reasons import FOR_LEAVES, read_leaf_reason


@declare(
    "revoke",
    "ca-service revoke 4f1c... --reason superseded",
    "ca-service revoke --host uccx1.example.com --reason certificateHold --dry-run",
    "ca-service revoke --key 9b2e... --reason keyCompromise --invalid-since 2026-11-20T08:00:00Z --yes",
    "ca-service revoke --cluster 3 --reason cessationOfOperation",
)
@selection_options
@click.option("--reason", required=True, metavar="REASON", help=f"Reason; one of: {', '.join(FOR_LEAVES)}.")
@click.option("--invalid-since", default="", metavar="TIME", help="When the key was probably compromised (UTC).")
@click.option("--note", default="", help=f"Note for the audit log; at most {MAX_NOTE} characters.")
@click.option("--dry-run", is_flag=True, help="Preview the effect without revoking.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (for scripts).")
@pass_session
def command(
    session: Session,
    /,
    serial_numbers: tuple[str, ...],
    key: str,
    host: str,
    cluster: int | None,
    reason: str,
    invalid_since: str,
    note: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Revoke certificates.

    Select them by SERIAL, key, host or cluster. A hold (certificateHold) can be released; every other reason is
    permanent. The command shows the effect first, and asks you to type the host name or the number of certificates.
    """
    installation = session.ready()
    selection = selected(installation, serial_numbers, key, host, cluster)
    why, since = read_leaf_reason(reason), read_invalid_since(invalid_since)
    planned = installation.revocation.preview(operator(), selection, why, invalid_since=since)
    if planned.changed and not dry_run:
        confirm(session.console, planned, is_confirmed=yes)
        planned = installation.revocation.revoke(operator(), selection, why, invalid_since=since, note=note)
    session.console.answer(RevocationResultDocument.of(planned, done=not dry_run), outcome_lines(planned))
