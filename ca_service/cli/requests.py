"""`requests`: the requests that wait for a decision, and the decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import click

from ca_service.authority.installation import Installation
from ca_service.authority.issuance.records import UNDECIDED, RequestPage, RequestQuery, RequestRecord, State, timeline
from ca_service.cli.api import API, cursor_of
from ca_service.cli.console import Console, fields, table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.requests import RequestDocument, RequestsDocument
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible

History = Sequence[tuple[State, str]]
_STATES = tuple(state.value for state in State)
_number = click.argument("number", metavar="NUMBER", type=int)


@declare("list", "ca-service requests list", "ca-service requests list --state refused --search uccx1")
@click.option(
    "--state",
    type=click.Choice((*_STATES, "all")),
    default="submitted",
    show_default=True,
    help="State of the requests; a submitted one waits for approval.",
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
    document = session.ask(
        lambda here: _page(here.requests.list_requests(operator(), query)), lambda api: _page_of(api, query)
    )
    rows = (
        (str(each.id), _word(each.state), each.host, each.profile, each.submitted_by, time_text(each.submitted_at))
        for each in document.requests
    )
    lines = table(("number", "state", "host", "profile", "submitted by", "submitted"), rows)
    lines += session.console.finding_lines(document.findings)
    session.console.answer(document, lines or ["There are no such requests."])
    if document.next:
        session.console.remark(f"There are more: --cursor {visible(document.next)}")


def _word(state: str) -> str:
    """Return the word for people: that of the pages for a request without a decision."""
    return "waiting for approval" if state == State.SUBMITTED else state


def _page(found: RequestPage) -> RequestsDocument:
    return RequestsDocument.of(found.items, found.findings, found.next_cursor or None)


def _page_of(api: API, query: RequestQuery) -> RequestsDocument:
    wanted = {"q": query.text, "state": query.state, "sort": query.sort, "cursor": query.cursor, "limit": query.limit}
    found = api.get(RequestsDocument, "requests", query=wanted)
    return found.model_copy(update={"next": cursor_of(found.next)})


@declare("show", "ca-service requests show 12", "ca-service requests show 12 --json")
@_number
@pass_session
def show(session: Session, number: int) -> None:
    """Show the request NUMBER: its content, the findings and its history."""
    _tell(
        session,
        lambda here: here.requests.get(operator(), number),
        lambda api: api.get(RequestDocument, "requests", number),
    )


@declare("approve", "ca-service requests approve 12", "ca-service requests approve 12 --note 'as agreed'")
@_number
@click.option("--note", default="", help="Note for the requester.")
@pass_session
def approve(session: Session, number: int, note: str) -> int:
    """Approve the request NUMBER and sign it, or retry an approved request whose signing failed."""
    found = _tell(
        session,
        lambda here: here.requests.approve(operator(), number, note),
        lambda api: api.post(RequestDocument, "requests", number, "approve", body={"note": note}),
    )
    return ExitCode.OK if State(found.state) is State.ISSUED else ExitCode.ERROR


@declare("refuse", "ca-service requests refuse 12 --note 'The parent domain is wrong.'")
@_number
@click.option("--note", default="", help="Note for the requester: what to change.  [required]")
@pass_session
def refuse(session: Session, number: int, note: str) -> None:
    """Refuse the request NUMBER, with a note."""
    _tell(
        session,
        lambda here: here.requests.refuse(operator(), number, note),
        lambda api: api.post(RequestDocument, "requests", number, "refuse", body={"note": note}),
    )


def _tell(
    session: Session, here: Callable[[Installation], RequestRecord], there: Callable[[API], RequestDocument]
) -> RequestDocument:
    """Answer with a request, and return it. Only the installation says from which addresses persons acted."""
    found, history = session.ask(lambda installation: _described(here(installation)), lambda api: _dated(there(api)))
    session.console.answer(found, _lines(session.console, found, history))
    return found


def _described(found: RequestRecord) -> tuple[RequestDocument, History]:
    document = RequestDocument.of(found)
    return document, [
        (each.state, _happened(document, each.state, each.at, each.by, each.origin)) for each in timeline(found)
    ]


def _dated(found: RequestDocument) -> tuple[RequestDocument, History]:
    history = [(State.SUBMITTED, _happened(found, State.SUBMITTED, found.submitted_at, found.submitted_by))]
    if found.decided_at:
        state = State(found.state) if found.state in (State.REFUSED, State.WITHDRAWN) else State.APPROVED
        history.append((state, _happened(found, state, found.decided_at, found.decided_by or "")))
    return found, history


def _happened(found: RequestDocument, state: State, at: datetime, by: str, origin: str = "") -> str:
    if state is State.APPROVED and found.rule:
        by = f"rule {found.rule} because {' and '.join(found.reasons)}"
    return f"{time_text(at)}{f' by {by}' if by else ''}{f' ({origin})' if origin else ''}"


def _lines(console: Console, found: RequestDocument, history: History) -> list[str]:
    about = (
        ("request", str(found.id)),
        ("state", _word(found.state)),
        ("host", found.host),
        ("subject", found.subject),
        ("names", ", ".join(found.subject_alternative_name)),
        ("profile", found.profile),
        ("purpose", found.purpose),
        ("lifetime", f"{found.validity_days} days" if found.validity_days else ""),
        *((state.value, text) for state, text in history),
        ("note", found.note or ""),
        ("serial", found.serial_number or ""),
    )
    told = [*console.finding_lines(found.findings), *console.finding_lines(found.failure)]
    return [*fields(((name, value) for name, value in about if value), indent=0), *told, *_next(found)]


def _next(found: RequestDocument) -> Iterator[str]:
    """Return the next step, if there is one."""
    if State(found.state) in UNDECIDED:
        yield f"Decide: ca-service requests approve {found.id}, or refuse {found.id} --note TEXT"
    if found.serial_number:
        yield f"Write its bundle: ca-service show {found.serial_number} --format zip"


command = click.Group("requests", commands=[list_, show, approve, refuse], help="Review and decide on requests.")
