"""The runbook: the steps for exactly these nodes, in order, from the CSRs to the backup; as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import count
from shlex import quote
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from cryptography import x509

from ca_service.pki import encodings
from ca_service.vos.knowledge import NOT_CONFIRMED, titles
from ca_service.vos.phrases import phrase
from ca_service.vos.runbook_parts import MENU, Layout, remarks, warnings
from ca_service.vos.runbook_running import check_scripts, make_used, prove
from ca_service.vos.runbook_trust import trust_everywhere
from ca_service.vos.runbook_uploads import DISTRIBUTION, certificate, requests
from ca_service.vos.steps import Leaf, Node, Runbook, Section, Step, upload_key, verify_key

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["Leaf", "Node", "Runbook", "Section", "Step", "cluster_runbook", "upload_key", "verify_key"]

WIDTH: Final = 100
_INDENT: Final = "   "
_COLUMN: Final = 15
_OPTIONAL: Final = " (optional)"  # a title with a comma says itself on what it depends
_RESTART: Final = "utils service restart "
_BY_SSH: Final = f"Restart a service on the command line of the node (SSH): {_RESTART}NAME"
_SHORT: Final = 10  # minutes: the command line itself shows when a restart of this length is over
_UPLOADS: Final = f"Uploads: {MENU} > Upload Certificate/Certificate chain. "
_PAGE: Final = "How, why, way back and sources: {page}."
#: Where the page and the files are for a text that is not in a bundle.
ON_THE_BOARD: Final = "the page Runbook of the cluster, or its JSON. The files are in the bundle of the cluster"
#: The facts about a certificate in a brief text; its page has all.
BRIEF_FACTS: Final = ("Serial number", "Valid", "Sealing key")
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

    `has_folders` says whether the files of each node are in a folder of its own, `trust_folder` where the authorities
    are, such as "../"; empty for beside the runbook.
    """
    ordered = in_order(nodes)
    every = _leaves_in_order(leaves, ordered)
    signed = [leaf for leaf in every if leaf.certificate]
    layout = Layout(tuple(authorities[::-1]), has_folders, trust_folder)
    phases = (
        trust_everywhere(ordered, signed, layout),
        certificate(ordered, signed, layout),
        make_used(ordered, signed),
        prove(ordered, signed, layout),
    )
    sections = (requests(every), *phases)
    return Runbook(
        title=title,
        warnings=tuple(warnings(ordered, every)),
        sections=tuple(section for section in sections if section.steps),
        accesses=tuple(_accesses(ordered, phases)) if signed else (),
        remarks=tuple(remarks(_concerned(ordered, every))),
        is_brief=True,
    )


def files_of(leaves: Sequence[Leaf], authorities: Sequence[x509.Certificate]) -> dict[str, bytes]:
    """Return the files that the steps of a cluster name, by their paths in its bundle: certificates as PEM, scripts."""
    layout, found = Layout(tuple(authorities[::-1]), has_folders=True, trust_folder=""), dict[str, bytes]()
    for leaf in leaves:
        if leaf.certificate is None:
            continue
        for path, authority in zip(layout.trust(leaf.purpose), layout.authorities, strict=True):
            found[path] = encodings.pem(authority)
        found[layout.path(leaf)] = encodings.pem(leaf.certificate)
        found |= {layout.beside(leaf, name): text.encode() for name, text in check_scripts(leaf)}
    return found


def in_order(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes in the order in which they are treated: product by product, each in the order of its roles."""
    products = list(dict.fromkeys(node.product.id for node in nodes))
    return tuple(sorted(nodes, key=lambda node: (products.index(node.product.id), node.product.roles.index(node.role))))


def _leaves_in_order(leaves: Sequence[Leaf], nodes: Sequence[Node]) -> list[Leaf]:
    return sorted(leaves, key=lambda leaf: nodes.index(leaf.node))


def _concerned(nodes: Sequence[Node], leaves: Sequence[Leaf]) -> list[Node]:
    """Return the nodes for which there is a leaf or a slot."""
    return [node for node in nodes if any(node in leaf.nodes for leaf in leaves)]


def _accesses(nodes: Sequence[Node], phases: Sequence[Section]) -> Iterator[str]:
    """Yield what the administrator needs, before the first step."""
    steps = [step for section in phases for step in section.steps]
    visited = [node for node in nodes if any(node.fqdn in step.nodes for step in steps)]
    names = ", ".join(node.fqdn for node in visited)
    yield phrase("administrator of the operating system (page and SSH) of {nodes}", nodes=names)
    found = dict.fromkeys(fact.text for node in visited if node.release for fact in node.release.accesses)
    yield from (phrase("administrator of {application}", application=text) for text in found)
    if any(step.key.startswith("peers/") for step in steps):
        yield "administrators of the peers in phase A"
    if any(step.key.startswith("agents/") for step in steps):
        yield "administrators of the computers of users"
    in_phase_c = (step for step in steps if step.key.startswith(("switch/", "restart/", "restore/")))
    minutes = sum(step.effect.minutes for step in in_phase_c if step.effect and not step.is_optional)
    if minutes:
        yield phrase("quiet time for phase C, about {minutes} minutes (estimate)", minutes=minutes)


def as_text(runbook: Runbook, facts: Facts = (), page: str = ON_THE_BOARD) -> str:
    """Return the runbook as a text file: numbered, LF, 100 characters wide as far as words can be parted.

    `page` is where a brief one has everything else: the name of a file beside it, or a phrase.
    """
    lines = [runbook.title]
    for name, value in facts:
        if not runbook.is_brief or name in BRIEF_FACTS:
            lines += _wrapped(value, f"{name + ':':<{_COLUMN}}", " " * _COLUMN)
    if runbook.is_brief:
        return "\n".join([*lines, *_brief(runbook, page, _only_host(runbook) if facts else ""), ""])
    lines[1:1] = ["=" * min(len(runbook.title), WIDTH)]
    for step in runbook.warnings:
        lines += ["", *_wrapped(step.title, "", ""), *_body(step)]
    for number, step in enumerate(runbook.steps, 1):
        lines += ["", *_wrapped(f"{number}. {step.title}", "", _INDENT), *_body(step)]
    return "\n".join([*lines, ""])


def step_lines(steps: Sequence[Step]) -> list[str]:
    """Return some steps as text, numbered."""
    return [line for number, step in enumerate(steps, 1) for line in (f"{number}. {step.title}", *_body(step), "")]


def _body(step: Step) -> Iterator[str]:
    yield from _wrapped(step.text, _INDENT, _INDENT)
    for name, value in (("File", ", ".join(step.files)), ("Purpose", step.purpose)):
        if value:
            yield f"{_INDENT}{name}: {value}"
    for name, what in step.notes:
        yield from _wrapped(f"{name}: {what}", f"{_INDENT}- ", f"{_INDENT}  ")
    if step.commands:
        yield from ("", f"{_INDENT}On the node\u2019s command line:")
        yield from (f"{_INDENT}{_INDENT}{line}" for line in step.commands)
    if step.terminal:
        yield from ("", f"{_INDENT}On your own computer:")
        for command in step.terminal:
            yield from _shell_lines(command)
    if not step.is_confirmed:
        yield f"{_INDENT}({NOT_CONFIRMED})"


def _only_host(runbook: Runbook) -> str:
    """Return the host of all steps, which the title names; empty for several."""
    hosts = {host for step in runbook.steps for host in step.nodes}
    return hosts.pop() if len(hosts) == 1 else ""


def _brief(runbook: Runbook, page: str, host: str) -> Iterator[str]:
    """Yield titles, files, restarts and the signs that they are over: all that is needed beside the page.

    A `host` is left out of them: the title of the text names it.
    """
    uploads = _UPLOADS if any(step.key.startswith("upload/") for step in runbook.steps) else ""
    yield from _wrapped(uploads + _PAGE.format(page=page), "", _INDENT)
    for step in runbook.warnings:
        yield from _wrapped(f"{step.title}. {step.text}", "! ", "  ")
    if runbook.accesses:
        yield from _wrapped(_without(host, "; ".join(runbook.accesses)) + ".", "Before you begin: ", "  ")
    numbers = count(1)
    for section in runbook.sections:
        services = _BY_SSH if any(_services(step) for step in section.steps) else ""
        yield from ("", section.title, *_wrapped(section.brief or services, _INDENT, _INDENT))
        for step in section.steps:
            title = f"{next(numbers)}. {_without(host, step.title)}"
            yield from _brief_step(step, title + _OPTIONAL if step.is_optional and "," not in title else title)
        if any(step.key.startswith("request/") for step in section.steps):
            yield from _signing(quote(runbook.title))


def _without(host: str, text: str) -> str:
    return text.replace(f" on {host}", "").replace(f" of {host}", "") if host else text


def _signing(cluster: str) -> Iterator[str]:
    """Yield what is done with the CSRs, before the other phases have steps."""
    yield "Then add the CSRs and sign them, on the board of the cluster or as below. Phases A to D follow."
    yield f"{_INDENT}$ ca-service cluster add {cluster} FILE..."
    yield f"{_INDENT}$ ca-service cluster sign {cluster}"
    yield f"{_INDENT}$ ca-service cluster runbook {cluster}"


def _brief_step(step: Step, title: str) -> Iterator[str]:
    if step.terminal:
        yield from _wrapped(title, "", _INDENT)
        stem = step.files[0].rpartition(".")[0]
        kinds = " or ".join(file.removeprefix(stem) for file in step.files)
        yield from _wrapped(f"{stem} ({kinds}): {step.answer}", _INDENT, _INDENT * 2)
    elif step.files:
        together = f"{title}: {', '.join(step.files)}"
        parts = [together] if len(together) <= WIDTH else [title, f"{_INDENT}File: {', '.join(step.files)}"]
        yield from (line for part in parts for line in _wrapped(part, "", _INDENT * 2))
    else:
        yield from _wrapped(title, "", _INDENT)
        yield from _distribution(step)
        yield from _brief_commands(step)
    if step.effect and step.effect.minutes > _SHORT:
        text = f"{step.effect.wait.text} About {step.effect.minutes} minutes."
        yield from _wrapped(text, f"{_INDENT}Wait until: ", _INDENT * 2)


def _distribution(step: Step) -> Iterator[str]:
    """Yield the field of the form that differs from CSR to CSR."""
    for name, text in step.details:
        if name == DISTRIBUTION:
            yield from _wrapped(f"{name}: {text}", _INDENT, _INDENT * 2)


def _brief_commands(step: Step) -> Iterator[str]:
    """Yield a line for each command; restarts of several services share one, and have none if the title names all."""
    services = _services(step)
    if not services:
        yield from (f"{_INDENT}> {line}" for line in step.commands)
    elif not all(service in step.title for service in services):
        yield from _wrapped(", then ".join(services), f"{_INDENT}> {_RESTART}NAME: ", _INDENT * 2)


def _services(step: Step) -> list[str]:
    """Return the services that a step of phase C restarts; empty if it does anything else."""
    services = [line.removeprefix(_RESTART) for line in step.commands if line.startswith(_RESTART)]
    return services if step.key.startswith("restart/") and len(services) == len(step.commands) else []


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
