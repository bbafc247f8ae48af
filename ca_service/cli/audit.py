"""`audit`: list, seal, export and verify the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import click

from ca_service.authority.audit import verifying
from ca_service.authority.audit.entries import EventPage, EventQuery, EventSort
from ca_service.authority.audit.queries import asked
from ca_service.authority.audit.verifying import MAX_LINE, Anchor, Checked, Expected
from ca_service.authority.audit.wording import Category
from ca_service.authority.installation import Installation
from ca_service.cli.api import API, cursor_of
from ca_service.cli.console import fields, table
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD, read_lines
from ca_service.cli.outputs import Target, force_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.audit import (
    AuditExportDocument,
    EventsDocument,
    HeadDocument,
    NewestSealDocument,
    SealedDocument,
    VerificationDocument,
)
from ca_service.errors import Conflict, InvalidInput, Refused, Rule
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible

EXPECTED_HEAD: Final = Rule(
    "audit.expectation",
    "This is not a seal.",
    "Give what `ca-service audit head` printed: NUMBER:HASH.",
)
EXPECTED_KEY: Final = Rule(
    "audit.expected-key",
    "This is not the fingerprint of a sealing key.",
    "Give the fingerprint that `ca-service audit head` printed: 64 digits.",
)

FILE_NAME: Final = "audit-log.jsonl"
_HEAD: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_KEY: Final = re.compile(r"[0-9a-f]{64}")


def filtered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select events to a command."""
    options = (
        click.option("--text", "q", default="", help="Text in any part of the event."),
        click.option("--event", default="", help=f"Name of an event, or one of: {', '.join(Category)}."),
        click.option("--actor", default="", metavar="NAME", help="Actor."),
        click.option("--subject", default="", help="Subject: a serial number, a cluster, an account."),
        click.option("--since", default="", metavar="WHEN", help="From this date or time (UTC)."),
        click.option("--until", default="", metavar="WHEN", help="Up to and including this date or time (UTC)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@declare(
    "export",
    "ca-service audit export --out audit-log.jsonl",
    "ca-service audit export --since 2026-11-01 --event certificates --out november.jsonl",
)
@filtered
@click.option("--out", metavar="FILE", help="File or folder to write to.  [default: standard output]")
@force_option
@pass_session
def export(session: Session, /, out: str | None, force: bool, **asked_for: str) -> None:
    """Export the audit log as JSON lines; `audit verify` needs only this file.

    Export all events, or those that the options select: a partial export proves its events, not that none is
    missing. All events are sealed before, and the export itself becomes an event.
    """
    target = Target(out or (FILE_NAME if session.console.as_json else STANDARD), force)
    target.check(session.console)
    query = asked(asked_for)
    path = target.write_pieces(FILE_NAME, session.ready().audit_log.export(operator(), query))
    if path:
        document = AuditExportDocument(file=str(path), complete=query.is_everything)
        session.console.answer(document, [f"Written: {visible(str(path))}"])


@declare(
    "verify",
    "ca-service audit verify audit-log.jsonl --expect-head 12:4f1c...",
    "ca-service audit verify",
)
@click.argument("file", required=False)
@click.option("--expect-head", metavar="NUMBER:HASH", help="Seal that was stored elsewhere and must be in the log.")
@click.option("--expect-key", metavar="SHA-256", help="Required fingerprint of the sealing key.")
@pass_session
def verify(session: Session, file: str | None, expect_head: str | None, expect_key: str | None) -> None:
    """Verify the exported audit log in FILE (`-` is standard input), or the one in the database without FILE.

    FILE is verified offline; the log in the database is compared with the tables as well. Exit code 4: an event is not
    valid, and the first one is named, or the tables differ. A row that cannot be read is named, and the others are
    compared.
    """
    expected = Expected(_anchor(expect_head), _key(expect_key))
    if file is None:
        checked = _stored(session.ready(), expected)
    else:
        checked = verifying.verify(read_lines(file, MAX_LINE), expected)
    session.console.answer(VerificationDocument.of(checked), _lines(checked))


def _stored(installation: Installation, expected: Expected) -> Checked:
    """Verify the stored log, and compare it with the tables, even if the log is not intact."""
    try:
        checked = installation.audit_log.verify(operator(), expected)
    except (Refused, Conflict) as error:
        installation.agreement.require_agreement(operator(), error.findings)
        raise
    installation.agreement.require_agreement(operator())
    return checked


def _anchor(text: str | None) -> Anchor | None:
    if text is None:
        return None
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise InvalidInput(EXPECTED_HEAD.at("/expect-head"))
    return Anchor(int(found[1]), found[2])


def _key(text: str | None) -> str:
    found = (text or "").strip().lower().replace(":", "")
    if text is not None and not _KEY.fullmatch(found):
        raise InvalidInput(EXPECTED_KEY.at("/expect-key"))
    return found


def _lines(checked: Checked) -> list[str]:
    if not checked.seals and checked.complete:
        return ["Nothing is sealed yet: ca-service audit seal"]
    found = (
        ("events", str(checked.events)),
        ("seals", str(checked.seals)),
        ("newest seal", f"{checked.head.number}:{checked.head.hash}"),
        ("sealing key", checked.key),
    )
    said = (
        "The audit log is intact."
        if checked.complete
        else "The events in this file are intact. A filter omitted the others."
    )
    return [said, *fields(found)]


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
    document = session.ask(
        lambda here: _page(here.audit_log.list_events(operator(), query)),
        lambda api: _page_of(api, {**asked_for, "sort": sort, "limit": limit, "cursor": cursor}),
    )
    rows = (
        (str(each.id), time_text(each.at), each.actor, each.origin, each.text, str(each.seal or "-"))
        for each in document.events
    )
    lines = table(("event", "when", "who", "from", "what", "seal"), rows)
    session.console.answer(document, lines or ["No event is like that."])
    if document.next:
        session.console.remark(f"There are more: --cursor {visible(document.next)}")


def _page(found: EventPage) -> EventsDocument:
    return EventsDocument.of(found.items, found.next_cursor or None)


def _page_of(api: API, query: Mapping[str, object]) -> EventsDocument:
    found = api.get(EventsDocument, "events", query=query)
    return found.model_copy(update={"next": cursor_of(found.next)})


@declare("head", "ca-service audit head", "ca-service audit head --json > head-2026-11.json")
@pass_session
def head(session: Session) -> None:
    """Show the newest seal. Store it elsewhere: it proves later that no events were removed from the end.

    Pass the output, NUMBER:HASH, to `audit verify --expect-head`.
    """
    document = session.ask(_newest_seal, lambda api: api.get(NewestSealDocument, "seals", "newest"))
    found = document.head
    if found is None:
        session.console.answer(document, ["Nothing is sealed yet: ca-service audit seal"])
        return
    session.console.answer(document, [visible(f"{found.number}:{found.hash}")])
    session.console.remark(*_around(found))


def _newest_seal(here: Installation) -> NewestSealDocument:
    log = here.audit_log
    return NewestSealDocument.of(log.head(operator()), has_unsealed=log.has_unsealed(operator()))


def _around(found: HeadDocument) -> list[str]:
    """Beside the output: what is kept elsewhere is the one line that is taken back."""
    sealed = time_text(found.sealed_at)
    return fields((("sealed", sealed), ("last event", str(found.last_event)), ("sealing key", found.key)))


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
