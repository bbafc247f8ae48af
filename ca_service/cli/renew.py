"""Knows `renew`: the same key and names, a fresh validity."""

from __future__ import annotations

from typing import Any

import click

from ca_service.authority.fleet.renewal import RenewalWish
from ca_service.cli.grammar import declare
from ca_service.cli.packaging import FORMATS, Packaging, force_option, out_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.cli.sign import hand_over


@declare("renew", "ca-service renew 4f1c...", "ca-service renew 4f1c... --days 90 --format pem --out -")
@click.argument("serial_number", metavar="SERIAL")
@click.option("--days", type=int, help="Lifetime in days.  [default: as before]")
@click.option("--new", is_flag=True, help="Although a newer certificate has followed it already.")
@click.option(
    "--never-uploaded", is_flag=True, help="It is a Cisco node\u2019s, and the node still has the CSR that it made."
)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="zip", show_default=True, help="What to write."
)
@out_option
@force_option
@pass_session
def command(session: Session, /, serial_number: str, format_: str, out: str | None, force: bool, **wish: Any) -> None:
    """Renew the certificate SERIAL of a plain server: same key and names, fresh validity.

    A Cisco node deletes its CSR when the certificate is uploaded, so it needs a new CSR instead, and this is refused.
    """
    packaging = Packaging.of(session.console, format_, out, force=force)
    packaging.check(session.console, 1)
    installation = session.ready()
    issued = installation.renewal.renew(operator(), serial_number, _wish(**wish))
    hand_over(session.console, installation, issued, packaging)


def _wish(days: int | None, new: bool, never_uploaded: bool) -> RenewalWish:
    return RenewalWish(new=new, never_uploaded=never_uploaded, validity_days=days)
