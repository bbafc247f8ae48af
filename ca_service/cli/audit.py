"""`audit`: list, seal and export the audit log."""

from __future__ import annotations

from dataclasses import replace

import click

from ca_service.authority.audit.entries import EventQuery, EventSort
from ca_service.authority.audit.log import Head
from ca_service.authority.audit.queries import asked
from ca_service.authority.audit.wording import sentence_of
from ca_service.cli.audit_files import export, filtered, verify
from ca_service.cli.console import fields, table
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.audit import EventsDocument, HeadDocument, NewestSealDocument, SealedDocument
from ca_service.pki.encodings import time_text


@declare(
    "list",
    "ca-service audit list --since 2026-11-01 --event certificates",
    "ca-service audit list --actor vera --text uccx1",
)
@filtered
@click.option("--oldest", is_flag=True, help="Oldest first.  [default: newest first]")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many.")
@click.option("--cursor", default="", help="Where to go on: `next` of the answer before.")
@pass_session
def list_(session: Session, /, oldest: bool, limit: int, cursor: str, **asked_for: str) -> None:
    """List events: actor, action, time and origin."""
    sort: EventSort = "oldest" if oldest else "newest"
    query: EventQuery = replace(asked(asked_for), sort=sort, limit=limit, cursor=cursor)
    page = session.ready().audit_log.list_events(operator(), query)
    rows = (
        (str(each.id), time_text(each.at), each.actor, each.origin, str(sentence_of(each)), str(each.seal or "-"))
        for each in page.items
    )
    lines = table(("event", "when", "who", "from", "what", "seal"), rows)
    document = EventsDocument.of(page.items, page.next_cursor or None)
    session.console.answer(document, lines or ["No event is like that."])
    if page.next_cursor:
        session.console.remark(f"There are more: --cursor {page.next_cursor}")


@declare("head", "ca-service audit head", "ca-service audit head --json > head-2026-11.json")
@pass_session
def head(session: Session) -> None:
    """Show the newest seal. Store it elsewhere: it proves later that no events were removed from the end.

    Pass the output, NUMBER:HASH, to `audit verify --expect-head`.
    """
    record = session.ready().audit_log
    found = record.head(operator())
    newest = HeadDocument.of(found) if found else None
    document = NewestSealDocument(head=newest, has_unsealed=record.has_unsealed(operator()))
    if found is None:
        session.console.answer(document, ["Nothing is sealed yet: ca-service audit seal"])
        return
    session.console.answer(document, [f"{found.anchor.number}:{found.anchor.hash}"])
    session.console.remark(*_around(found))


def _around(found: Head) -> list[str]:
    """Beside the output: what is kept elsewhere is the one line that is taken back."""
    return fields((("sealed", time_text(found.at)), ("last event", str(found.last)), ("sealing key", found.key)))


@declare("seal", "ca-service audit seal")
@pass_session
def seal(session: Session) -> None:
    """Seal the events that have no seal yet. Safe to run at any time."""
    count = session.ready().audit_log.seal(operator())
    session.console.answer(
        SealedDocument(sealed=count), [f"Sealed: {count}" if count else "Everything was sealed already."]
    )


command = click.Group(
    "audit", commands=[list_, export, verify, head, seal], help="Read, verify and export the audit log."
)
