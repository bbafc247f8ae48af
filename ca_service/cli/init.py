"""Knows `init`: the database and the authority of a new installation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from ca_service.authority.records import IssuerRecord
from ca_service.cli.ca import authority_lines
from ca_service.cli.documents import authority_document
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.pki import keys

_curve = click.Choice(keys.AUTHORITY_CURVES)


@declare("init", "ca-service init", "ca-service init --name 'Example Lab' --intermediate-curve P-256")
@click.option("--name", help="Name of the authority: 'Example Lab' gives 'Example Lab EC Root CA G1'.")
@click.option("--root-curve", type=_curve, help="Curve of the root's key.")
@click.option("--root-days", type=int, help="Lifetime of the root in days.")
@click.option("--intermediate-curve", type=_curve, help="Curve of the intermediate's key.")
@click.option("--intermediate-days", type=int, help="Lifetime of the intermediate in days.")
@pass_session
def command(session: Session, /, **wanted: Any) -> None:
    """Create the database, a root and an intermediate.

    What is not given here comes from the settings. What exists is never overwritten: running it
    again changes nothing, and finishes what an interrupted run has left.
    """
    installation = session.upgraded()
    plan = replace(installation.plan, **{field: value for field, value in wanted.items() if value is not None})
    created = installation.hierarchy.initialise(operator(), plan)
    records = installation.hierarchy.list_issuers()
    document = {"created": bool(created), "authorities": [authority_document(record) for record in records]}
    session.console.answer(
        document, (_title(created, records), *(line for record in records for line in authority_lines(record)))
    )


def _title(created: tuple[IssuerRecord, ...], records: tuple[IssuerRecord, ...]) -> str:
    if created:
        return f"Created: {' and '.join(record.role for record in created)}."
    return f"The authority exists already ({records[0].name}). Nothing was changed."
