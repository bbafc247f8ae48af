"""`token`: the API tokens that scripts use instead of a password."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.access.credentials import MAX_TOKEN_DAYS
from ca_service.authority.access.permissions import SCOPES, Role
from ca_service.authority.people.records import TokenRecord
from ca_service.authority.people.token_limits import DEFAULT_SCOPES, TokenLimits, known_scopes, scopes_for
from ca_service.cli.console import table
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.people import CreatedTokenDocument, RevokedTokensDocument, TokenDocument, TokensDocument
from ca_service.pki.encodings import time_text

_SCOPES_HELP = f"Permission, one of {', '.join(SCOPES)}; repeat the option for several."
_account_option = click.option("--account", required=True, metavar="NAME", help="Account that the token acts for.")


@declare(
    "create",
    "ca-service token create --account anna --label 'renewal script'",
    "TOKEN=$(ca-service token create --account anna)",
    "ca-service token create --account anna --scope submit --name '*.uc.example.com' \\",
    "    --profile vos --network 10.0.0.0/8",
)
@_account_option
@click.option("--label", default="command line", show_default=True, help="Name or purpose.")
@click.option("--days", type=int, default=90, show_default=True, help=f"Lifetime in days, {MAX_TOKEN_DAYS} at most.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", default=DEFAULT_SCOPES, show_default=True, help=_SCOPES_HELP
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only for this host, *.DOMAIN, address or network; repeat the option for several.",
)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="PROFILE",
    help="Only for this profile; repeat the option for several.",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="Only from this network; repeat the option for several.",
)
@pass_session
def create(session: Session, /, account: str, label: str, days: int, **limits: tuple[str, ...]) -> None:
    """Create an API token. It is shown once, and not stored."""
    installation = session.ready()
    made = installation.tokens.create(operator(), account, label, days, TokenLimits(**limits))
    role = installation.accounts.get(account).role.value
    document = CreatedTokenDocument.of(made.record, account, role, token=made.secret)
    session.console.answer(document, [made.secret])
    session.console.remark(
        f"Token {made.record.id} of {account}, until {time_text(made.record.expires_at)}. It is not shown again.",
        f"It may: {_limits(made.record)}.",
        *_without_effect(made.record, role),
        "Send it as: Authorization: Bearer TOKEN",
    )


def _without_effect(token: TokenRecord, role: str) -> Iterator[str]:
    """Yield which scopes the role of the account does not allow."""
    if scopes := [scope for scope in known_scopes(token) if scope not in scopes_for(Role(role))]:
        yield f"The role {role} does not allow all of: {', '.join(scopes)}."


def _limits(token: TokenRecord) -> str:
    """Return the limits of a token on one line: `submit; names *.uc.example.com; profiles vos; from 10.0.0.0/8`."""
    bounds = {"names": token.names, "profiles": token.profiles, "from": token.networks}
    parts = (f"{what} {', '.join(values)}" for what, values in bounds.items() if values)
    return "; ".join((", ".join(known_scopes(token)), *parts))


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
            time_text(found.expires_at),
            time_text(found.last_used_at) if found.last_used_at else "never",
            _limits(found),
            found.state(now),
        )
        for found in tokens
    )
    lines = table(("id", "begins with", "label", "expires", "last used", "may", "state"), rows)
    role = installation.accounts.get(account).role.value
    document = TokensDocument(tokens=[TokenDocument.of(found, account, role) for found in tokens])
    session.console.answer(document, lines or [_none(account)])


def _none(account: str) -> str:
    return f"{account} has no tokens."


@declare("revoke", "ca-service token revoke --account anna 3", "ca-service token revoke --account anna --all")
@_account_option
@click.argument("token_id", metavar="[ID]", type=int, required=False)
@click.option("--all", "every", is_flag=True, help="All tokens of the account.")
@pass_session
def revoke(session: Session, account: str, token_id: int | None, every: bool) -> None:
    """Revoke the token ID of an account, or all its tokens."""
    if every is (token_id is not None):
        raise click.UsageError("Give either the ID of a token or --all.")
    installation = session.ready()
    tokens = installation.tokens
    if token_id is None:
        count = tokens.revoke_all(operator(), account)
        document = RevokedTokensDocument(account=account, revoked=count)
        session.console.answer(document, [f"{count} tokens of {account} are revoked."])
        return
    tokens.revoke(operator(), account, token_id)
    [revoked] = [found for found in tokens.list_of(operator(), account) if found.id == token_id]
    role = installation.accounts.get(account).role.value
    session.console.answer(TokenDocument.of(revoked, account, role), [f"Token {token_id} of {account} is revoked."])


command = click.Group("token", commands=[create, list_, revoke], help="Manage API tokens.")
