"""`sign` and `renew`: certificates out of CSRs, or with the same key and a new validity; with the next steps."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.batches import Outcome, Verdict, issue_batch
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.cli.api import API
from ca_service.cli.console import Console, fields, table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import LIFETIME_HELP, csr_files, destination_options, hints, read_requests
from ca_service.cli.naming import completed
from ca_service.cli.outputs import (
    FORMATS,
    Certificate,
    Judged,
    Made,
    Packaging,
    force_option,
    out_option,
    package,
)
from ca_service.cli.remote import issue_there, judge_there, made_there, renew_there
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.certificates import WrittenCertificatesDocument
from ca_service.documents.findings import finding_documents
from ca_service.documents.requests import RequestDocument, RequestsDocument
from ca_service.errors import CAServiceError, Refused, Rule
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
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
_CLEAR: Final = "\r\x1b[K"  # of the bar, which is drawn again below the line


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
) -> ExitCode:
    """Sign CSRs: all of them, or none.

    FILE is a CSR, a PEM file or ZIP with several CSRs, or a folder with *.csr files; `-` is standard input. With
    --partial, those that cannot be signed do not stop the others. The zip contains the certificates, numbered in the
    order of upload, and the steps. The same CSR returns the same certificate.
    """
    console, packaging = session.console, Packaging.of(session.console, format_, out, force=force)
    requests = read_requests(console, files)
    packaging.check(console, len(requests))
    asked = _options(**options)
    if partial:
        return _sign_partially(session, requests, asked, packaging)
    made: Made | RequestsDocument = session.ask(
        lambda here: _made(here, here.issuance.issue(operator(), requests, asked, hints=hints(console)), packaging),
        lambda api: issue_there(api, csr_files(console, requests), asked, packaging.format),
    )
    return _end(console, made, packaging)


def _made(installation: Installation, issued: Issued, packaging: Packaging) -> Made:
    """Return what was issued on this machine, where no request of the operator waits."""
    serials = tuple(record.serial_number for record in issued.certificates)
    return Made(serials, issued.created, lambda: package(installation, issued, packaging.format))


def _end(console: Console, made: Made | RequestsDocument, packaging: Packaging) -> ExitCode:
    """Write what was issued, or tell which requests wait for a decision."""
    if isinstance(made, Made):
        hand_over(console, made, packaging)
        return ExitCode.OK
    _tell_waiting(console, made)
    return ExitCode.PENDING


def _tell_waiting(console: Console, found: RequestsDocument) -> None:
    console.answer(found, [*_waiting_lines(found.requests), *console.finding_lines(found.findings)])


def _waiting_lines(requests: Iterable[RequestDocument]) -> Iterator[str]:
    for each in requests:
        yield f"{visible(each.host)}: an approver has to decide: ca-service requests show {each.id}"


def _sign_partially(session: Session, requests: Sequence[bytes], options: Options, packaging: Packaging) -> ExitCode:
    """Sign what can be signed, and write it.

    Raises Refused if a CSR was refused: with all findings if none was signed, otherwise after the files are written.
    """
    console = session.console

    def here(installation: Installation) -> tuple[Sequence[Judged[Any]], Made]:
        groups = issue_batch(installation.issuance, operator(), requests, options, hints(console))
        done = _watched(console, ([*map(_judged, group)] for group in groups))
        return done, _made(installation, _issued(done), packaging)

    def there(api: API) -> tuple[Sequence[Judged[Any]], Made]:
        files = csr_files(console, requests)
        done = _watched(console, judge_there(api, files, options))
        return done, made_there(api, files, options, done, packaging.format)

    done, made = session.ask(here, there)
    signed, waiting = len(made.serial_numbers), [each.request for each in done if each.request]
    if signed:
        hand_over(console, made, packaging)
        console.remark(*_waiting_lines(waiting))
    else:
        findings = finding_documents(found for each in done for found in each.findings)
        _tell_waiting(console, RequestsDocument(requests=waiting, findings=findings, next=None))
    if left := len(done) - signed - len(waiting):
        raise Refused(PARTLY.at(signed=signed, count=len(done), left=left))
    return ExitCode.PENDING if waiting else ExitCode.OK


def _judged(verdict: Verdict) -> Judged[CertificateRecord]:
    findings = tuple(found.under(f"/csr/{verdict.number}") for found in verdict.findings)
    return Judged(verdict.number, verdict.outcome, findings, verdict.certificate)


def _issued(done: Sequence[Judged[CertificateRecord]]) -> Issued:
    certificates = tuple(each.certificate for each in done if each.certificate)
    findings = tuple(found for each in done for found in each.findings)
    return Issued(certificates, any(each.outcome is Outcome.ISSUED for each in done), findings)


def _watched(console: Console, groups: Iterable[Sequence[Judged[Certificate]]]) -> list[Judged[Certificate]]:
    """Return all verdicts. A terminal shows a line for each, and a bar.

    Raises Refused, with all findings, if no CSR was signed and none waits.
    """
    done, is_hidden = list[Judged[Certificate]](), not sys.stderr.isatty()
    with click.progressbar(length=len(console.sources), label="Signing", file=sys.stderr, hidden=is_hidden) as bar:
        for group in groups:
            done += group
            if not is_hidden:
                console.remark(*(f"{_CLEAR}{visible(console.sources[each.number])}: {each.outcome}" for each in group))
            bar.update(len(group))
    if not any(each.certificate or each.request for each in done):
        raise Refused(*(found for each in done for found in each.findings))
    return done


def hand_over(console: Console, made: Made, packaging: Packaging) -> None:
    """Write what was issued, and tell what to do with it."""
    with _telling(made):
        found = made.pack()
        path = packaging.write(found)
    lines = [*_issued_lines(console, found.document), *_next_steps(found.document, packaging.format, path)]
    packaging.answer(console, found, path, lines)


def _options(
    profile: str, days: int | None, new: bool, add_host_name: bool, purpose: str, product: str, version_of: str
) -> Options:
    destination = Destination(purpose, product, version_of)
    return Options(profile=profile, validity_days=days, new=new, add_host_name=add_host_name, destination=destination)


@contextmanager
def _telling(made: Made) -> Iterator[None]:
    """Let an error tell how to get at the certificates, for they are issued by now."""
    try:
        yield
    except CAServiceError as error:
        rule = CERTIFICATE_UNWRITTEN if made.created else CERTIFICATE_UNWRITTEN_AGAIN
        raise type(error)(*error.findings, rule.at(serials=", ".join(made.serial_numbers))) from error


def _issued_lines(console: Console, issued: WrittenCertificatesDocument) -> list[str]:
    """Yield what was issued, for a person."""
    again = "Signed before: this is the same certificate again (--new makes another)."
    if len(issued.certificates) > 1:
        again = "Signed before: these are the same certificates again."
    title = "Signed." if issued.created else again
    rows = [(each.host, each.serial_number, time_text(each.not_after)) for each in issued.certificates]
    if len(rows) > 1:
        about = table(("host", "serial", "valid until"), rows)
    else:
        [(host, serial, end)] = rows
        about = [visible(host), *fields((("serial", serial), ("valid until", end)))]
    return [click.style(title, fg="green"), *about, *console.finding_lines(issued.findings)]


def _next_steps(issued: WrittenCertificatesDocument, format: str, path: Path | None) -> list[str]:
    """Yield the written files, and the next steps."""
    if path is None:
        return []
    lines = [f"Written: {visible(str(path))}"]
    if format != "zip":
        return [*lines, "The zip (--format zip) contains numbered files, one for each certificate, and the steps."]
    if issued.uploads[0].purpose:
        lines += ["Upload its files one by one, in this order:"]
        lines += fields((file.path, f"as {file.purpose}") for file in issued.uploads)
    return [*lines, "The steps are in UPLOAD.txt."]


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
def renew(
    session: Session, /, serial_number: str, format_: str, out: str | None, force: bool, **options: Any
) -> ExitCode:
    """Renew the certificate of a TLS server or client with the same key.

    SERIAL is its serial number, or a unique beginning of it or of its host. The names stay the same, too. The command
    refuses certificates of Cisco nodes: a node deletes its CSR when the certificate is uploaded, so it needs a new CSR.
    """
    packaging = Packaging.of(session.console, format_, out, force=force)
    packaging.check(session.console, 1)
    serial, asked = completed(session, serial_number), _renewal_options(**options)
    made: Made | RequestsDocument = session.ask(
        lambda here: _made(here, here.renewal.renew(operator(), serial, asked), packaging),
        lambda api: renew_there(api, serial, asked, packaging.format),
    )
    return _end(session.console, made, packaging)


def _renewal_options(days: int | None, new: bool, never_uploaded: bool) -> RenewalOptions:
    return RenewalOptions(new=new, never_uploaded=never_uploaded, validity_days=days)
