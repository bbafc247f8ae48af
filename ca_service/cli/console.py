"""Output of a command: answers on standard output, everything else on standard error; text or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, Protocol

import click

from ca_service.errors import Severity
from ca_service.pki.visible_text import visible

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_REQUEST_POINTER: Final = re.compile(r"/csr(?:/(\d+))?(?=/|$)")
#: The parameters of commands for the fields of inputs, where their names differ.
_PARAMETERS: Final = {
    "validity_days": ("days",),
    "version": ("version_of",),
    "hosts": ("host",),
    "fqdn": ("node",),
    "serial_number": ("serial_numbers", "serials", "serial"),
    "key_fingerprint": ("key",),
    "q": ("words", "search", "text"),
    "confirmation": ("confirm",),
    "password": ("password_stdin",),
}


class Answer(Protocol):
    """A document of `ca_service.documents`, which only the commands that answer with one import."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return its members as JSON has them."""


class Told(Protocol):
    """A finding, or the document of one."""

    @property
    def pointer(self) -> str:
        """Return the place."""

    @property
    def rule(self) -> str:
        """Return the id of the rule."""

    @property
    def severity(self) -> str:
        """Return the weight."""

    @property
    def detail(self) -> str:
        """Return the problem."""

    @property
    def remedy(self) -> str:
        """Return the fix; or empty."""


class Console:
    """The terminal or the pipes of one run.

    The format is read from the arguments themselves, so that an argument that cannot be parsed is also
    reported in that format. `sources` are the names of the requests that were given, in
    their order: findings point to them by number. `places` are the parameters of the command by their names, as they
    are typed: an option, or the files that were given.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        options = tuple(takewhile(lambda argument: argument != "--", arguments))
        self.as_json = "--json" in options
        self.wants_traceback = "--traceback" in options
        self.sources: tuple[str, ...] = ()
        self.places: Mapping[str, tuple[str, ...]] = {}

    def answer(self, document: Answer, lines: Iterable[str]) -> None:
        """Give the answer: the document to a script, the lines to a person."""
        click.echo(as_text(document) if self.as_json else "\n".join(lines))

    def remark(self, *lines: str) -> None:
        """Tell a person something beside the answer; scripts do not hear it."""
        if not self.as_json and lines:
            click.echo("\n".join(lines), err=True)

    def finding_lines(self, findings: Iterable[Told]) -> list[str]:
        """Return the findings for a person: severity, problem, place, fix."""
        return [line for finding in findings for line in self._finding_lines(finding)]

    def _finding_lines(self, finding: Told) -> list[str]:
        mark = click.style(f"{finding.severity}:", fg=_COLOURS[Severity(finding.severity)], bold=True)
        about = [("where", self._where(finding.pointer)), ("fix", finding.remedy), ("rule", finding.rule)]
        return [f"{mark} {visible(finding.detail)}", *fields((name, value) for name, value in about if value)]

    def _where(self, pointer: str) -> str:
        """Return the pointer for a person: `uccx1.csr, --days` for `/csr/0/validity_days`."""
        found = _REQUEST_POINTER.match(pointer)
        if found is None:
            return self._typed(pointer.strip("/"))
        rest = pointer[found.end() :].strip("/")
        shown = rest if rest == "version" else self._typed(rest)  # the version of a CSR is that of its format
        return ", ".join(filter(None, (self._request(found[1]), shown)))

    def _request(self, number: str | None) -> str:
        """Return the name of a CSR; of the only one, where its number is not told."""
        if number is None:
            return self.sources[0] if len(self.sources) == 1 else self._typed("csr")
        return self.sources[int(number)] if int(number) < len(self.sources) else f"CSR {int(number) + 1}"

    def _typed(self, field: str) -> str:
        """Return a field of the input as it is typed: `--node (2), role` for `nodes/1/role`; or else unchanged."""
        name, *rest = field.split("/")
        name = name.replace("-", "_")
        known = next((each for each in (name, *_PARAMETERS.get(name, ())) if each in self.places), None)
        if known is None:
            return field
        shown, *others = self.places[known]
        if rest and rest[0].isdecimal():
            number = int(rest.pop(0))
            shown = (shown, *others)[number] if number <= len(others) and others else f"{shown} ({number + 1})"
        return ", ".join((shown, *rest))


def as_text(document: Answer) -> str:
    """Return the document as JSON, in ASCII, for whatever encoding the reader has."""
    return json.dumps(document.model_dump(mode="json"), indent=2)


def fields(pairs: Iterable[tuple[str, str]], indent: int = 2) -> list[str]:
    """`name  value` lines, the values below one another and harmless to a terminal."""
    known = list(pairs)
    width = max((len(name) for name, _ in known), default=0)
    return [f"{' ' * indent}{name:<{width}}  {visible(value)}".rstrip() for name, value in known]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows below their header, in columns; no lines where there are no rows."""
    shown = [[visible(cell) for cell in row] for row in rows]
    if not shown:
        return []
    widths = [max(map(len, column)) for column in zip(header, *shown, strict=True)]
    return [_columns(row, widths) for row in (header, *shown)]


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
