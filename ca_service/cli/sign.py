"""`sign` and `renew`: certificates out of CSRs, or with the same key and a new validity; with the next steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.batches import Outcome, Verdict, issue_batch
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.cli.console import Console, fields
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import LIFETIME_HELP, destination_options, hints, read_requests
from ca_service.cli.naming import completed
from ca_service.cli.outputs import FORMATS, Packaging, force_option, out_option, package
from ca_service.cli.session import Session, operator, pass_session
from ca_service.errors import CAServiceError, Refused, Rule
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos.bundle import Bundle
from ca_service.vos.destinations import Destination

CERTIFICATE_UNWRITTEN: Final = Rule(
    "certificate.unwritten",
    "The certificate was issued but not written: {serials}.",
    "Write it with: ca-service show SERIAL --format zip --out FILE",
)
CERTIFICATE_UNWRITTEN_AGAIN: Final = Rule(
    "certificate.unwritten-again",
    "The certificate was issued before, and was not written now: {serials}.",
    "Write it with: ca-service show SERIAL --format zip --out FILE",
)
PARTLY: Final = Rule(
    "batch.partly",
    "{signed} of {count} CSRs were signed; {left} were refused.",
    "Fix the errors that are listed, and run the command again. Certificates that exist are returned again.",
)


@declare(
    "sign",
    "ca-service sign tomcat-ECDSA.csr",
    "ca-service sign uccx1.csr uccx2.csr --days 397 --out bundles/",
    "ca-service sign requests/ --out bundles/",
    "ssh ca ca-service sign - --format pem < tomcat-ECDSA.csr > chain.pem",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--profile",
    default="vos",
    show_default=True,
    help="Certificate profile: vos, server for a TLS server, or client for a TLS client.",
)
@click.option("--days", type=int, help=LIFETIME_HELP)
@click.option("--new", is_flag=True, help="Issue a new certificate even if one exists.")
@click.option(
    "--partial", is_flag=True, help="Sign the CSRs that pass, 100 at a time, and list the others. Not with --new."
)
@click.option("--add-host-name", is_flag=True, help="Use the host name if the CSR contains no names.")
@destination_options
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="zip", show_default=True, help="Output format."
)
@out_option
@force_option
@pass_session
def command(
    session: Session,
    /,
    files: tuple[str, ...],
    format_: str,
    out: str | None,
    force: bool,
    partial: bool,
    **options: Any,
) -> None:
    """Sign CSRs: all of them, or none.

    FILE is a CSR, a PEM file or ZIP with several CSRs, or a folder with *.csr files; `-` is standard input. With
    --partial, those that cannot be signed do not stop the others. The zip contains the certificates, numbered in the
    order of upload, and the steps. The same CSR returns the same certificate.
    """
    packaging = Packaging.of(session.console, format_, out, force=force)
    requests = read_requests(session.console, files)
    packaging.check(session.console, len(requests))
    installation, asked = session.ready(), _options(**options)
    if partial:
        _sign_partially(session.console, installation, requests, asked, packaging)
    else:
        issued = installation.issuance.issue(operator(), requests, asked, hints=hints(session.console))
        hand_over(session.console, installation, issued, packaging)


def _sign_partially(
    console: Console, installation: Installation, requests: Sequence[bytes], options: Options, packaging: Packaging
) -> None:
    """Sign what can be signed, with a progress bar at a terminal, and write it.

    Raises Refused if a CSR was not signed: with all findings if none was, otherwise after the files are written.
    """
    done, is_hidden = list[Verdict](), not sys.stderr.isatty()
    with click.progressbar(length=len(requests), label="Signing", file=sys.stderr, hidden=is_hidden) as bar:
        for group in issue_batch(installation.issuance, operator(), requests, options, hints(console)):
            done += group
            bar.update(len(group))
    findings = tuple(found.under(f"/csr/{each.number}") for each in done for found in each.findings)
    signed = [each for each in done if each.certificate]
    if not signed:
        raise Refused(*findings)
    certificates = tuple(each.certificate for each in signed if each.certificate)
    hand_over(
        console,
        installation,
        Issued(certificates, any(each.outcome is Outcome.ISSUED for each in done), findings),
        packaging,
    )
    if len(signed) < len(done):
        raise Refused(PARTLY.at(signed=len(signed), count=len(done), left=len(done) - len(signed)))


def hand_over(console: Console, installation: Installation, issued: Issued, packaging: Packaging) -> None:
    """Write what was issued, and tell what to do with it."""
    with _telling(issued):
        packed = package(installation, issued, packaging.format)
        path = packaging.write(packed)
    lines = [*_issued_lines(console, issued), *_next_steps(packed.bundle, packaging.format, path)]
    packaging.answer(console, packed, path, lines)


def _options(
    profile: str, days: int | None, new: bool, add_host_name: bool, purpose: str, product: str, version_of: str
) -> Options:
    destination = Destination(purpose, product, version_of)
    return Options(profile=profile, validity_days=days, new=new, add_host_name=add_host_name, destination=destination)


@contextmanager
def _telling(issued: Issued) -> Iterator[None]:
    """Let an error tell how to get at the certificates, for they are issued by now."""
    try:
        yield
    except CAServiceError as error:
        rule = CERTIFICATE_UNWRITTEN if issued.created else CERTIFICATE_UNWRITTEN_AGAIN
        unwritten = rule.at(serials=", ".join(record.serial_number for record in issued.certificates))
        raise type(error)(*error.findings, unwritten) from error


def _issued_lines(console: Console, issued: Issued) -> list[str]:
    """Yield what was issued, for a person."""
    again = "Signed before: this is the same certificate again (--new makes another)."
    if len(issued.certificates) > 1:
        again = "Signed before: these are the same certificates again."
    title = "Signed." if issued.created else again
    lines = [click.style(title, fg="green")]
    for record in issued.certificates:
        about = (("serial", record.serial_number), ("valid until", time_text(record.not_after)))
        lines += [visible(record.host), *fields(about)]
    return [*lines, *console.finding_lines(issued.findings)]


def _next_steps(bundle: Bundle, format: str, path: Path | None) -> list[str]:
    """Yield the written files, and the next steps."""
    if path is None:
        return []
    lines = [f"Written: {visible(str(path))}"]
    if format != "zip":
        return [*lines, "The zip (--format zip) holds numbered files, one a certificate, and the steps."]
    if bundle.uploads[0].purpose:
        lines += ["Upload its files one by one, in this order:"]
        lines += fields((file.path, f"as {file.purpose}") for file in bundle.uploads)
    return [*lines, "UPLOAD.txt in it tells every step."]


@declare("renew", "ca-service renew 4f1c", "ca-service renew web.example.com --days 90 --format pem --out -")
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
def renew(session: Session, /, serial_number: str, format_: str, out: str | None, force: bool, **options: Any) -> None:
    """Renew the certificate of a TLS server or client with the same key.

    SERIAL is its serial number, or a unique beginning of it or of its host. The names stay the same, too. The command
    refuses certificates of Cisco nodes: a node deletes its CSR when the certificate is uploaded, so it needs a new CSR.
    """
    packaging = Packaging.of(session.console, format_, out, force=force)
    packaging.check(session.console, 1)
    installation = session.ready()
    serial_number = completed(installation, serial_number)
    issued = installation.renewal.renew(operator(), serial_number, _renewal_options(**options))
    hand_over(session.console, installation, issued, packaging)


def _renewal_options(days: int | None, new: bool, never_uploaded: bool) -> RenewalOptions:
    return RenewalOptions(new=new, never_uploaded=never_uploaded, validity_days=days)
