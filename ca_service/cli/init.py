"""`init`: the database, the root and the intermediate of a new installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.cli.ca import authority_lines
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.authorities import InitialisedDocument, authority_documents
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
def command(session: Session, /, **wanted: Any) -> None:
    """Create the database, the root and the intermediate.

    Defaults come from the settings. Nothing that exists is overwritten: running the command again
    changes nothing, or finishes an interrupted run.
    """
    installation = session.upgraded()
    plan = replace(installation.plan, **{field: value for field, value in wanted.items() if value is not None})
    created = installation.hierarchy.initialise(operator(), plan)
    records = installation.hierarchy.list_issuers()
    document = InitialisedDocument(created=bool(created), authorities=authority_documents(records))
    session.console.answer(
        document, (_title(created, records), *(line for record in records for line in authority_lines(record)))
    )


def _title(created: tuple[IssuerRecord, ...], records: tuple[IssuerRecord, ...]) -> str:
    if created:
        return f"Created: {' and '.join(record.role for record in created)}."
    return f"The authority exists already ({records[0].name}). Nothing was changed."
