"""`requests`: the requests that wait for a decision, and the decisions."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.issuance.records import Moment, RequestQuery, RequestRecord, State, timeline
from ca_service.cli.console import Console, fields, table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.requests import RequestDocument, RequestsDocument
from ca_service.pki.encodings import time_text

_STATES = tuple(state.value for state in State)
_number = click.argument("number", metavar="NUMBER", type=int)


@declare("list", "ca-service requests list", "ca-service requests list --state refused --search uccx1")
@click.option(
    "--state",
    type=click.Choice((*_STATES, "all")),
    default="submitted",
    show_default=True,
    help="State of the requests.",
)
@click.option(
    "--search", default="", metavar="TEXT", help="Only requests with this text in a name or in the requester."
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="Maximum number of requests.")
@click.option("--cursor", default="", help="Continue a list: `next` of the previous answer.")
@pass_session
def list_(session: Session, state: str, search: str, limit: int, cursor: str) -> None:
    """List requests, oldest first; by default those that wait for a decision."""
    wanted = None if state == "all" else State(state)
    query = RequestQuery(text=search, state=wanted, sort="oldest", cursor=cursor, limit=limit)
    page = session.ready().requests.list_requests(operator(), query)
    rows = (
        (
            str(each.id),
            each.state.value,
            each.host,
            each.options.profile,
            each.submitted_by,
            time_text(each.submitted_at),
        )
        for each in page.items
    )
    lines = table(("number", "state", "host", "profile", "submitted by", "submitted"), rows)
    document = RequestsDocument.of(page.items, following=page.next_cursor or None)
    session.console.answer(document, lines or ["There are no such requests."])
    if page.next_cursor:
        session.console.remark(f"There are more: --cursor {page.next_cursor}")


@declare("show", "ca-service requests show 12", "ca-service requests show 12 --json")
@_number
@pass_session
def show(session: Session, number: int) -> None:
    """Show the request NUMBER: its content, the findings and its history."""
    found = session.ready().requests.get(operator(), number)
    session.console.answer(RequestDocument.of(found), _lines(session.console, found))


@declare("approve", "ca-service requests approve 12", "ca-service requests approve 12 --note 'as agreed'")
@_number
@click.option("--note", default="", help="Note for the requester.")
@pass_session
def approve(session: Session, number: int, note: str) -> int:
    """Approve the request NUMBER and sign it, or retry an approved request whose signing failed."""
    found = session.ready().requests.approve(operator(), number, note)
    session.console.answer(RequestDocument.of(found), _lines(session.console, found))
    return ExitCode.OK if found.state is State.ISSUED else ExitCode.ERROR


@declare("refuse", "ca-service requests refuse 12 --note 'The parent domain is wrong.'")
@_number
@click.option("--note", default="", help="Note for the requester: what to change.  [required]")
@pass_session
def refuse(session: Session, number: int, note: str) -> None:
    """Refuse the request NUMBER, with a note."""
    found = session.ready().requests.refuse(operator(), number, note)
    session.console.answer(RequestDocument.of(found), _lines(session.console, found))


def _lines(console: Console, found: RequestRecord) -> list[str]:
    about = (
        ("request", str(found.id)),
        ("state", found.state.value),
        ("host", found.host),
        ("subject", found.subject),
        ("names", ", ".join(found.names)),
        ("profile", found.options.profile),
        *((each.state.value, _happened(each, found)) for each in timeline(found)),
        ("note", found.note),
        ("serial", found.serial_number or ""),
    )
    told = [*console.finding_lines(found.findings), *console.finding_lines(found.failure)]
    return [*fields(((name, value) for name, value in about if value), indent=0), *told, *_next(found)]


def _happened(each: Moment, found: RequestRecord) -> str:
    by = f"rule {found.rule} because {found.why}" if each.state is State.APPROVED and found.rule else each.by
    return f"{time_text(each.at)}{f' by {by}' if by else ''}{f' ({each.origin})' if each.origin else ''}"


def _next(found: RequestRecord) -> Iterator[str]:
    """Return the next step, if there is one."""
    if found.is_undecided:
        yield f"Decide: ca-service requests approve {found.id}, or refuse {found.id} --note TEXT"
    if found.serial_number:
        yield f"Take it home: ca-service show {found.serial_number} --format zip"


command = click.Group("requests", commands=[list_, show, approve, refuse], help="Review and decide on requests.")
