"""Knows `serve`: everything that has to be there before the first request, then the server."""

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
    """Serve pages and API until stopped.

    The first start creates database and authority, and prints a link, which works once, to create
    the first administrator. Later starts change nothing, except that a newer program upgrades the
    database of an older one.
    """
    server = session.program.prepare_server(session.instance_path, host, port)  # first: it checks the settings
    with server.reserve():  # second: a port in use is reported before anything is made
        document = _prepared(session, server.url)
        server.run(lambda: session.console.answer(document, _lines(document)))


def _prepared(session: Session, url: str) -> ServingDocument:
    """Bring the installation to where it can be served; what a person has to know of it."""
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
    """Whether something can sign; an imported authority need not have the name of the settings."""
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
