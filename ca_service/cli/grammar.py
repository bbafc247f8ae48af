"""The declaration of commands: imported when called, each with `--json` and examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and lists its commands in sections.

    `sections` has the sections of the help by their titles; the keys of each are the names of its commands, in the
    order of the help. Each command is the attribute `command` of the module of that name in this package, with
    underscores in place of hyphens. Its help begins with its summary. `neighbours` names the commands that share the
    module of another one: there, each is the attribute of its own name.
    """

    def __init__(
        self,
        *arguments: Any,
        sections: Mapping[str, Mapping[str, str]],
        neighbours: Mapping[str, str],
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._sections = sections
        self._summaries = {name: text for each in sections.values() for name, text in each.items()}
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raises NoSuchCommand with similar names, which click has for imported ones only."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self._summaries, ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the sections into the help, with their texts below one another, without importing the commands."""
        width = max(map(len, self._summaries))
        for title, summaries in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in summaries.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, without importing them, and the options."""
        found = [
            CompletionItem(name, help=text) for name, text in self._summaries.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def examples(lines: Sequence[str]) -> str:
    """Return the end of a help text; `\\b` keeps click from joining the lines."""
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def declare(name: str, *lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a command: with this name, `--json`, and these examples in its help."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        made = click.command(name, cls=_Declared, epilog=examples(lines))(_json_option(function))
        for parameter in made.params:
            if "FILE" in (parameter.metavar or ""):
                parameter.type = FILE
        return made

    return decorate


class _Declared(click.Command):
    """A command that tells the console how its parameters are typed: findings name them instead of fields."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments. An error names the help of this command: those of click's parser name no command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        ctx.obj.console.places = {str(each.name): _typed(each, ctx.params.get(str(each.name))) for each in self.params}
        return super().invoke(ctx)


def _typed(parameter: click.Parameter, value: Any) -> tuple[str, ...]:
    """Return the files that were given, the name of an option, or that of an argument as the help shows it."""
    if value and re.search(r"\bFILE\b", parameter.metavar or ""):
        given = (value,) if isinstance(value, str) else value
        return tuple("standard input" if each == "-" else str(each) for each in given)
    if isinstance(parameter, click.Option):
        return (max(parameter.opts, key=len),)
    return (re.sub(r"[^A-Z].*", "", (parameter.metavar or str(parameter.name).upper()).lstrip("[")),)


FILE: Final = click.Path(readable=False)  # shells complete it; the readers of files explain what is wrong with one
_json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,  # the console reads it from the arguments, see Console
    help="Answer in JSON on standard output; errors are JSON on standard error.",
)
