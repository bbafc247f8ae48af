"""Knows `crl revoke-authority`: the end of an intermediate, which has to be meant."""

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
@click.option("--note", default="", metavar="TEXT", help="Why, for the record.")
@click.option("--confirm", metavar="ISSUER", help="The name of the authority once more.  [default: ask for it]")
@pass_session
def revoke_authority(session: Session, issuer: str, reason: str, note: str, confirm: str | None) -> None:
    """Revoke the intermediate ISSUER by the list of the root, for good.

    Every certificate that it has issued becomes worthless, and it issues no more. This cannot be undone.
    """
    revocation, wanted = session.ready().authority_revocation, read_authority_reason(reason)
    seen = revocation.preview(operator(), issuer, wanted)
    require_typed(issuer, confirm, session.console.finding_lines(seen.findings))
    done = revocation.revoke(operator(), issuer, wanted, note=note)
    lines = session.console.finding_lines(done.findings[1:])
    session.console.answer(
        AuthorityRevocationDocument.of(done), (f"Revoked: {done.issuer.id}. It issues no more.", *lines)
    )
