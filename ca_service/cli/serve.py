"""`serve`: set up what the first request needs, then run the server."""

from __future__ import annotations

import click

from ca_service.authority.installation import Installation
from ca_service.cli.console import Console
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.operations import ServingDocument


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
    is_pending = _has_pending(installation)
    created = () if is_pending or _is_complete(installation) else _created(session.console, installation)
    secret = installation.accounts.make_setup_link()
    installation.close()  # the workers open their own; a connection must not be carried over a fork
    setup_url = f"{url}/setup/{secret}" if secret else None
    return ServingDocument(url=url, setup_url=setup_url, created=list(created), is_pending=is_pending)


def _has_pending(installation: Installation) -> bool:
    return any(record.certificate_der is None for record in installation.hierarchy.list_issuers())


def _is_complete(installation: Installation) -> bool:
    """Return whether an authority can sign. An imported one can have a name that is not in the settings."""
    return any(record.is_issuing for record in installation.hierarchy.list_issuers())


def _created(console: Console, installation: Installation) -> tuple[str, ...]:
    created = installation.hierarchy.initialise(operator(), installation.plan)
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
