"""`revoke` and `release`: revoke certificates, permanently or as a hold, and end a hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from ca_service.authority.fleet.clusters import CLUSTER_NO_CERTIFICATES
from ca_service.authority.revocation.records import (
    Effect,
    Outcome,
    Selection,
    confirmation_of,
    require_confirmed,
)
from ca_service.authority.revocation.revoking import MAX_NOTE
from ca_service.authority.revocation.selecting import read_invalid_since, with_serial_numbers
from ca_service.cli.console import Console, table
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import is_terminal, typed_to_go_on
from ca_service.cli.naming import completed
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.fleet import ClusterDocument
from ca_service.documents.revocations import RevocationResultDocument
from ca_service.errors import InvalidInput, NotFound, Rule
from ca_service.pki.reasons import FOR_LEAVES, read_leaf_reason
from ca_service.pki.visible_text import visible

CONFIRMATION_NO_TERMINAL: Final = Rule(
    "confirmation.no-terminal",
    "There is no terminal to ask for confirmation.",
    "Add --yes to continue without a question.",
)

_OPTIONS = (
    click.argument("serial_numbers", metavar="[SERIAL]...", nargs=-1),
    click.option(
        "--key", default="", metavar="SHA256", help="Every certificate with this key: SHA-256 of the public key (DER)."
    ),
    click.option("--host", default="", metavar="NAME", help="Every certificate that names this host."),
    click.option("--cluster", type=int, metavar="ID", help="Every valid certificate in the slots of this cluster."),
)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the ways to say which certificates are meant."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def selected(
    session: Session,
    serial_numbers: tuple[str, ...],
    key: str,
    host: str,
    cluster: int | None,
    *,
    is_exact: bool,
) -> Selection:
    """Return the selection that the options describe.

    Without a question (`is_exact`), only whole serial numbers count: a beginning that is unique today names another
    certificate tomorrow.
    """
    if not is_exact:
        serial_numbers = tuple(completed(session, each) for each in serial_numbers)
    selection = Selection(serial_numbers, key, host)
    if cluster is None:
        return selection
    found = session.ask(
        lambda here: here.fleet.serial_numbers(operator(), cluster),
        lambda api: _serial_numbers(api.get(ClusterDocument, "clusters", cluster)),
    )
    return with_serial_numbers(selection, found)


def _serial_numbers(found: ClusterDocument) -> tuple[str, ...]:
    newest = [slot.serial_number for slot in found.slots if slot.serial_number]
    past = [each.serial_number for slot in found.slots for each in slot.past]
    if not newest and not past:
        raise NotFound.because(CLUSTER_NO_CERTIFICATES)
    return tuple(dict.fromkeys((*newest, *past)))


def preview(console: Console, planned: RevocationResultDocument) -> None:
    """Show the consequences, also where nothing changes: the reason is among them."""
    console.remark(*(visible(f"{found.detail} {found.remedy}".strip()) for found in planned.findings))


def confirm(planned: RevocationResultDocument, *, is_confirmed: bool) -> None:
    """Continue only after a confirmation."""
    if is_confirmed:
        return
    if not is_terminal():
        raise InvalidInput.because(CONFIRMATION_NO_TERMINAL)
    changed = [each for each in planned.certificates if Effect(each.effect).changes]
    wanted = confirmation_of(list(dict.fromkeys(each.host for each in changed)), len(changed))
    require_confirmed(wanted, typed_to_go_on(wanted))


def outcome_lines(found: RevocationResultDocument) -> list[str]:
    """Yield the effect on each certificate, actual or previewed, for a person."""
    rows = ((each.serial_number, each.host, each.effect, each.state) for each in found.certificates)
    return table(("serial number", "host", "effect", "state" if found.done else "state after"), rows)


def _body(selection: Selection, note: str = "", **more: object) -> dict[str, object]:
    return {
        "serial_numbers": list(selection.serial_numbers),
        "key_fingerprint": selection.key_fingerprint,
        "host": selection.host,
        "note": note,
        **more,
    }


@declare(
    "revoke",
    "ca-service revoke 4f1c --reason superseded",
    "ca-service revoke --host uccx1.example.com --reason certificateHold --dry-run",
    "ca-service revoke --key 9b2e... --reason keyCompromise --invalid-since 2026-11-20T08:00:00Z --yes",
    "ca-service revoke --cluster 3 --reason cessationOfOperation",
)
@selection_options
@click.option("--reason", required=True, metavar="REASON", help=f"Reason; one of: {', '.join(FOR_LEAVES)}.")
@click.option("--invalid-since", default="", metavar="TIME", help="When the key was probably compromised (UTC).")
@click.option("--note", default="", help=f"Note for the audit log; at most {MAX_NOTE} characters.")
@click.option("--dry-run", is_flag=True, help="Preview the effect without revoking.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (for scripts).")
@pass_session
def command(
    session: Session,
    /,
    serial_numbers: tuple[str, ...],
    key: str,
    host: str,
    cluster: int | None,
    reason: str,
    invalid_since: str,
    note: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Revoke certificates.

    Select them by SERIAL, key, host or cluster. A hold (certificateHold) can be released; every other reason is
    permanent. The command shows the effect first, and asks you to type the host name or the number of certificates. A
    unique beginning of a serial number or host is enough as SERIAL, except with --yes.
    """
    selection = selected(session, serial_numbers, key, host, cluster, is_exact=yes)
    why, since = read_leaf_reason(reason), read_invalid_since(invalid_since)
    said: dict[str, Any] = {"reason": reason, "invalid_since": invalid_since or None}
    found = session.ask(
        lambda here: _planned(here.revocation.preview(operator(), selection, why, invalid_since=since)),
        lambda api: api.post(RevocationResultDocument, "revocations", body=_body(selection, preview=True, **said)),
    )
    preview(session.console, found)
    if dry_run:
        session.console.remark("This is a preview: nothing was changed.")
    elif found.changed:
        confirm(found, is_confirmed=yes)
        found = session.ask(
            lambda here: _done(here.revocation.revoke(operator(), selection, why, invalid_since=since, note=note)),
            lambda api: api.post(RevocationResultDocument, "revocations", body=_body(selection, note, **said)),
        )
    document = found.model_copy(update={"done": not dry_run})
    session.console.answer(document, outcome_lines(document))


def _planned(outcome: Outcome) -> RevocationResultDocument:
    return RevocationResultDocument.of(outcome, done=False)


def _done(outcome: Outcome) -> RevocationResultDocument:
    return RevocationResultDocument.of(outcome, done=True)


@declare(
    "release",
    "ca-service release 4f1c",
    "ca-service release --host uccx1.example.com --yes",
)
@selection_options
@click.option("--note", default="", help="Note for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation (for scripts).")
@pass_session
def release(
    session: Session,
    /,
    serial_numbers: tuple[str, ...],
    key: str,
    host: str,
    cluster: int | None,
    note: str,
    *,
    yes: bool,
) -> None:
    """Release certificates from hold. They are valid again.

    A unique beginning of a serial number or host is enough as SERIAL, except with --yes.
    """
    selection = selected(session, serial_numbers, key, host, cluster, is_exact=yes)
    path = ("revocations", "release")
    planned = session.ask(
        lambda here: _planned(here.revocation.preview_release(operator(), selection)),
        lambda api: api.post(RevocationResultDocument, *path, body=_body(selection, preview=True)),
    )
    preview(session.console, planned)
    confirm(planned, is_confirmed=yes)
    done = session.ask(
        lambda here: _done(here.revocation.release(operator(), selection, note=note)),
        lambda api: api.post(RevocationResultDocument, *path, body=_body(selection, note)),
    )
    session.console.answer(done, outcome_lines(done))
