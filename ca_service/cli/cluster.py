"""`cluster`: clusters, their board, their runbook, their bundle, and the marks of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Final

import click

from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.fleet.records import ClusterPage, ClusterQuery
from ca_service.authority.installation import Installation
from ca_service.cli import cluster_csrs, probe
from ca_service.cli.api import API, cursor_of
from ca_service.cli.cluster_csrs import cluster_argument, number_here, number_there
from ca_service.cli.console import table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import require_typed
from ca_service.cli.outputs import Target, force_option, out_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.fleet import ClusterDocument, ClustersDocument, RemovedClusterDocument, SlotDocument
from ca_service.documents.operations import FileDocument
from ca_service.documents.probes import ProbeDocument
from ca_service.documents.runbooks import RunbookDocument
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos.runbook import as_text

_REVOKED: Final = (
    "The certificate, or the authority above it, is revoked or on hold. Generate a new CSR, or release the hold."
)


@declare("list", "ca-service cluster list", "ca-service cluster list --search uccx1 --json")
@click.option("--search", default="", metavar="TEXT", help="Only clusters with this text in a name of theirs.")
@click.option(
    "--sort", type=click.Choice(("name", "newest")), default="name", show_default=True, help="Order of the list."
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="Maximum number of clusters.")
@click.option("--cursor", default="", help="Continue a list: `next` of the previous answer.")
@pass_session
def list_(session: Session, search: str, sort: str, limit: int, cursor: str) -> None:
    """List clusters with their nodes."""
    query = ClusterQuery(text=search, sort=sort, cursor=cursor, limit=limit)
    document = session.ask(
        lambda here: _page(here.fleet.list_clusters(operator(), query)), lambda api: _page_of(api, query)
    )
    rows = ((str(each.id), each.name, ", ".join(node.fqdn for node in each.nodes)) for each in document.clusters)
    session.console.answer(document, table(("number", "name", "nodes"), rows) or ["There are no clusters."])
    if document.next:
        session.console.remark(f"There are more: --cursor {visible(document.next)}")


def _page(found: ClusterPage) -> ClustersDocument:
    return ClustersDocument.of(found, found.next_cursor or None)


def _page_of(api: API, query: ClusterQuery) -> ClustersDocument:
    wanted = {"q": query.text, "sort": query.sort, "cursor": query.cursor, "limit": query.limit}
    found = api.get(ClustersDocument, "clusters", query=wanted)
    return found.model_copy(update={"next": cursor_of(found.next)})


@declare(
    "create",
    "ca-service cluster create Lab --node uccx1.example.com uccx 11.5 publisher \\",
    "    --node sm1.example.com socialminer 11.5 'single server'",
)
@click.argument("name", metavar="NAME")
@click.option(
    "--node",
    "nodes",
    nargs=4,
    multiple=True,
    metavar="FQDN PRODUCT VERSION ROLE",
    help="A node; repeat the option for each. `ca-service products` lists products and roles.",
)
@pass_session
def create(session: Session, name: str, nodes: tuple[tuple[str, str, str, str], ...]) -> None:
    """Create the cluster NAME with its nodes."""
    wanted = [NodeInput(*each) for each in nodes]
    _answer(
        session,
        lambda here: here.fleet.create(operator(), name, wanted).id,
        lambda api: api.post(ClusterDocument, "clusters", body={"name": name, "nodes": [*map(asdict, wanted)]}),
    )


@declare("show", "ca-service cluster show Lab", "ca-service cluster show 1 --json")
@cluster_argument
@pass_session
def show(session: Session, cluster: str) -> None:
    """Show the board of CLUSTER: the state of each node and the next step."""
    _answer(
        session,
        lambda here: number_here(here, cluster),
        lambda api: api.get(ClusterDocument, "clusters", number_there(api, cluster)),
    )


@declare(
    "mark",
    "ca-service cluster mark Lab upload/tomcat-ECDSA/5c3f...",
    "ca-service cluster mark Lab upload/tomcat-ECDSA/5c3f... --undo",
)
@cluster_argument
@click.argument("step", metavar="STEP")
@click.option("--undo", is_flag=True, help="Undo the mark.")
@pass_session
def mark(session: Session, cluster: str, step: str, undo: bool) -> None:
    """Mark the step STEP of CLUSTER as done.

    STEP is a key, as `show` and `runbook --json` list them.
    """

    def here(installation: Installation) -> int:
        number = number_here(installation, cluster)
        installation.handover.mark(operator(), number, step, done=not undo)
        return number

    def there(api: API) -> ClusterDocument:
        body = {"step": step, "done": not undo}
        return api.post(ClusterDocument, "clusters", number_there(api, cluster), "marks", body=body)

    _answer(session, here, there)


@declare("bundle", "ca-service cluster bundle Lab", "ca-service cluster bundle Lab --out bundles/")
@cluster_argument
@out_option
@force_option
@pass_session
def bundle(session: Session, cluster: str, out: str | None, force: bool) -> None:
    """Write all current certificates of CLUSTER and its runbook as a ZIP."""
    target = Target(out, force)
    target.check(session.console)
    name, data = session.ask(lambda here: _bundle_here(here, cluster), lambda api: _bundle_there(api, cluster))
    path = target.write(name, data)
    if path is not None:
        session.console.answer(FileDocument(file=str(path)), [f"Written: {visible(str(path))}"])


def _bundle_here(installation: Installation, cluster: str) -> tuple[str, bytes]:
    found = installation.handover.bundle(operator(), number_here(installation, cluster))
    return found.name, found.to_zip()


def _bundle_there(api: API, cluster: str) -> tuple[str, bytes]:
    found = api.send("GET", "clusters", number_there(api, cluster), "bundle")
    return (found.file_name if found.file_name.endswith(".zip") else "cluster.zip"), found.content


@declare("runbook", "ca-service cluster runbook Lab > RUNBOOK.txt", "ca-service cluster runbook Lab --json")
@cluster_argument
@pass_session
def runbook(session: Session, cluster: str) -> None:
    """Show the steps for the nodes of CLUSTER, in their order."""
    document, text = session.ask(lambda here: _runbook_here(here, cluster), lambda api: _runbook_there(api, cluster))
    session.console.answer(document, map(visible, text.splitlines()))


def _runbook_here(installation: Installation, cluster: str) -> tuple[RunbookDocument, str]:
    found = installation.handover.board(operator(), number_here(installation, cluster))
    return RunbookDocument.of(found.runbook, found.marks), as_text(found.runbook)


def _runbook_there(api: API, cluster: str) -> tuple[RunbookDocument, str]:
    path = ("clusters", number_there(api, cluster), "runbook")
    text = api.send("GET", *path, query={"format": "text"}).content.decode("utf-8", "replace")
    return api.get(RunbookDocument, *path), text


@declare("probe", "ca-service cluster probe Lab", "ca-service cluster probe Lab --json")
@cluster_argument
@pass_session
def probe_(session: Session, cluster: str) -> ExitCode:
    """See which certificates the nodes of CLUSTER present.

    Afterwards a node is verified if it presents its certificate, and no longer if it presents another. Exit codes are
    those of `ca-service probe`.
    """

    def here(installation: Installation) -> ProbeDocument:
        reports = installation.probes.probe_cluster(operator(), number_here(installation, cluster))
        return probe.watched(session.console, reports)

    def there(api: API) -> ProbeDocument:
        return probe.watched_there(session.console, api, "clusters", number_there(api, cluster), "probes")

    return probe.tell(session, session.ask(here, there))


@declare("remove", "ca-service cluster remove Lab --confirm Lab")
@cluster_argument
@click.option("--confirm", metavar="NAME", help="Name of the cluster, instead of typing it at a terminal.")
@pass_session
def remove(session: Session, cluster: str, confirm: str | None) -> None:
    """Remove CLUSTER with its nodes, CSRs and marks. Its certificates stay."""
    number, name = session.ask(lambda here: _known_here(here, cluster), lambda api: _known_there(api, cluster))
    require_typed(session.console, name, confirm, [f"This removes the cluster {visible(name)} with its marks."])
    session.ask(
        lambda here: here.fleet.remove(operator(), number),
        lambda api: api.send("DELETE", "clusters", number),
    )
    session.console.answer(RemovedClusterDocument(removed=name), [f"Removed: {visible(name)}"])


def _known_here(installation: Installation, cluster: str) -> tuple[int, str]:
    found = installation.fleet.get_named(operator(), cluster)
    return found.id, found.name


def _known_there(api: API, cluster: str) -> tuple[int, str]:
    found = api.get(ClusterDocument, "clusters", number_there(api, cluster))
    return found.id, found.name


def _answer(session: Session, here: Callable[[Installation], int], there: Callable[[API], ClusterDocument]) -> None:
    """Answer with the board of a cluster, whose number `here` returns."""

    def board(installation: Installation) -> ClusterDocument:
        return ClusterDocument.of_board(installation.handover.board_with_notes(operator(), here(installation)))

    document = session.ask(board, there)
    session.console.answer(document, _lines(document))


def _lines(found: ClusterDocument) -> Iterator[str]:
    yield click.style(f"{visible(found.name)} (number {found.id})", bold=True)
    for step in found.warnings:
        yield f"{click.style('warning:', fg='yellow', bold=True)} {visible(step.title)}: {visible(step.text)}"
    for finding in found.findings:
        yield f"{click.style('warning:', fg='yellow', bold=True)} {visible(finding.detail)} {visible(finding.remedy)}"
    yield from table(("node", "purpose", "state", "expires", "steps"), map(_row, found.slots))
    for slot in found.slots:
        if slot.available:
            yield from (
                "",
                f"{visible(slot.node)} has a valid certificate, signed outside this cluster: {slot.available}",
            )
            yield f"  To use it, add its CSR: ca-service cluster add {found.id} FILE"
        if slot.state == "revoked":
            yield from ("", f"Next for {visible(slot.node)}: {_REVOKED}")
            yield f"  Add the new CSR: ca-service cluster add {found.id} FILE"
        if slot.next_step:
            yield from ("", f"Next for {visible(slot.node)}: {visible(slot.next_step.title)}")
            yield f"  When it is done: ca-service cluster mark {found.id} {visible(slot.next_step.key)}"


def _row(slot: SlotDocument) -> tuple[str, ...]:
    state = f"{slot.state} by {slot.covered_by}" if slot.covered_by else slot.state
    expires = time_text(slot.not_after) if slot.not_after else ""
    return slot.node, slot.purpose, state, expires, f"{slot.steps_done}/{slot.steps}" if slot.steps else ""


command = click.Group(
    "cluster",
    commands=[list_, create, show, cluster_csrs.add, cluster_csrs.sign, bundle, runbook, mark, probe_, remove],
    help="Manage clusters, their CSRs and their steps.",
)
