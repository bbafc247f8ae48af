"""`user`: the accounts of people and scripts."""

from __future__ import annotations

import click

from ca_service.authority.access.permissions import Role
from ca_service.authority.people.passwords import NO_PASSWORD
from ca_service.authority.people.records import AccountRecord
from ca_service.cli.console import table
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import read_password
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.people import (
    AccountDocument,
    AccountsDocument,
    ResetAccountDocument,
    SessionDocument,
    SessionsDocument,
)
from ca_service.pki.encodings import time_text

_ROLES = tuple(role.value for role in Role)
_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input.  [default: ask for it]"
)


@declare(
    "create", "ca-service user create anna --role administrator", "ca-service user create bob --password-stdin < FILE"
)
@click.argument("name")
@click.option(
    "--role", type=click.Choice(_ROLES), default=Role.REQUESTER.value, show_default=True, help="Role of the account."
)
@click.option("--mail", "mail_address", default="", help="Mail address for messages about requests.")
@_password_option
@pass_session
def create(session: Session, name: str, role: str, mail_address: str, password_stdin: bool) -> None:
    """Create the account NAME."""
    accounts = session.ready().accounts
    password = read_password(from_standard_input=password_stdin)
    account = accounts.create(operator(), name, Role(role), password, mail_address)
    session.console.answer(AccountDocument.of(account), [f"Created {account.name} ({account.role.value})."])


@declare("list", "ca-service user list")
@pass_session
def list_(session: Session) -> None:
    """List all accounts."""
    accounts = session.ready().accounts.list_accounts(operator())
    rows = (
        (found.name, found.role.value, time_text(found.created_at), found.mail_address or "-", _state(found))
        for found in accounts
    )
    lines = table(("name", "role", "created", "mail", "state"), rows)
    session.console.answer(
        AccountsDocument(accounts=[AccountDocument.of(found) for found in accounts]),
        lines or ["There are no accounts yet."],
    )


def _state(account: AccountRecord) -> str:
    if account.disabled_at:
        return "disabled"
    return "no password yet" if account.password_hash == NO_PASSWORD else "active"


@declare("password", "ca-service user password anna", "ca-service user password anna --password-stdin < FILE")
@click.argument("name")
@_password_option
@pass_session
def password(session: Session, name: str, password_stdin: bool) -> None:
    """Set a new password for the account NAME, and end its sessions."""
    accounts = session.ready().accounts
    accounts.get(name)  # before the user types a password for nothing
    new = read_password(from_standard_input=password_stdin)
    account = accounts.set_password(operator(), name, new)
    session.console.answer(AccountDocument.of(account), [f"{account.name} has a new password."])


@declare("disable", "ca-service user disable anna")
@click.argument("name")
@pass_session
def disable(session: Session, name: str) -> None:
    """Disable the account NAME with its sessions and tokens."""
    account = session.ready().accounts.set_disabled(operator(), name, True)
    session.console.answer(AccountDocument.of(account), [f"{account.name} is disabled."])


@declare("enable", "ca-service user enable anna")
@click.argument("name")
@pass_session
def enable(session: Session, name: str) -> None:
    """Enable the account NAME again."""
    account = session.ready().accounts.set_disabled(operator(), name, False)
    session.console.answer(AccountDocument.of(account), [f"{account.name} can sign in again."])


@declare("role", "ca-service user role anna approver")
@click.argument("name")
@click.argument("role", type=click.Choice(_ROLES))
@pass_session
def role_(session: Session, name: str, role: str) -> None:
    """Change the role of the account NAME, and end its sessions."""
    account = session.ready().accounts.set_role(operator(), name, Role(role))
    session.console.answer(AccountDocument.of(account), [f"{account.name} is {account.role.value} now."])


@declare("mail", "ca-service user mail anna anna@example.com", "ca-service user mail anna ''")
@click.argument("name")
@click.argument("address")
@pass_session
def mail(session: Session, name: str, address: str) -> None:
    """Set the mail ADDRESS of the account NAME for messages about requests; '' removes it."""
    account = session.ready().accounts.set_mail_address(operator(), name, address)
    said = (
        f"Messages for {account.name} go to {account.mail_address}."
        if account.mail_address
        else f"{account.name} gets no mail."
    )
    session.console.answer(AccountDocument.of(account), [said])


@declare("unlock", "ca-service user unlock anna")
@click.argument("name")
@pass_session
def unlock(session: Session, name: str) -> None:
    """Unlock the account NAME after failed attempts to sign in, here or at nodes."""
    installation = session.ready()
    installation.rescue.unlock(operator(), name)
    account = installation.accounts.get(name)
    session.console.answer(AccountDocument.of(account), [f"{account.name} can try again immediately."])


@declare("reset", "ca-service user reset anna", "ca-service user reset anna --json | jq -r .url")
@click.argument("name")
@pass_session
def reset(session: Session, name: str) -> None:
    """Reset the access of the account NAME, and print a link to choose a new password.

    This removes password, second factors, sessions and locks. The link works once, for 24 hours; running the command
    again replaces it. A disabled account stays disabled.
    """
    server = session.program.prepare_server(session.instance_path, None, None)  # it knows where people reach us
    made = session.ready().rescue.reset(operator(), name)
    url = f"{server.url}/welcome/{made.secret}"
    session.console.answer(ResetAccountDocument.of(made.account, url=url), [url])
    session.console.remark(f"{made.account.name} chooses a new password there, once, within 24 hours.")


@declare("sessions", "ca-service user sessions anna", "ca-service user sessions anna --end")
@click.argument("name")
@click.option("--end", is_flag=True, help="End all sessions.")
@pass_session
def sessions(session: Session, name: str, end: bool) -> None:
    """List the sessions of the account NAME, most recently used first; --end ends them."""
    people = session.ready()
    found = people.sessions.list_of(operator(), name)
    ended = people.sessions.end_all(operator(), name) if end else 0
    rows = (
        (time_text(each.created_at), time_text(each.seen_at), each.method, each.address, each.user_agent)
        for each in found
    )
    lines = table(("signed in", "last seen", "by", "from", "browser"), rows) or [f"{name} is signed in nowhere."]
    document = SessionsDocument(sessions=[SessionDocument.of(each) for each in found], ended=end)
    session.console.answer(document, [*lines, *([f"All sessions of {name} are ended."] if ended else [])])


command = click.Group(
    "user",
    commands=[create, list_, password, role_, mail, disable, enable, unlock, reset, sessions],
    help="Manage accounts.",
)
