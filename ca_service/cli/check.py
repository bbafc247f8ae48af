"""`check`: examine CSRs without signing them. `fit`: whether a node will accept a certificate of any authority."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.issuance.examination import Examination, Options
from ca_service.cli.console import Console, fields
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import LIFETIME_HELP, destination_options, hints, read_files, read_requests
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.checks import ChecksDocument, FitDocument
from ca_service.pki.visible_text import visible
from ca_service.vos.destinations import Destination
from ca_service.vos.fit import Check, Files, Fit, Result, Stage

_STAGES = {Stage.UPLOAD: "At the upload", Stage.USE: "Afterwards"}
_COLOURS = {Result.PASSED: "green", Result.FAILED: "red", Result.NOT_CHECKED: "yellow"}


@declare("check", "ca-service check tomcat-ECDSA.csr", "ca-service check *.csr --json")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--profile",
    default="vos",
    show_default=True,
    help="Certificate profile: vos, server for a TLS server, or client for a TLS client.",
)
@click.option("--days", type=int, help=LIFETIME_HELP)
@click.option("--add-host-name", is_flag=True, help="Use the host name if the CSR contains no names.")
@destination_options
@pass_session
def command(
    session: Session,
    files: tuple[str, ...],
    profile: str,
    days: int | None,
    add_host_name: bool,
    purpose: str,
    product: str,
    version_of: str,
) -> ExitCode:
    """Check CSRs without signing them.

    FILE is a CSR, a ZIP with CSRs, or a folder with *.csr files; `-` is standard input. Nothing is
    stored. Exit code 4: `sign` would refuse at least one.
    """
    requests = read_requests(session.console, files)
    destination = Destination(purpose, product, version_of)
    options = Options(profile=profile, validity_days=days, add_host_name=add_host_name, destination=destination)
    found = session.ready().issuance.check(operator(), requests, options, hints(session.console))
    document = ChecksDocument.of(found, session.console.sources)
    session.console.answer(document, _check_lines(session.console, found))
    return ExitCode.OK if document.accepted else ExitCode.REFUSED


def _check_lines(console: Console, examinations: tuple[Examination, ...]) -> Iterator[str]:
    for number, examination in enumerate(examinations):
        verdict = ("would be refused", "red") if examination.is_refused else ("can be signed", "green")
        yield f"{visible(console.sources[number])}: {click.style(verdict[0], fg=verdict[1])}"
        yield from fields(_contents(examination))
        yield from console.finding_lines(finding.under(f"/csr/{number}") for finding in examination.findings)


def _contents(examination: Examination) -> Iterator[tuple[str, str]]:
    says = examination.description
    if says is None:
        return
    yield "subject", ", ".join(f"{key}={value}" for key, value in says.subject)
    yield "names", ", ".join(f"{kind}:{value}" for kind, value in says.subject_alternative_name) or "none"
    yield "key", says.key
    yield "usage", ", ".join((*says.key_usage, *says.extended_key_usage)) or "none asked"
    yield "profile", f"{examination.profile.name}, {examination.days} days"


@declare(
    "fit",
    "ca-service fit --csr tomcat-ECDSA.csr --cert signed.pem --chain intermediate.pem --chain root.pem",
    "ca-service fit --csr tomcat-ECDSA.csr --cert signed.pem --chain root.pem --trust trust.txt --json",
)
@click.option("--csr", metavar="FILE", help="CSR of the node. Without it, fewer checks are possible.")
@click.option("--cert", "certificate", metavar="FILE", required=True, help="Certificate for the node.")
@click.option(
    "--chain", multiple=True, metavar="FILE", help="Certificate of an issuer; repeat the option for each file."
)
@click.option("--trust", metavar="FILE", help="Output of `show cert list trust` on the node, or an API snapshot.")
@pass_session
def fit(session: Session, csr: str | None, certificate: str, chain: tuple[str, ...], trust: str | None) -> ExitCode:
    """Check whether a node will accept a certificate.

    The certificate can come from any authority. Nothing is stored, and no node is contacted. FILE can be `-` for
    standard input. Exit code 4: the node will refuse the certificate, or something will fail after the upload.
    """
    given = [file for file in (csr, certificate, *chain, trust) if file]
    content = dict(zip(given, read_files(given), strict=True))
    files = Files(
        csr=content[csr] if csr else None,
        certificate=content[certificate],
        chain=tuple(content[file] for file in chain),
        trust=content[trust].decode("utf-8", "replace") if trust else "",
    )
    found = session.opened().fit_checks.check(operator(), files)
    session.console.answer(FitDocument.of(found), _fit_lines(session.console, found))
    return ExitCode.OK if found.works else ExitCode.REFUSED


def _fit_lines(console: Console, found: Fit) -> Iterator[str]:
    colour = "green" if found.works else "red"
    yield click.style(found.verdict, fg=colour, bold=True)
    for stage, title in _STAGES.items():
        yield from ("", title)
        for check in found.checks:
            if check.stage is stage:
                yield from _question_lines(console, check)


def _question_lines(console: Console, check: Check) -> Iterator[str]:
    yield f"  {check.topic}: {click.style(check.result.value, fg=_COLOURS[check.result])}"
    if check.message:
        yield from fields((("the node says", check.message),), indent=4)
    if check.finding:
        yield from (f"    {line}" for line in console.finding_lines((check.finding,)))
