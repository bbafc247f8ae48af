"""`notices`: the messages about expiring certificates, sent and upcoming."""

from __future__ import annotations

import click

from ca_service.authority.notices.records import Message, MessageQuery, MessageState
from ca_service.cli.console import table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.operations import (
    MessageDocument,
    MessagesDocument,
    RevivedDocument,
    UpcomingDocument,
    UpcomingListDocument,
)
from ca_service.pki.encodings import time_text

_MOST = 200


@declare("list", "ca-service notices list", "ca-service notices list --state dead", "ca-service notices list --coming")
@click.option(
    "--state", type=click.Choice([state.value for state in MessageState]), help="Only messages in this state."
)
@click.option("--search", "text", default="", help="Only entries with this text in name, subject or recipient.")
@click.option("--coming", is_flag=True, help="List the notices of the next 90 days instead of messages.")
@pass_session
def list_(session: Session, state: str | None, text: str, coming: bool) -> None:
    """List the newest messages, or the upcoming notices; 200 at most."""
    if coming:
        _list_coming(session, text)
        return
    query = MessageQuery(text, state or "", limit=_MOST)
    wanted = {"q": text, "state": state, "limit": _MOST}
    found = session.ask(
        lambda here: MessagesDocument.of(here.deliveries.list_messages(operator(), query).items),
        lambda api: api.get(MessagesDocument, "messages", query=wanted),
    )
    lines = table(("id", "state", "created", "recipient", "subject", "last error"), map(_row, found.messages))
    session.console.answer(found, lines or ["No messages."])


def _list_coming(session: Session, text: str) -> None:
    wanted = {"q": text, "limit": _MOST}
    found = session.ask(
        lambda here: UpcomingListDocument.of(here.notices.list_coming(operator(), text, limit=_MOST).items),
        lambda api: api.get(UpcomingListDocument, "notices", query=wanted),
    )
    lines = table(("ends", "next notice", "kind", "name"), map(_coming_row, found.coming))
    session.console.answer(found, lines or ["Nothing expires soon."])


def _coming_row(coming: UpcomingDocument) -> tuple[str, ...]:
    return (time_text(coming.not_after), time_text(coming.next_notice_at), coming.kind, coming.name)


def _row(message: MessageDocument) -> tuple[str, ...]:
    made = time_text(message.created_at)
    state = message.state if message.attempts < 2 else f"{message.state} ({message.attempts} attempts)"
    return (str(message.id), state, made, message.recipient, message.subject, message.last_error)


@declare("retry", "ca-service notices retry 17", "ca-service notices retry 17 18 19")
@click.argument("numbers", metavar="ID...", type=click.IntRange(1, 2**31 - 1), nargs=-1, required=True)
@pass_session
def retry(session: Session, numbers: tuple[int, ...]) -> None:
    """Retry the failed messages ID; the job `outbox` delivers them."""
    revived = session.ready().deliveries.retry(operator(), numbers)
    session.console.answer(RevivedDocument(revived=revived), [f"{revived} will be tried again within a minute."])


@declare("test", "ca-service notices test")
@pass_session
def test(session: Session) -> int:
    """Send a test message now through every configured channel."""
    sent = session.ready().deliveries.test(operator())
    lines = table(("channel", "recipient", "state", "last error"), map(_test_row, sent))
    session.console.answer(MessagesDocument.of(sent), lines)
    is_good = all(message.state is MessageState.SENT for message in sent)
    return ExitCode.OK if is_good else ExitCode.UNREACHABLE


def _test_row(message: Message) -> tuple[str, ...]:
    return (message.channel, message.recipient, message.state.value, message.last_error)


command = click.Group("notices", commands=[list_, retry, test], help="Review and test expiry notices.")
