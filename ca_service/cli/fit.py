"""Knows `fit`: whether a node would take a certificate, from whichever authority it comes."""

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
@click.option("--csr", metavar="FILE", help="The request of the node. Without it, much cannot be compared.")
@click.option("--cert", "certificate", metavar="FILE", required=True, help="The certificate that answers it.")
@click.option("--chain", multiple=True, metavar="FILE", help="An authority above it; once for each file.")
@click.option("--trust", metavar="FILE", help="What `show cert list trust` prints on the node, or an API snapshot.")
@pass_session
def command(session: Session, csr: str | None, certificate: str, chain: tuple[str, ...], trust: str | None) -> ExitCode:
    """Say whether a node would take the certificate in FILE, and whether it would work after.

    The certificate may come from any authority. Nothing is stored, and no node is asked. `-` is standard input.
    Ends with exit code 4 if the node would refuse it, or something would break later.
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
