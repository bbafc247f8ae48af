"""`check`: examine CSRs without signing them. `fit`: whether a node will accept a certificate of any authority."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.issuance.examination import Options
from ca_service.cli.api import File
from ca_service.cli.console import Console, fields
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import (
    LIFETIME_HELP,
    csr_files,
    destination_options,
    hints,
    option_query,
    read_files,
    read_requests,
)
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.checks import CheckDocument, ChecksDocument, FitCheckDocument, FitDocument
from ca_service.pki.visible_text import visible
from ca_service.vos.destinations import Destination
from ca_service.vos.fit import Files, Result, Stage

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
    document = session.ask(
        lambda here: ChecksDocument.of(here.issuance.check(operator(), requests, options, hints(session.console))),
        lambda api: api.post(
            ChecksDocument, "checks", query=option_query(options), files=csr_files(session.console, requests)
        ),
    ).named(session.console.sources)
    session.console.answer(document, _check_lines(session.console, document))
    return ExitCode.OK if document.accepted else ExitCode.REFUSED


def _check_lines(console: Console, found: ChecksDocument) -> Iterator[str]:
    for check in found.checks:
        verdict = ("can be signed", "green") if check.accepted else ("would be refused", "red")
        yield f"{visible(check.file or '')}: {click.style(verdict[0], fg=verdict[1])}"
        yield from fields(_contents(check))
        yield from console.finding_lines(check.findings)


def _contents(check: CheckDocument) -> Iterator[tuple[str, str]]:
    if check.subject is None:
        return
    yield "subject", check.subject
    yield "names", ", ".join(check.subject_alternative_name) or "none"
    yield "key", check.key or ""
    yield "usage", ", ".join((*check.key_usage, *check.extended_key_usage)) or "none asked"
    yield "profile", f"{check.profile}, {check.validity_days} days"


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
    found = session.ask(
        lambda here: FitDocument.of(here.fit_checks.check(operator(), files)),
        lambda api: api.post(FitDocument, "fit", files=_parts(files)),
        needs_ready=False,
    )
    session.console.answer(found, _fit_lines(session.console, found))
    return ExitCode.OK if found.works else ExitCode.REFUSED


def _parts(files: Files) -> list[File]:
    """Return the files as the parts of a form."""
    parts = (("csr", files.csr), ("certificate", files.certificate), *(("chain", each) for each in files.chain))
    trust = [("trust", ("trust", files.trust.encode()))] if files.trust else []
    return [*((name, (name, data)) for name, data in parts if data is not None), *trust]


def _fit_lines(console: Console, found: FitDocument) -> Iterator[str]:
    colour = "green" if found.works else "red"
    yield click.style(visible(found.verdict), fg=colour, bold=True)
    for stage, title in _STAGES.items():
        yield from ("", title)
        for check in found.checks:
            if check.stage == stage:
                yield from _question_lines(console, check)


def _question_lines(console: Console, check: FitCheckDocument) -> Iterator[str]:
    yield f"  {visible(check.topic)}: {click.style(check.result, fg=_COLOURS[Result(check.result)])}"
    if check.message:
        yield from fields((("the node says", check.message),), indent=4)
    if check.finding:
        yield from (f"    {line}" for line in console.finding_lines((check.finding,)))
