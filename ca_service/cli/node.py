"""`node`: certificates on nodes, through their certificate management API or with lines for their command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from ca_service.authority.fleet.node_contact import Contact, Credentials, Warrant
from ca_service.authority.fleet.node_plan import Order, Plan
from ca_service.authority.fleet.node_run import Applied
from ca_service.authority.installation import Installation
from ca_service.cli.console import Console, fields
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import LIFETIME_HELP, is_terminal, read_password, require_typed
from ca_service.cli.probe import report_lines
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.nodes import (
    ContactDocument,
    NodeAppliedDocument,
    NodeLinesDocument,
    NodePlanDocument,
    NodeStepDocument,
)
from ca_service.documents.probes import ProbeDocument, works
from ca_service.errors import Refused, only_errors
from ca_service.pki import names
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos.certificate_api import CURVES
from ca_service.vos.knowledge import NOT_CONFIRMED
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, get_purpose
from ca_service.vos.runbook import step_lines
from ca_service.vos.served import PortReport
from ca_service.vos.steps import Step

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
    click.option("--new-csr", is_flag=True, help="Replace the CSR on the node, and with it its key."),
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
    of the node. Exit code 3: the certificate of the API is not believed yet; 4: a finding prevents the changes.
    """
    installation, order = session.ready(), _order(**options)
    contact = _believed(session.console, installation.node_driver.contact(operator(), host, fingerprint))
    if contact is None:
        return ExitCode.PENDING
    credentials = Credentials(user, read_password(from_standard_input=password_stdin, is_new=False))
    found = installation.node_driver.plan(operator(), contact, credentials, order)
    steps = _steps_before(installation, found, order)
    session.console.answer(NodePlanDocument.of(contact, found, steps), _plan_lines(session.console, found, steps))
    return ExitCode.REFUSED if only_errors(found.findings) else ExitCode.OK


@declare(
    "apply",
    "ca-service node apply cucm1.example.com --user administrator",
    "ca-service node apply cucm1.example.com --user api --password-stdin --confirm cucm1.example.com < FILE",
)
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--confirm", metavar="HOST", help="Host name, to confirm the plan without a question.")
@click.option(
    "--probe-port", "ports", type=click.IntRange(1, 65535), multiple=True, help="Port to probe.  [default: all usual]"
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
    installation, order = session.ready(), _order(**options)
    driver, console = installation.node_driver, session.console
    contact = _believed(console, driver.contact(operator(), host, fingerprint))
    if contact is None:
        return ExitCode.PENDING
    credentials = Credentials(user, read_password(from_standard_input=password_stdin, is_new=False))
    found = driver.plan(operator(), contact, credentials, order)
    _require_confirmed(console, found, _steps_before(installation, found, order), confirm)
    run = driver.apply(operator(), contact, credentials, order, found.keys)
    for change in run:
        console.remark(f"- {visible(str(change.text))}")
    return _ended(session, installation, contact, run.finish(), order, ports)


@declare("lines", "ca-service node lines uccx1.example.com --product uccx --version-of 15")
@click.argument("host", metavar="HOST")
@_with(_OPTIONS)
@pass_session
def lines(session: Session, /, host: str, **options: Any) -> None:
    """Show lines to paste into the command line of a node.

    For UCCX, SocialMiner, Finesse and all others without the API. Without a certificate for the host, they make the
    CSR; with one, they upload root, intermediate and certificate, and restart.
    """
    steps = session.ready().node_commands.lines(operator(), host, _order(**options))
    document = NodeLinesDocument(host=host, steps=[NodeStepDocument.of(step) for step in steps])
    session.console.answer(document, step_lines(steps))


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


def _believed(console: Console, contact: Contact) -> Contact | None:
    """Return the contact once its certificate is believed: ask a person, or answer with it and return None."""
    if contact.warrant is not Warrant.NONE:
        return contact
    about = fields(
        (
            ("SHA-256", contact.fingerprint),
            ("subject", names.name_text(contact.certificate.subject)),
            ("valid until", time_text(contact.certificate.not_valid_after_utc)),
        )
    )
    said = [f"{visible(contact.place.host)} presents a certificate that is not known here. Nothing was sent.", *about]
    shown = f"`show cert own {contact.unit}/{contact.unit}.pem`"
    if not is_terminal():
        again = f"Compare it with {shown} on the node, and run the command again with --fingerprint."
        console.answer(ContactDocument.of(contact), [*said, again])
        return None
    click.echo("\n".join(said), err=True)
    if not click.confirm(f"Is it the one that {shown} shows on the node?", err=True):
        console.answer(ContactDocument.of(contact), ["Nothing was sent."])
        return None
    return contact.pinned()


def _steps_before(installation: Installation, found: Plan, order: Order) -> tuple[Step, ...]:
    return installation.node_commands.preparing_steps(operator(), found.host, order) if found.changes else ()


def _require_confirmed(console: Console, found: Plan, steps: Sequence[Step], confirm: str | None) -> None:
    """Raise InvalidInput unless a person has confirmed the plan; one without changes needs no confirmation."""
    if errors := only_errors(found.findings):
        raise Refused(*errors)
    if found.changes:
        require_typed(found.host, confirm, _plan_lines(console, found, steps))


def _plan_lines(console: Console, found: Plan, steps: Sequence[Step]) -> list[str]:
    said = [f"{found.host}, {found.purpose.service}: {found.stage.value}"]
    if found.present is not None:
        end = found.present.not_valid_after_utc.date().isoformat()
        said.append(f"  present: \u201c{visible(names.label(found.present.subject))}\u201d, valid until {end}")
    if found.request is not None:
        about = ", ".join(found.request.names) or "none"
        said.append(f"  CSR: {visible(found.request.subject_text)}; names: {visible(about)}")
    for number, change in enumerate(found.changes, 1):
        said.append(f"  {number}. {visible(str(change.text))}")
        said += [] if change.is_confirmed else [f"     ({NOT_CONFIRMED})"]
    if not found.changes:
        said.append("  Nothing has to change.")
    before = ["Before that, on the node:", *step_lines(steps)] if steps else []
    return [*said, *before, *console.finding_lines(found.findings)]


def _ended(
    session: Session,
    installation: Installation,
    contact: Contact,
    done: Applied,
    order: Order,
    ports: Sequence[int],
) -> ExitCode:
    """Answer with the end of a run: what waits, or what the ports present and what is left to do."""
    host, reports, steps = contact.place.host, tuple[PortReport, ...](), tuple[Step, ...]()
    if done.waiting:
        said = ["The request waits for an approver. Run the command again afterwards."]
    else:
        reports = tuple(installation.probes.probe_node(operator(), host, ports))
        steps = () if works(reports) else installation.node_commands.running_steps(operator(), host, order)
        said = ["The node has the certificate.", *report_lines(ProbeDocument.of(reports))]
        said += ["", "Left to do:", *step_lines(steps), "Then run the command again."] if steps else []
    session.console.answer(NodeAppliedDocument.of(contact, done, steps, reports), said)
    return ExitCode.PENDING if done.waiting or steps else ExitCode.OK
