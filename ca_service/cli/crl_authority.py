"""`crl revoke-authority`: revoke an intermediate, after a confirmation."""

from __future__ import annotations

import click

from ca_service.cli.grammar import declare
from ca_service.cli.inputs import require_typed
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.revocations import AuthorityRevocationDocument
from ca_service.pki.reasons import FOR_AUTHORITIES, read_authority_reason


@declare(
    "revoke-authority",
    "ca-service crl revoke-authority intermediate-g1 --reason cACompromise",
    "ca-service crl revoke-authority intermediate-g1 --reason superseded --confirm intermediate-g1",
)
@click.argument("issuer")
@click.option("--reason", required=True, metavar="REASON", help=f"One of: {', '.join(FOR_AUTHORITIES)}.")
@click.option("--note", default="", metavar="TEXT", help="Note for the audit log.")
@click.option("--confirm", metavar="ISSUER", help="Name of the authority, to confirm.  [default: ask for it]")
@pass_session
def revoke_authority(session: Session, issuer: str, reason: str, note: str, confirm: str | None) -> None:
    """Revoke the intermediate ISSUER permanently, with the CRL of the root.

    Every certificate that it issued becomes invalid, and it stops issuing. This cannot be undone.
    """
    revocation, wanted = session.ready().authority_revocation, read_authority_reason(reason)
    seen = revocation.preview(operator(), issuer, wanted)
    require_typed(issuer, confirm, session.console.finding_lines(seen.findings))
    done = revocation.revoke(operator(), issuer, wanted, note=note)
    lines = session.console.finding_lines(done.findings[1:])
    session.console.answer(
        AuthorityRevocationDocument.of(done), (f"Revoked: {done.issuer.id}. It issues no more.", *lines)
    )
