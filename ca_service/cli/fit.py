"""`fit`: whether a node will accept a certificate of any authority."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.cli.console import Console, fields
from ca_service.cli.exits import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import read_files
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.checks import FitDocument
from ca_service.vos.fit import Check, Files, Fit, Result, Stage

_STAGES = {Stage.UPLOAD: "At the upload", Stage.USE: "Afterwards"}
_COLOURS = {Result.PASSED: "green", Result.FAILED: "red", Result.NOT_CHECKED: "yellow"}


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
def command(session: Session, csr: str | None, certificate: str, chain: tuple[str, ...], trust: str | None) -> ExitCode:
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
    session.console.answer(FitDocument.of(found), _lines(session.console, found))
    return ExitCode.OK if found.works else ExitCode.REFUSED


def _lines(console: Console, found: Fit) -> Iterator[str]:
    colour = "green" if found.works else "red"
    yield click.style(found.verdict, fg=colour, bold=True)
    for stage, title in _STAGES.items():
        yield from ("", title)
        for check in found.checks:
            if check.stage is stage:
                yield from _check_lines(console, check)


def _check_lines(console: Console, check: Check) -> Iterator[str]:
    yield f"  {check.topic}: {click.style(check.result.value, fg=_COLOURS[check.result])}"
    if check.message:
        yield from fields((("the node says", check.message),), indent=4)
    if check.finding:
        yield from (f"    {line}" for line in console.finding_lines((check.finding,)))
