"""Knows `token`: what scripts show instead of a password."""

from __future__ import annotations

import click

from ca_service.authority.credentials import MAX_TOKEN_DAYS
from ca_service.cli.console import table
from ca_service.cli.documents import moment, token_document
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session

_account_option = click.option("--account", required=True, metavar="NAME", help="Account that the token acts for.")


@declare(
    "create",
    "ca-service token create --account anna --label 'renewal script'",
    "TOKEN=$(ca-service token create --account anna)",
)
@_account_option
@click.option("--label", default="command line", show_default=True, help="What the token is for.")
@click.option("--days", type=int, default=90, show_default=True, help=f"Lifetime in days, {MAX_TOKEN_DAYS} at most.")
@pass_session
def create(session: Session, account: str, label: str, days: int) -> None:
    """Make an API token. It is shown once, and kept nowhere."""
    made = session.ready().tokens.create(operator(), account, label, days)
    session.console.answer({"token": made.secret, **token_document(made.record, account)}, [made.secret])
    session.console.remark(
        f"Token {made.record.id} of {account}, until {moment(made.record.expires_at)}. It is not shown again.",
        "Send it as: Authorization: Bearer TOKEN",
    )


@declare("list", "ca-service token list --account anna")
@_account_option
@pass_session
def list_(session: Session, account: str) -> None:
    """List the tokens of an account, newest first."""
    installation = session.ready()
    tokens = installation.tokens.list_of(operator(), account)
    now = installation.clock()
    rows = (
        (
            str(found.id),
            f"{found.prefix}...",
            found.label,
            moment(found.expires_at),
            moment(found.last_used_at) if found.last_used_at else "never",
            "revoked" if found.revoked_at else "expired" if found.expires_at <= now else "valid",
        )
        for found in tokens
    )
    lines = table(("id", "begins with", "label", "expires", "last used", "state"), rows)
    session.console.answer({"tokens": [token_document(found, account) for found in tokens]}, lines or [_none(account)])


def _none(account: str) -> str:
    return f"{account} has no tokens."


@declare("revoke", "ca-service token revoke --account anna 3")
@_account_option
@click.argument("token_id", metavar="ID", type=int)
@pass_session
def revoke(session: Session, account: str, token_id: int) -> None:
    """End the token ID of an account at once."""
    tokens = session.ready().tokens
    tokens.revoke(operator(), account, token_id)
    [revoked] = [found for found in tokens.list_of(operator(), account) if found.id == token_id]
    session.console.answer(token_document(revoked, account), [f"Token {token_id} of {account} is revoked."])


command = click.Group("token", commands=[create, list_, revoke], help="Manage API tokens.")
