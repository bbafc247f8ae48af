"""`audit export` and `audit verify`: the audit log as a file, and its verification."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import click

from ca_service.authority.audit import verifying
from ca_service.authority.audit.queries import asked
from ca_service.authority.audit.verifying import MAX_LINE, Anchor, Checked, Expected
from ca_service.authority.audit.wording import Category
from ca_service.cli.console import fields
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import STANDARD, read_lines
from ca_service.cli.outputs import Target
from ca_service.cli.packaging import force_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.audit import AuditExportDocument, VerificationDocument
from ca_service.errors import InvalidInput, Rule
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

    Export all events, or those that the options select: these are proven too, but not that none is missing. All events
    are sealed before, and the export itself becomes an event.
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

    FILE is verified offline. Exit code 4: an event is not valid; the first one is named.
    """
    expected = Expected(_anchor(expect_head), _key(expect_key))
    if file is None:
        checked = session.ready().audit_log.verify(operator(), expected)
    else:
        checked = verifying.verify(read_lines(file, MAX_LINE), expected)
    session.console.answer(VerificationDocument.of(checked), _lines(checked))


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
