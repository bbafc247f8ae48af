"""`probe`: see which certificate the ports of a node present."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.probes import ProbeDocument, experience_of, works
from ca_service.pki.visible_text import visible
from ca_service.vos.served import BROKEN, PortReport, Verdict

_COLOURS = {Verdict.ISSUED: "green", Verdict.NO_ECDSA: "yellow", Verdict.OLDER: "yellow", Verdict.SELF_SIGNED: "yellow"}
_WRONG = frozenset({Verdict.RSA_SIGNED, Verdict.FOREIGN})
_NOT_YET = frozenset({Verdict.OLDER, Verdict.SELF_SIGNED, Verdict.NO_ECDSA})


@declare(
    "probe",
    "ca-service probe uccx1.example.com",
    "ca-service probe uccx1.example.com:12015 sm1.example.com:7443 --json",
)
@click.argument("hosts", nargs=-1, required=True, metavar="HOST[:PORT]...")
@pass_session
def command(session: Session, hosts: tuple[str, ...]) -> ExitCode:
    """See which certificate the ports of a node present.

    Without a PORT, the ports of the product are asked. Each port is asked for an EC and for an RSA certificate, in TLS
    1.2 and 1.3; nothing but the handshake is sent. Exit code 3: an older, a self-signed or no EC certificate is
    presented; 4: a wrong one; 6: no port answers.
    """
    return tell(session, session.ready().probes.probe(operator(), hosts))


def tell(session: Session, reports: Iterator[PortReport]) -> ExitCode:
    """Say what the ports present, and return the exit code; a terminal shows each port as soon as it is done."""
    found = list[PortReport]()
    for report in reports:
        found.append(report)
        if sys.stderr.isatty():
            session.console.remark(f"{visible(report.target.host)}:{report.target.port} {report.verdict.value}")
    session.console.answer(ProbeDocument.of(found), report_lines(found))
    return _code(found)


def report_lines(found: Sequence[PortReport]) -> list[str]:
    """Return the results for a person, port by port."""
    lines = list[str]()
    for report in sorted(found, key=lambda each: (each.target.host, each.target.port)):
        place = f"{visible(report.target.host)}:{report.target.port}"
        verdict = click.style(report.verdict.value, fg=_COLOURS.get(report.verdict, "red"), bold=True)
        lines.append(f"{place}  {verdict}" + (f"  {report.target.service}" if report.target.service else ""))
        lines += [f"  {visible(str(each))}" for each in report.sentences]
    if experience := experience_of(found):
        lines += ["", f"Agents of UCCX 11.5: {experience}"]
    return lines


def _code(found: Sequence[PortReport]) -> ExitCode:
    """Return the exit code of what was seen: the worst of the ports that present something."""
    verdicts = {each.verdict for each in found}
    if works(found):
        return ExitCode.OK
    if verdicts & _WRONG or any(not BROKEN.isdisjoint(each.remarks) for each in found):
        return ExitCode.REFUSED
    return ExitCode.PENDING if verdicts & _NOT_YET else ExitCode.UNREACHABLE
