"""`check`: examine CSRs without signing them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.issuance.examination import Examination, Options
from ca_service.cli.console import Console, fields
from ca_service.cli.exits import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import read_requests
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.checks import ChecksDocument
from ca_service.pki.visible_text import visible


@declare("check", "ca-service check tomcat-ECDSA.csr", "ca-service check *.csr --json")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--profile", default="vos", show_default=True, help="Certificate profile: vos, or server for a TLS server."
)
@click.option("--days", type=int, help="Lifetime in days.  [default: policy.default_days of the settings]")
@click.option("--add-host-name", is_flag=True, help="Use the host name if the CSR contains no names.")
@pass_session
def command(session: Session, files: tuple[str, ...], profile: str, days: int | None, add_host_name: bool) -> ExitCode:
    """Check CSRs without signing them.

    FILE is a CSR; `-` is standard input. Nothing is stored. Exit code 4: `sign` would refuse at least one.
    """
    requests = read_requests(session.console, files)
    options = Options(profile=profile, validity_days=days, add_host_name=add_host_name)
    found = session.ready().issuance.check(operator(), requests, options)
    document = ChecksDocument.of(found, session.console.sources)
    session.console.answer(document, _lines(session.console, found))
    return ExitCode.OK if document.accepted else ExitCode.REFUSED


def _lines(console: Console, examinations: tuple[Examination, ...]) -> Iterator[str]:
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
