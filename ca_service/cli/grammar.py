"""The declaration of commands: imported when called, each with `--json` and examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that imports a command when it is called.

    The keys of `summaries` are the names of the commands, in the order of the help; each command is the attribute
    `command` of the module of that name in this package, with underscores in place of hyphens. Its help begins with
    its summary. `neighbours` names the commands that share the module of another one: there, each is the attribute of
    its own name.
    """

    def __init__(
        self, *arguments: Any, summaries: Mapping[str, str], neighbours: Mapping[str, str], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._summaries = summaries
        self._neighbours = neighbours

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, imported or not."""
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command of this name and return it, or None if there is none."""
        if cmd_name not in self._summaries:
            return None
        name = cmd_name.replace("-", "_")
        module = import_module(f"ca_service.cli.{self._neighbours.get(cmd_name, name)}")
        found: click.Command = getattr(module, name if cmd_name in self._neighbours else "command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the summaries into the help, without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))


def examples(lines: Sequence[str]) -> str:
    """Return the end of a help text; `\\b` keeps click from joining the lines."""
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def declare(name: str, *lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a command: with this name, `--json`, and these examples in its help."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name, epilog=examples(lines))(_json_option(function))

    return decorate


_json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,  # the console reads it from the arguments, see Console
    help="Answer in JSON on standard output; errors are JSON on standard error.",
)
