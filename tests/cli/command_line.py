"""The command within this process: calls, answers, and the rule by which it refuses."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from click.testing import CliRunner, Result

from ca_service import settings as settings_module
from ca_service.app import open_installation
from ca_service.app.commands import PROGRAM
from ca_service.authority.installation import Installation
from ca_service.cli.failures import ExitCode
from ca_service.cli.interfaces import Program, Server, Setting
from ca_service.cli.main import command
from tests.cli.answers import require_document
from tests.support.factories import cheap_hasher


class Keyboard(io.BytesIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command on one instance folder, with the settings of an environment; opened anew each time, as processes do.

    A server does not listen: it calls `on_serve`. `variables` are the environment of the process, beside the settings.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    on_serve: Callable[[], None] = lambda: None
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, data: bytes | Keyboard = b"", color: bool = False) -> Result:
        """Call it with these arguments and this standard input."""
        return run(self.program(), *arguments, data=data, color=color, variables=self.variables)

    def answer(self, *arguments: str | Path, data: bytes = b"") -> Any:
        """What it says in JSON; fails the test unless it ends with exit code 0."""
        result = self(*arguments, "--json", data=data)
        assert result.exit_code == 0, result.output
        answer = json.loads(result.stdout)
        require_document([str(each) for each in arguments], answer)
        return answer

    def rule(self, *arguments: str | Path, data: bytes | Keyboard = b"", code: int) -> str:
        """The rule that decided, where it ends with this exit code."""
        result = self(*arguments, "--json", data=data)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        return deciding_rule(result)

    @contextmanager
    def opened(self) -> Iterator[Installation]:
        """Open the installation beside the command, and close it at the end."""
        installation = self._open(None)
        try:
            yield installation
        finally:
            installation.close()

    def program(self) -> Program:
        """Return the program that the command works with."""
        return Program(self._open, self._list_settings, self._prepare_server, PROGRAM.run_lab)

    def _open(self, path: Path | None) -> Installation:
        settings = settings_module.load(self.environ, path or self.folder).settings
        return open_installation(settings, cheap_hasher())

    def _list_settings(self, path: Path | None) -> tuple[Setting, ...]:
        return settings_module.load(self.environ, path or self.folder).listing()

    def _prepare_server(self, path: Path | None, host: str | None, port: int | None) -> Server:
        settings = settings_module.load(self.environ, path or self.folder).settings
        url = f"http://{host or settings.server.host}:{port or settings.server.port}"
        return Server(url, reserve=nullcontext, run=self._serve)

    def _serve(self, announce: Callable[[], None]) -> None:
        announce()
        self.on_serve()


def run(
    program: Program,
    *arguments: str | Path,
    data: bytes | Keyboard = b"",
    color: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Call the command on this program, with this environment."""
    words = [str(each) for each in arguments]
    return CliRunner().invoke(command, words, input=data, color=color, obj=program, env=variables)


def refused_by_cli(data: bytes, installation: Installation, *options: str) -> str:
    """The rule that decided when `sign` refused this; raises AssertionError if it signed."""
    program = Program(lambda _path: installation, _not_wanted, _not_wanted, _not_wanted)
    result = run(program, "sign", "-", "--format", "json", "--json", *options, data=data)
    assert result.exit_code != 0, result.output
    return deciding_rule(result)


def found_by_cli(data: bytes, installation: Installation) -> list[str]:
    """The rules that `check` has against this; raises AssertionError if it would be signed."""
    result = run(Program(lambda _path: installation, _not_wanted, _not_wanted, _not_wanted), "check", "-", data=data)
    assert (result.exit_code, result.stderr) == (ExitCode.REFUSED, "")
    assert "standard input: would be refused" in result.stdout
    return re.findall(r"^ *rule   (\S+)$", result.stdout, re.MULTILINE)


def deciding_rule(result: Result) -> str:
    """The first rule that blocks, in the problem on standard error."""
    errors = json.loads(result.stderr)["errors"]
    return str(next(error["rule"] for error in errors if error["severity"] == "error"))


def _not_wanted(*_: object) -> NoReturn:
    raise AssertionError("signing needs the installation alone")


def tamper(ca: CommandLine, *statements: str) -> None:
    """Change the database by other means."""
    with closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as database, database:
        for statement in statements:
            database.execute(statement)
