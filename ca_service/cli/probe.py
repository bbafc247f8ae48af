"""`probe`: see which certificate the ports of a node present."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import click

from ca_service.cli.api import API
from ca_service.cli.console import Console
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.probes import PortDocument, ProbeDocument
from ca_service.pki.visible_text import visible
from ca_service.vos.served import BROKEN, PortReport, Target, Verdict

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
    presented; 4: a wrong one; 6: no port presents one, for example
    because DNS does not know the host.
    """
    return tell(
        session,
        session.ask(
            lambda here: watched(session.console, here.probes.probe(operator(), hosts)),
            lambda api: watched_there(session.console, api, "probes", body={"hosts": list(hosts)}),
        ),
    )


def watched(console: Console, reports: Iterator[PortReport]) -> ProbeDocument:
    """Return what the ports present; a terminal shows each port as soon as it is done."""
    found = list[PortReport]()
    for report in reports:
        found.append(report)
        _watch(console, report.target.host, report.target.port, report.verdict)
    return ProbeDocument.of(found)


def watched_there(console: Console, api: API, *path: object, body: Mapping[str, object] | None = None) -> ProbeDocument:
    """Return the same from a server, by the operation at this path."""

    def told(port: PortDocument) -> None:
        _watch(console, port.host, port.port, port.verdict)

    return api.live(PortDocument, ProbeDocument, *path, body=body, told=told)


def _watch(console: Console, host: str, port: int, verdict: Verdict) -> None:
    if sys.stderr.isatty():
        console.remark(f"{_place(host, port, verdict)} {verdict.value}")


def tell(session: Session, found: ProbeDocument) -> ExitCode:
    """Say what the ports present, and return the exit code."""
    session.console.answer(found, report_lines(found))
    return _code(found)


def report_lines(found: ProbeDocument) -> list[str]:
    """Return the results for a person, port by port."""
    lines = list[str]()
    for port in found.ports:
        verdict = click.style(port.verdict.value, fg=_COLOURS.get(port.verdict, "red"), bold=True)
        service = f"  {visible(port.service)}" if port.service and port.verdict is not Verdict.UNKNOWN_HOST else ""
        lines.append(f"{_place(port.host, port.port, port.verdict)}  {verdict}{service}")
        lines += [f"  {visible(each)}" for each in port.sentences]
    lines += ["", visible(found.summary)]
    if found.not_restarted:
        hosts = visible(", ".join(found.not_restarted))
        lines += [f"Other ports present the certificate from here. If it was uploaded, restart: {hosts}"]
    if found.experience:
        lines += ["", f"Agents of UCCX 11.5: {visible(found.experience)}"]
    return lines


def _place(host: str, port: int, verdict: Verdict) -> str:
    return visible(host if verdict is Verdict.UNKNOWN_HOST else Target(host, port).place)


def _code(found: ProbeDocument) -> ExitCode:
    """Return the exit code of what was seen: the worst of the ports that present something."""
    verdicts = {each.verdict for each in found.ports}
    if found.works:
        return ExitCode.OK
    if verdicts & _WRONG or any(not BROKEN.isdisjoint(each.remarks) for each in found.ports):
        return ExitCode.REFUSED
    return ExitCode.PENDING if verdicts & _NOT_YET else ExitCode.UNREACHABLE
