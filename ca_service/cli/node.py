"""`node`: certificates on nodes, through their certificate management API or with lines for their command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from ca_service.authority.fleet.node_contact import Credentials
from ca_service.authority.fleet.node_plan import Order
from ca_service.cli.api import finding_of
from ca_service.cli.console import Console, fields
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import LIFETIME_HELP, is_terminal, read_password, require_typed
from ca_service.cli.node_calls import (
    NodeCall,
    contact_here,
    contact_there,
    lines_here,
    lines_there,
    plan_here,
    plan_there,
    run_here,
    run_there,
)
from ca_service.cli.probe import report_lines
from ca_service.cli.session import Session, pass_session
from ca_service.documents.nodes import (
    ContactDocument,
    NodeAppliedDocument,
    NodeChangeDocument,
    NodePlanDocument,
    NodeStepDocument,
)
from ca_service.errors import Finding, Refused
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos.certificate_api import CURVES
from ca_service.vos.knowledge import NOT_CONFIRMED
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, get_purpose
from ca_service.vos.runbook import step_lines

Command = Callable[..., Any]
_OPTIONS: Final = (
    click.option(
        "--purpose",
        type=click.Choice(tuple(PURPOSES)),
        default=TOMCAT_ECDSA.service,
        show_default=True,
        help="Purpose on the node.",
    ),
    click.option("--product", type=click.Choice(tuple(products())), default=None, help="Product of the host."),
    click.option("--version-of", default="", help="Version of the product, such as 14SU2."),
)
_NEW_CSR: Final = click.option("--new-csr", is_flag=True, help="Replace the CSR on the node, and with it its key.")
_API_OPTIONS: Final = (
    click.option("--user", required=True, metavar="NAME", help="Administrator of the operating system of the node."),
    click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input.  [default: ask for it]"
    ),
    click.option(
        "--fingerprint",
        default="",
        metavar="SHA256",
        help="Fingerprint of the certificate that the API presents.  [default: one from here, or ask]",
    ),
    click.option(
        "--curve", type=click.Choice(tuple(CURVES)), default="P-384", show_default=True, help="Curve of a new key."
    ),
    click.option("--days", type=int, help=LIFETIME_HELP),
    _NEW_CSR,
    *_OPTIONS,
)


def _with(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@declare(
    "plan",
    "ca-service node plan cucm1.example.com --user administrator",
    "ca-service node plan cucm1.example.com --user api --password-stdin --fingerprint 4f1c... --json < FILE",
)
@click.argument("host", metavar="HOST[:PORT]")
@_with(_API_OPTIONS)
@pass_session
def plan(session: Session, /, host: str, user: str, password_stdin: bool, fingerprint: str, **options: Any) -> ExitCode:
    """Show what has to change on a node; change nothing.

    For CUCM, IM and Presence, Unity Connection and Emergency Responder from release 14. The command reads a snapshot
    of the node. Exit code 3: the certificate of the API is not trusted yet; 4: a finding prevents the changes.
    """
    call = _call(session, host, _order(**options), user=user, password_stdin=password_stdin, fingerprint=fingerprint)
    if call is None:
        return ExitCode.PENDING
    found = session.ask(lambda here: plan_here(here, call), lambda api: plan_there(api, call))
    session.console.answer(found, _plan_lines(session.console, found))
    return ExitCode.REFUSED if _errors(found) else ExitCode.OK


@declare(
    "apply",
    "ca-service node apply cucm1.example.com --user administrator",
    "ca-service node apply cucm1.example.com --user api --password-stdin --confirm cucm1.example.com < FILE",
)
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--confirm", metavar="HOST", help="Host name, to confirm the plan without a question.")
@click.option(
    "--probe-port",
    "ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="Port to probe.  [default: all of the product]",
)
@_with(_API_OPTIONS)
@pass_session
def apply(
    session: Session,
    /,
    host: str,
    user: str,
    password_stdin: bool,
    fingerprint: str,
    confirm: str | None,
    ports: tuple[int, ...],
    **options: Any,
) -> ExitCode:
    """Make the changes of the plan: CSR, certificate, trust, upload.

    The plan is shown and confirmed first. Restarts stay with you: their lines are shown at the end. Run the command
    again at any time: it reads the node and goes on, also after it was interrupted. Exit code 3: the request waits for
    an approver, or the services for their restart.
    """
    call = _call(session, host, _order(**options), user=user, password_stdin=password_stdin, fingerprint=fingerprint)
    if call is None:
        return ExitCode.PENDING
    found = session.ask(lambda here: plan_here(here, call), lambda api: plan_there(api, call))
    _require_confirmed(session.console, found, confirm)
    confirmed = [change.key for change in found.changes]

    def told(change: NodeChangeDocument) -> None:
        session.console.remark(f"- {visible(change.text)}")

    done = session.ask(
        lambda here: run_here(here, call, confirmed, ports, told=told),
        lambda api: run_there(api, call, confirmed, ports, told=told),
    )
    return _ended(session.console, done)


@declare("lines", "ca-service node lines uccx1.example.com --product uccx --version-of 15")
@click.argument("host", metavar="HOST")
@_NEW_CSR
@_with(_OPTIONS)
@pass_session
def lines(session: Session, /, host: str, **options: Any) -> None:
    """Show lines to paste into the command line of a node.

    For UCCX, SocialMiner, Finesse and all others without the API. The lines make the CSR if the host has no certificate
    from here, if its newest one is revoked or ends soon, or with --new-csr. Otherwise they upload root, intermediate
    and certificate, and restart the services.
    """
    order = _order(**options)
    found = session.ask(lambda here: lines_here(here, host, order), lambda api: lines_there(api, host, order))
    session.console.answer(found, _step_lines(found.steps))


command = click.Group("node", commands=[plan, apply, lines], help="Put certificates on nodes.")


def _order(
    purpose: str,
    product: str | None,
    version_of: str,
    curve: str = "P-384",
    days: int | None = None,
    new_csr: bool = False,
) -> Order:
    return Order(get_purpose(purpose), curve, product or "", version_of, days, new_csr)


def _call(
    session: Session, host: str, order: Order, *, user: str, password_stdin: bool, fingerprint: str
) -> NodeCall | None:
    """Return the call once the certificate of the node is believed, with the password; None before that."""
    session.require_private()
    contact = session.ask(
        lambda here: contact_here(here, host, fingerprint), lambda api: contact_there(api, host, fingerprint)
    )
    if not _is_believed(session.console, contact):
        return None
    compared = "" if contact.believed == "issued" else contact.fingerprint
    password = read_password(from_standard_input=password_stdin, is_new=False)
    return NodeCall(host, compared, Credentials(user, password), order)


def _is_believed(console: Console, contact: ContactDocument) -> bool:
    """Return whether the certificate is believed: ask a person, or answer with it and return False."""
    if contact.believed:
        return True
    about = fields(
        (
            ("SHA-256", contact.fingerprint),
            ("subject", contact.subject),
            ("valid until", time_text(contact.not_after)),
        )
    )
    said = [f"{visible(contact.host)} presents a certificate that cannot be verified here. Nothing was sent.", *about]
    shown = f"`show cert own {contact.unit}/{contact.unit}.pem`"
    if not is_terminal():
        again = f"Compare it with {shown} on the node, and run the command again with --fingerprint."
        console.answer(contact, [*said, again])
        return False
    click.echo("\n".join(said), err=True)
    if click.confirm(f"Is it the one that {shown} shows on the node?", err=True):
        return True
    console.answer(contact, ["Nothing was sent."])
    return False


def _errors(found: NodePlanDocument) -> list[Finding]:
    return [finding_of(each) for each in found.findings if each.severity == "error"]


def _require_confirmed(console: Console, found: NodePlanDocument, confirm: str | None) -> None:
    """Raise InvalidInput unless a person has confirmed the plan; one without changes needs no confirmation."""
    if errors := _errors(found):
        raise Refused(*errors)
    if found.changes:
        require_typed(console, found.contact.host, confirm, _plan_lines(console, found))


def _plan_lines(console: Console, found: NodePlanDocument) -> list[str]:
    said = [f"{visible(found.contact.host)}, {visible(found.purpose)}: {found.stage}"]
    if found.present_not_after is not None:
        end = found.present_not_after.date().isoformat()
        said.append(f"  present: \u201c{visible(found.present_name)}\u201d, valid until {end}")
    if found.csr is not None:
        about = ", ".join(found.csr.names) or "none"
        said.append(f"  CSR: {visible(found.csr.subject)}; names: {visible(about)}")
    for number, change in enumerate(found.changes, 1):
        said.append(f"  {number}. {visible(change.text)}")
        said += [] if change.is_confirmed else [f"     ({NOT_CONFIRMED})"]
    if not found.changes:
        said.append("  Nothing has to change.")
    before = ["Before that:", *_step_lines(found.steps)] if found.steps else []
    return [*said, *before, *console.finding_lines(found.findings)]


def _step_lines(steps: Sequence[NodeStepDocument]) -> list[str]:
    return [visible(line) for line in step_lines([each.step() for each in steps])]


def _ended(console: Console, done: NodeAppliedDocument) -> ExitCode:
    """Answer with the end of a run: what waits, or what the ports present and what is left to do."""
    if done.waiting:
        said = ["The request waits for an approver. Run the command again afterwards."]
    else:
        said = ["The node has the certificate.", *(report_lines(done.probe) if done.probe else ())]
        said += ["", "Left to do:", *_step_lines(done.steps), "Then run the command again."] if done.steps else []
    console.answer(done, said)
    return ExitCode.PENDING if done.waiting or done.steps else ExitCode.OK
