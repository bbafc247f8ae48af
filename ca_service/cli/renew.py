"""`renew`: a certificate with the same key and names and a new validity."""

from __future__ import annotations

from typing import Any

import click

from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.cli.grammar import declare
from ca_service.cli.packaging import FORMATS, Packaging, force_option, out_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.cli.sign import hand_over


@declare("renew", "ca-service renew 4f1c...", "ca-service renew 4f1c... --days 90 --format pem --out -")
@click.argument("serial_number", metavar="SERIAL")
@click.option("--days", type=int, help="Lifetime in days.  [default: as the old certificate]")
@click.option("--new", is_flag=True, help="Renew even if a newer certificate exists.")
@click.option("--never-uploaded", is_flag=True, help="The certificate belongs to a Cisco node that still has its CSR.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="zip", show_default=True, help="Output format."
)
@out_option
@force_option
@pass_session
def command(
    session: Session, /, serial_number: str, format_: str, out: str | None, force: bool, **options: Any
) -> None:
    """Renew the certificate of a TLS server with the same key.

    SERIAL is its serial number. The names stay the same, too. The command refuses certificates of Cisco nodes: a node
    deletes its CSR when the certificate is uploaded, so it needs a new CSR.
    """
    packaging = Packaging.of(session.console, format_, out, force=force)
    packaging.check(session.console, 1)
    installation = session.ready()
    issued = installation.renewal.renew(operator(), serial_number, _options(**options))
    hand_over(session.console, installation, issued, packaging)


def _options(days: int | None, new: bool, never_uploaded: bool) -> RenewalOptions:
    return RenewalOptions(new=new, never_uploaded=never_uploaded, validity_days=days)
