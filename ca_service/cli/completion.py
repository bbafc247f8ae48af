"""`completion`: the script with which a shell completes commands, options and file names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from ca_service.cli.grammar import declare
from ca_service.cli.outputs import Target, force_option
from ca_service.cli.session import Session, pass_session
from ca_service.documents.operations import CompletionDocument
from ca_service.pki.visible_text import visible

_COMMAND: Final = "ca-service"
_SHELLS: Final[Mapping[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@declare(
    "completion",
    "ca-service completion --install",
    "ca-service completion zsh > ~/.zfunc/_ca-service",
    'eval "$(ca-service completion bash)"',
)
@click.argument("shell", type=click.Choice(tuple(_SHELLS)), required=False, metavar="[bash|zsh|fish]")
@click.option("--install", is_flag=True, help="Write it where the shell of this user looks for it.")
@force_option
@pass_session
def command(session: Session, shell: str | None, install: bool, force: bool) -> None:
    """Write the file that completes commands and options in a shell.

    Without a name, for the shell in SHELL. The script goes to standard output, or with --install to the folder of this
    user for such scripts. A new terminal completes with the Tab key.
    """
    chosen = shell or _own_shell()
    script = _script(chosen)
    if not install:
        session.console.answer(CompletionDocument(shell=chosen, script=script, file=None), [script])
        return
    path = _PLACES[chosen](os.environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    Target(str(path), force).write(path.name, f"{script}\n".encode())
    lines = [f"Written: {visible(str(path))}", *_HINTS.get(chosen, ())]
    session.console.answer(CompletionDocument(shell=chosen, script=script, file=str(path)), lines)


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in _SHELLS:
        raise click.UsageError(f"Name the shell: {', '.join(_SHELLS)}.", click.get_current_context())
    return name


def _script(shell: str) -> str:
    """Return click's own script for this shell; it asks `ca-service` for each completion."""
    root = click.get_current_context().find_root().command
    return _SHELLS[shell](root, {}, _COMMAND, "_CA_SERVICE_COMPLETE").source()


def _data(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")


def _settings(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


_PLACES: Final[Mapping[str, Callable[[Mapping[str, str]], Path]]] = {
    "bash": lambda environ: _data(environ) / "bash-completion/completions" / _COMMAND,
    "zsh": lambda environ: _data(environ) / "zsh/site-functions" / f"_{_COMMAND}",
    "fish": lambda environ: _settings(environ) / "fish/completions" / f"{_COMMAND}.fish",
}
_HINTS: Final = {
    "bash": ("It needs the package bash-completion, and bash 4.4 or newer.",),
    "zsh": (
        "Add these lines to ~/.zshrc unless it has them:",
        "  fpath+=(${XDG_DATA_HOME:-$HOME/.local/share}/zsh/site-functions)",
        "  autoload -U compinit && compinit",
    ),
}
