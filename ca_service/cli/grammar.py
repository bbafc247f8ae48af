"""Knows how commands are declared: lazily loaded, each with `--json`, each with an example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; listed in the order of `modules`.

    A command is what its module in this package, which has the same name, calls `command`.
    """

    def __init__(self, *arguments: Any, modules: Sequence[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands, loaded or not."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name, if there is one."""
        if cmd_name not in self._modules:
            return None
        found: click.Command = import_module(f"ca_service.cli.{cmd_name}").command
        return found


def examples(lines: Sequence[str]) -> str:
    """The end of a help text; `\\b` keeps click from joining the lines."""
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def declare(name: str, *lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function: with this name, `--json`, and these examples in its help."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name, epilog=examples(lines))(_json_option(function))

    return decorate


_json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,  # the console has seen it already, see Console
    help="Answer in JSON on standard output; errors are JSON on standard error.",
)
