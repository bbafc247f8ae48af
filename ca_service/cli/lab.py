"""`lab-node`: emulated Cisco nodes on this machine."""

from __future__ import annotations

import secrets
import signal
import threading
from typing import Final

import click

from ca_service.authority.fleet.probing import host_and_port
from ca_service.cli.console import fields
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import read_password
from ca_service.cli.interfaces import LabPorts, LabWish
from ca_service.cli.session import Session, pass_session
from ca_service.documents.nodes import LabNodeDocument, LabNodesDocument

_FAULTS: Final = ("html", "redirect", "slow", "objects", "text-errors", "tls-1.3-only")


@declare(
    "lab-node",
    "ca-service lab-node cucm-pub.localhost cucm-sub.localhost --port 9443",
    "ca-service lab-node sm1.localhost --no-api --port 9543",
    "ca-service lab-node uccx1.localhost --no-api --cert-type rsa --port 9643",
    "ca-service lab-node cucm-pub.localhost --fault slow --fault text-errors",
)
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option("--user", default="administrator", show_default=True, help="Administrator of the emulated nodes.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.  [default: make one]")
@click.option(
    "--port",
    type=click.IntRange(0, 65000),
    default=9443,
    show_default=True,
    help="First port: each node has three from there on; 0 for free ones.",
)
@click.option("--fault", "faults", type=click.Choice(_FAULTS), multiple=True, help="Fault of the API; repeatable.")
@click.option("--no-api", is_flag=True, help="Command line alone, as on UCCX and SocialMiner.")
@click.option(
    "--cert-type",
    type=click.Choice(("rsa", "ecdsa")),
    default=None,
    help="Certificate type, as on UCCX 15; `set tls server cert_type` changes it.  [default: both are presented]",
)
@pass_session
def lab_node(
    session: Session,
    hosts: tuple[str, ...],
    user: str,
    password_stdin: bool,
    port: int,
    faults: tuple[str, ...],
    no_api: bool,
    cert_type: str | None,
) -> None:
    """Emulate Cisco nodes, for training and demonstrations.

    The first HOST is the publisher of the others; names that end in .localhost lead to this machine. The nodes listen
    on 127.0.0.1 alone, keep everything in memory, and run until they are stopped. Never trust them.
    """
    names = tuple(host_and_port(host)[0] for host in hosts)
    password = read_password(from_standard_input=True) if password_stdin else secrets.token_urlsafe(9)
    wish = LabWish(names, password, user, port, faults, has_api=not no_api, cert_type=cert_type or "")
    with session.program.run_lab(wish) as ports:
        nodes = [_document(host, each) for host, each in zip(names, ports, strict=True)]
        said = [line for node in nodes for line in _lines(node)]
        said += fields((("user", user), *(() if password_stdin else (("password", password),))), indent=0)
        session.console.answer(LabNodesDocument(user=user, nodes=nodes), said)
        _wait()


def _document(host: str, ports: LabPorts) -> LabNodeDocument:
    return LabNodeDocument(host=host, api=ports.api, served=ports.served, console=ports.console)


def _lines(node: LabNodeDocument) -> list[str]:
    api = [("API", f"{node.host}:{node.api}")] if node.api else []
    served = ("presents its certificates", f"{node.host}:{node.served}")
    return [node.host, *fields((*api, served, ("command line", f"nc 127.0.0.1 {node.console}")))]


def _wait() -> None:
    """Wait until a signal ends the command."""
    ends = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ends.set())
    ends.wait()
