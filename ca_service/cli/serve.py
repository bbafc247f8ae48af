"""`init` and `serve`: set up an installation, and run the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from ca_service.authority.hierarchy.store import IssuerRecord, find_waiting
from ca_service.authority.installation import Installation
from ca_service.cli.ca import authority_lines
from ca_service.cli.console import Console
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.authorities import HierarchyDocument, InitialisedDocument
from ca_service.documents.operations import ServingDocument
from ca_service.pki import keys

_curve = click.Choice(keys.AUTHORITY_CURVES)


def _planned(option: str, explanation: str, type_: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return an option whose default is the setting of the same name."""
    setting = f"authority.{option.removeprefix('--').replace('-', '_')}"
    return click.option(option, type=type_, help=f"{explanation}  [default: {setting} of the settings]")


@declare("init", "ca-service init", "ca-service init --name 'Example Lab' --intermediate-curve P-256")
@_planned("--name", "Name of the authority: 'Example Lab' gives 'Example Lab EC Root CA G1'.", str)
@_planned("--root-curve", "Curve of the root's key.", _curve)
@_planned("--root-days", "Lifetime of the root in days.", int)
@_planned("--intermediate-curve", "Curve of the intermediate's key.", _curve)
@_planned("--intermediate-days", "Lifetime of the intermediate in days.", int)
@pass_session
def init(session: Session, /, **wanted: Any) -> None:
    """Create the database, the root and the intermediate.

    Defaults come from the settings. Nothing that exists is overwritten: running the command again
    changes nothing, or finishes an interrupted run.
    """
    installation = session.upgraded()
    plan = replace(installation.plan, **{field: value for field, value in wanted.items() if value is not None})
    created = installation.creation.initialise(operator(), plan)
    installation.identity.settle()
    records = installation.hierarchy.list_issuers()
    found = HierarchyDocument.of(records, installation.trusted.is_good)
    document = InitialisedDocument(created=bool(created), authorities=found.authorities)
    session.console.answer(
        document, (_title(created, records), *(line for each in document.authorities for line in authority_lines(each)))
    )


def _title(created: tuple[IssuerRecord, ...], records: tuple[IssuerRecord, ...]) -> str:
    if created:
        return f"Created: {' and '.join(record.role for record in created)}."
    return f"The authority exists already ({records[0].name}). Nothing was changed."


@declare("serve", "ca-service serve", "ca-service serve --port 8443")
@click.option("--host", help="Address to listen on.  [default: server.host of the settings]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: server.port]")
@pass_session
def command(session: Session, host: str | None, port: int | None) -> None:
    """Serve the pages and the API until stopped.

    The first start creates the database, the root and the intermediate, and prints a link to create the first
    administrator; it works once. Later starts change nothing, except that a newer program upgrades the database.
    """
    server = session.program.prepare_server(session.instance_path, host, port)  # first: it checks the settings
    with server.reserve():  # second: a port in use is reported before anything is made
        document = _prepared(session, server.url)
        server.run(lambda: session.console.answer(document, _lines(document)))


def _prepared(session: Session, url: str) -> ServingDocument:
    """Set up the installation and return what the user must know."""
    installation = session.upgraded()
    is_complete = _is_complete(installation)
    is_pending = not is_complete and _has_pending(installation)
    created = () if is_pending or is_complete else _created(session.console, installation)
    installation.identity.settle()
    if not is_pending:
        session.console.remark(*session.console.finding_lines(installation.doctor.faults_at_start()))
    secret = installation.accounts.make_setup_link()
    installation.close()  # the workers open their own; a connection must not be carried over a fork
    setup_url = f"{url}/setup/{secret}" if secret else None
    return ServingDocument(url=url, setup_url=setup_url, created=list(created), is_pending=is_pending)


def _has_pending(installation: Installation) -> bool:
    return find_waiting(installation.hierarchy.list_issuers()) is not None


def _is_complete(installation: Installation) -> bool:
    """Return whether an authority can sign. An imported one can have a name that is not in the settings."""
    return any(record.is_issuing for record in installation.hierarchy.list_issuers())


def _created(console: Console, installation: Installation) -> tuple[str, ...]:
    created = installation.creation.initialise(operator(), installation.plan)
    console.remark(*(f"Created the {record.role} of {record.name}." for record in created))
    return tuple(record.id for record in created)


def _lines(document: ServingDocument) -> list[str]:
    lines = []
    if document.is_pending:
        lines += ["Nothing can be signed yet: the intermediate waits for its certificate (`ca-service ca install`)."]
    if document.setup_url:
        lines += [
            "Create the first administrator here; the link works once, for 24 hours:",
            f"  {document.setup_url}",
        ]
    return [*lines, f"Serving on {document.url} - stop with Ctrl-C."]
