"""The common part of `revoke` and `release`: selection, confirmation, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from ca_service.authority.installation import Installation
from ca_service.authority.revocation.records import Outcome, Selection
from ca_service.authority.revocation.selecting import with_serial_numbers
from ca_service.cli.console import Console, table
from ca_service.cli.inputs import is_terminal, typed_to_go_on
from ca_service.cli.session import operator
from ca_service.errors import InvalidInput, Rule

CONFIRMATION_NO_TERMINAL: Final = Rule(
    "confirmation.no-terminal",
    "There is no terminal to ask for confirmation.",
    "Add --yes to continue without a question.",
)

_OPTIONS = (
    click.argument("serial_numbers", metavar="[SERIAL]...", nargs=-1),
    click.option("--key", default="", metavar="SHA256", help="Every certificate with the key of this fingerprint."),
    click.option("--host", default="", metavar="NAME", help="Every certificate that names this host."),
    click.option("--cluster", type=int, metavar="ID", help="Every valid certificate in the slots of this cluster."),
)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the ways to say which certificates are meant."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def selected(
    installation: Installation, serial_numbers: tuple[str, ...], key: str, host: str, cluster: int | None
) -> Selection:
    """Return the selection that the options describe."""
    selection = Selection(serial_numbers, key, host)
    if cluster is None:
        return selection
    return with_serial_numbers(selection, installation.fleet.serial_numbers(operator(), cluster))


def confirm(console: Console, planned: Outcome, *, is_confirmed: bool) -> None:
    """Preview the effect, and continue only after a confirmation."""
    console.remark(*(f"{found.detail} {found.remedy}".strip() for found in planned.findings))
    if is_confirmed:
        return
    if not is_terminal():
        raise InvalidInput.because(CONFIRMATION_NO_TERMINAL)
    planned.require_confirmation(typed_to_go_on(planned.confirmation))


def outcome_lines(outcome: Outcome) -> list[str]:
    """Yield the effect on each certificate, actual or previewed, for a person."""
    rows = (
        (each.certificate.serial_number, each.certificate.host, each.effect.value, each.state_text)
        for each in outcome.changes
    )
    return table(("serial number", "host", "effect", "state"), rows)
