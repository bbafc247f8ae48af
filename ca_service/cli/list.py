"""`list`: the certificates that match a filter, as a table, JSON or CSV. `show`: one of them, decoded or as a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import cast, get_args

import click

from ca_service.authority.installation import Installation
from ca_service.authority.inventory.inventory import csv_lines
from ca_service.authority.inventory.store import Sort
from ca_service.authority.issuance.issuance import Issued
from ca_service.cli.api import API
from ca_service.cli.console import fields, table
from ca_service.cli.grammar import declare
from ca_service.cli.naming import completed, listing, now
from ca_service.cli.outputs import FORMATS, Packaging, force_option, out_option, package
from ca_service.cli.remote import shown_there
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.certificates import CertificateDocument, CertificateListDocument, CertificateSummaryDocument
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible


@declare(
    "list",
    "ca-service list 'expires<30d status:active'",
    "ca-service list cluster:lab uccx --sort expires --json",
    "ca-service list profile:vos --csv > certificates.csv",
)
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--sort", type=click.Choice(get_args(Sort)), default="newest", show_default=True, help="Sort order.")
@click.option("--limit", type=click.IntRange(1), help="Maximum number of certificates.  [default: all]")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Write CSV; an apostrophe protects values that a spreadsheet would calculate."
)
@pass_session
def command(session: Session, words: tuple[str, ...], sort: str, limit: int | None, as_csv: bool) -> None:
    """List and search certificates.

    A word matches a part of a name or the beginning of a serial number; one or two characters alone match the beginning
    of the host. Filters: expires<30d, expires>=2027-01-31,
    status:active (expired, revoked, held), profile:vos, cluster:lab, host:uccx, by:anna, issuer:g1,
    serial:4f1c. Use = instead of : to match the whole value, and a comma between alternatives. Quote words with < or >
    for the shell.
    """
    if as_csv and session.console.as_json:
        raise click.UsageError("--csv and --json do not go together.", click.get_current_context())
    text, order = " ".join(words), cast(Sort, sort)
    if as_csv:
        _require_whole(session, limit)
        for line in session.ask(
            lambda here: _csv_here(here, text, order, limit), lambda api: _csv_there(api, text, order)
        ):
            click.echo(_printed(line), nl=False)
        return
    found = list(islice(listing(session, text, order), limit))
    session.console.answer(
        CertificateListDocument(certificates=found, next=None),
        _table(found, now(session)) or ["Nothing matches." if words else "No certificates yet."],
    )


def _printed(line: bytes) -> bytes | str:
    """Return a line of the file as it is, or as a terminal may show it."""
    return f"{visible(line.decode('utf-8', 'replace').rstrip())}\n" if sys.stdout.isatty() else line


def _require_whole(session: Session, limit: int | None) -> None:
    if limit is not None:
        session.require_local(f"{click.get_current_context().command_path} --csv --limit")


def _csv_here(installation: Installation, words: str, sort: Sort, limit: int | None) -> Iterator[bytes]:
    items = islice(installation.inventory.export(operator(), words, sort), limit)
    return (line.encode() for line in csv_lines(items, installation.clock()))


def _csv_there(api: API, words: str, sort: Sort) -> Iterator[bytes]:
    return api.lines("GET", "certificates", query={"q": words, "sort": sort, "format": "csv"})


def _table(found: Sequence[CertificateSummaryDocument], at: datetime) -> list[str]:
    header = ("host", "days", "until", "status", "profile", "serial number", "issued by")
    return table(header, (_row(each, at) for each in found))


def _row(found: CertificateSummaryDocument, at: datetime) -> tuple[str, ...]:
    return (
        found.host,
        str(max(0, (found.not_after - at).days)),
        f"{found.not_after:%Y-%m-%d}",
        found.status,
        found.profile,
        found.serial_number,
        found.issued_by,
    )


@declare(
    "show",
    "ca-service show 4f1c",
    "ca-service show uccx1.example.com --format zip --out bundles/",
)
@click.argument("serial_number", metavar="SERIAL")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="Write the certificate in this format.  [default: show it decoded]",
)
@out_option
@force_option
@pass_session
def show(session: Session, serial_number: str, format_: str | None, out: str | None, force: bool) -> None:
    """Show a certificate.

    SERIAL is its serial number in hexadecimal, with or without colons. A unique beginning of it (four digits or more)
    is enough, or of the host of a certificate that is active or on hold.
    """
    packaging = Packaging.of(session.console, format_, out, force=force) if format_ else None
    if packaging:
        packaging.check(session.console, 1)
    elif out or force:
        raise click.UsageError("--out and --force need --format.", click.get_current_context())
    serial = completed(session, serial_number)
    found = session.ask(
        lambda here: package(
            here, Issued((here.issuance.get_certificate(operator(), serial),), created=False), format_
        ),
        lambda api: shown_there(api, serial, format_),
    )
    [certificate] = found.document.certificates
    if packaging:
        path = packaging.write(found)
        packaging.answer(session.console, found, path, [f"Written: {visible(str(path))}"] if path else [])
    else:
        session.console.answer(certificate, _show_lines(certificate))


def _show_lines(certificate: CertificateDocument) -> list[str]:
    return fields(
        (
            ("host", certificate.host),
            ("status", _status(certificate)),
            ("subject", certificate.subject),
            ("names", ", ".join(certificate.subject_alternative_name)),
            ("serial", certificate.serial_number),
            ("valid", f"{time_text(certificate.not_before)} to {time_text(certificate.not_after)}"),
            ("issuer", certificate.issuer),
            ("key", certificate.key),
            ("key usage", ", ".join(certificate.key_usage)),
            ("extended", ", ".join(certificate.extended_key_usage)),
            ("profile", certificate.profile),
            ("issued", f"{time_text(certificate.issued_at)} by {certificate.issued_by}"),
            ("SHA-256", certificate.fingerprint),
        ),
        indent=0,
    )


def _status(certificate: CertificateDocument) -> str:
    """Return the status for a person: `revoked since 2026-11-29T15:44:38Z, superseded, by anna`."""
    found = certificate.revocation
    if found is None or found.state == "released":
        return certificate.status
    return f"{certificate.status} since {time_text(found.revoked_at)}, {found.reason}, by {found.changed_by}"
