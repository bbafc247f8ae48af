"""Runbooks as documents: plain text, and a self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import count
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from ca_service.vos.knowledge import NOT_CONFIRMED, titles
from ca_service.vos.steps import Runbook, Step

if TYPE_CHECKING:
    from jinja2 import Template

WIDTH: Final = 100
_INDENT: Final = "   "
_COLUMN: Final = 15
Facts = Sequence[tuple[str, str]]


def as_text(runbook: Runbook, facts: Facts = ()) -> str:
    """Return the runbook as a text file: numbered, LF, 100 characters wide as far as words can be parted."""
    lines = [runbook.title, "=" * min(len(runbook.title), WIDTH), ""]
    for name, value in facts:
        lines += _wrapped(value, f"{name + ':':<{_COLUMN}}", " " * _COLUMN)
    for step in runbook.warnings:
        lines += ["", *_wrapped(step.title, "", ""), *_body(step)]
    numbers = count(1)
    for section in runbook.sections:
        lines += _heading(section.title, section.text)
        for step in section.steps:
            lines += ["", *_wrapped(f"{next(numbers)}. {step.title}", "", _INDENT), *_body(step)]
    if runbook.remarks:
        lines += _heading("Good to know", "")
        for step in runbook.remarks:
            lines += ["", *_wrapped(step.title, "", ""), *_body(step)]
    return "\n".join([*lines, *_sources(runbook), ""])


def _heading(title: str, text: str) -> list[str]:
    if not title:
        return []
    return ["", "", title, "-" * len(title), *(_wrapped(text, "", "") if text else [])]


def _body(step: Step) -> Iterator[str]:
    yield from _wrapped(step.text, _INDENT, _INDENT)
    for product, what in step.cases:
        yield from _wrapped(f"{product}: {what}", f"{_INDENT}- ", f"{_INDENT}  ")
    for name, value in (("File", step.file), ("Purpose", step.purpose)):
        if value:
            yield f"{_INDENT}{name}: {value}"
    if step.commands:
        yield from (
            "",
            f"{_INDENT}On the node\u2019s command line:",
            *(f"{_INDENT}{_INDENT}{line}" for line in step.commands),
        )
    if step.terminal:
        yield from ("", f"{_INDENT}On your own computer:")
        for command in step.terminal:
            yield from _shell_lines(command)
    if not step.is_confirmed:
        yield f"{_INDENT}({NOT_CONFIRMED})"


def _sources(runbook: Runbook) -> list[str]:
    found = source_titles(runbook)
    return (
        ["", "", "Sources", "-------", *(line for title in found for line in _wrapped(title, "- ", "  "))]
        if found
        else []
    )


def source_titles(runbook: Runbook) -> tuple[str, ...]:
    """Return the titles of all sources of a runbook, each once."""
    every = (*runbook.warnings, *runbook.steps, *runbook.remarks)
    return titles([tag for step in every for tag in step.sources])


def _wrapped(text: str, first: str, others: str) -> list[str]:
    """Lines that part between words only: a name or a serial number stays whole, so that it can be copied."""
    return wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )


def _shell_lines(command: str) -> list[str]:
    """Return a command in lines that a shell joins again."""
    lines = wrap(
        command,
        WIDTH - 2,
        initial_indent=_INDENT * 2,
        subsequent_indent=_INDENT * 3,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def as_html(runbook: Runbook, facts: Facts = ()) -> str:
    """Return the runbook as a self-contained page, to print or to tick, without a script."""
    return _template().render(
        runbook=runbook, facts=facts, sources=source_titles(runbook), not_confirmed=NOT_CONFIRMED, titles=titles
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # here: every command imports this module, and few make a page

    file = resources.files(__package__).joinpath("data", "runbook.html.jinja")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(file.read_text("utf-8"))
