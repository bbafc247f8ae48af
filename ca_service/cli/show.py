"""`show`: one certificate, decoded or as a file."""

from __future__ import annotations

import click

from ca_service.authority.issuance.issuance import Issued
from ca_service.cli.console import fields
from ca_service.cli.grammar import declare
from ca_service.cli.packaging import FORMATS, Packaging, force_option, out_option, package
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.certificates import CertificateDocument
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible


@declare(
    "show",
    "ca-service show 4f1c...",
    "ca-service show 4f1c... --format zip --out bundles/",
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
def command(session: Session, serial_number: str, format_: str | None, out: str | None, force: bool) -> None:
    """Show a certificate.

    SERIAL is its serial number in hexadecimal, with or without colons.
    """
    packaging = Packaging.of(session.console, format_, out, force=force) if format_ else None
    if packaging:
        packaging.check(session.console, 1)
    elif out or force:
        raise click.UsageError("--out and --force need --format.", click.get_current_context())
    installation = session.ready()
    record = installation.issuance.get_certificate(operator(), serial_number)
    packed = package(installation, Issued((record,), created=False), format_)
    [certificate] = packed.document.certificates
    if packaging:
        path = packaging.write(packed)
        packaging.answer(session.console, packed, path, [f"Written: {visible(str(path))}"] if path else [])
    else:
        session.console.answer(certificate, _lines(certificate))


def _lines(certificate: CertificateDocument) -> list[str]:
    return fields(
        (
            ("host", certificate.host),
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
