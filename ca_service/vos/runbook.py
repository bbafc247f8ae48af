"""The runbook: the steps for exactly these nodes, in order, from the CSRs to the backup; as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import count
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from cryptography import x509

from ca_service.vos.knowledge import NOT_CONFIRMED, Fact, titles
from ca_service.vos.products import Use
from ca_service.vos.runbook_running import afterwards, restarts, switches, verification
from ca_service.vos.runbook_uploads import Layout, leaf_uploads, requests, trust_uploads
from ca_service.vos.steps import Leaf, Node, Runbook, Section, Step, upload_key, verify_key

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Leaf", "Node", "Runbook", "Section", "Step", "cluster_runbook", "upload_key", "verify_key"]

WIDTH: Final = 100
_INDENT: Final = "   "
_COLUMN: Final = 15
Facts = Sequence[tuple[str, str]]


def cluster_runbook(
    title: str,
    nodes: Sequence[Node],
    leaves: Sequence[Leaf],
    authorities: Sequence[x509.Certificate],
    *,
    has_folders: bool = True,
    trust_folder: str = "",
) -> Runbook:
    """Return the runbook of a cluster; `authorities` has the issuing one first, the root last, or is empty.

    `has_folders` says whether the files of each node lie in a folder of its own, `trust_folder` where the authorities
    are, such as "../"; empty for beside the runbook.
    """
    ordered = in_order(nodes)
    signed = [leaf for leaf in _leaves_in_order(leaves, ordered) if leaf.certificate]
    layout = Layout(tuple(authorities[::-1]), has_folders, trust_folder)
    sections = (
        requests(_leaves_in_order(leaves, ordered)),
        trust_uploads(ordered, signed, layout),
        leaf_uploads(ordered, signed, layout),
        switches(signed),
        restarts(ordered, signed),
        verification(signed),
        afterwards(ordered, signed),
    )
    return Runbook(
        title=title,
        warnings=tuple(_warnings(ordered)),
        sections=tuple(section for section in sections if section.steps),
        remarks=tuple(_remarks(ordered)),
    )


def in_order(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes in the order in which they are treated: product by product, each in the order of its roles."""
    products = list(dict.fromkeys(node.product.id for node in nodes))
    return tuple(sorted(nodes, key=lambda node: (products.index(node.product.id), node.product.roles.index(node.role))))


def _leaves_in_order(leaves: Sequence[Leaf], nodes: Sequence[Node]) -> list[Leaf]:
    return sorted(leaves, key=lambda leaf: nodes.index(leaf.node))


def _warnings(nodes: Sequence[Node]) -> Iterator[Step]:
    """Return the warnings before signing: nodes where the certificate has no effect, or an unknown one."""
    for node in nodes:
        name = f"{node.fqdn}: {node.product.name} {node.version}"
        if node.release is None:
            text = "Cisco\u2019s documents that were read say nothing of this version. Try one node first."
            yield Step(name, text, nodes=(node.fqdn,), is_preface=True)
        elif node.release.use in (Use.NEVER, Use.UNKNOWN):
            yield _told(name, node.release.uses, (node.fqdn,))


def _remarks(nodes: Sequence[Node]) -> Iterator[Step]:
    """Return the notes on products and versions of these nodes, each sentence once."""
    found = dict[tuple[str, Fact], list[str]]()
    for node in nodes:
        for fact in node.release.warnings if node.release else ():
            found.setdefault((f"{node.product.name} {node.version}", fact), []).append(node.fqdn)
    for (name, fact), fqdns in found.items():
        yield _told(name, fact, tuple(fqdns))


def _told(title: str, fact: Fact, fqdns: tuple[str, ...]) -> Step:
    return Step(title, fact.text, nodes=fqdns, sources=fact.sources, is_confirmed=fact.is_confirmed, is_preface=True)


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


def step_lines(steps: Sequence[Step]) -> list[str]:
    """Return some steps as text, numbered."""
    return [line for number, step in enumerate(steps, 1) for line in (f"{number}. {step.title}", *_body(step), "")]


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


@lru_cache(maxsize=1024)  # the steps of nodes differ in few words: wrapping took half the time of a bundle of many
def _wrapped(text: str, first: str, others: str) -> tuple[str, ...]:
    """Lines that part between words only: a name or a serial number stays whole, so that it can be copied."""
    lines = wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
    return tuple(lines)


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
