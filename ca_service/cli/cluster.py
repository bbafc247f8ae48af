"""`cluster`: clusters, their board, their runbook, their bundle, and the marks of steps."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.fleet.handover import Board, Line
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.installation import Installation
from ca_service.cli import cluster_csrs, probe
from ca_service.cli.cluster_csrs import cluster_argument
from ca_service.cli.console import table
from ca_service.cli.failures import ExitCode
from ca_service.cli.grammar import declare
from ca_service.cli.inputs import require_typed
from ca_service.cli.outputs import Target, force_option, out_option
from ca_service.cli.session import Session, operator, pass_session
from ca_service.documents.fleet import ClusterDocument, ClustersDocument, RemovedClusterDocument
from ca_service.documents.operations import FileDocument
from ca_service.documents.runbooks import RunbookDocument
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible
from ca_service.vos.runbook import as_text


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
    page = session.ready().fleet.list_clusters(operator(), query)
    rows = ((str(each.id), each.name, ", ".join(node.fqdn for node in each.nodes)) for each in page.items)
    lines = table(("number", "name", "nodes"), rows)
    session.console.answer(ClustersDocument.of(page, page.next_cursor or None), lines or ["There are no clusters."])
    if page.next_cursor:
        session.console.remark(f"There are more: --cursor {page.next_cursor}")


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
    installation = session.ready()
    made = installation.fleet.create(operator(), name, [NodeInput(*each) for each in nodes])
    _answer(session, installation, made.id)


@declare("show", "ca-service cluster show Lab", "ca-service cluster show 1 --json")
@cluster_argument
@pass_session
def show(session: Session, cluster: str) -> None:
    """Show the board of CLUSTER: the state of each slot and the next step."""
    installation = session.ready()
    _answer(session, installation, installation.fleet.get_named(operator(), cluster).id)


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
    installation = session.ready()
    found = installation.fleet.get_named(operator(), cluster)
    installation.handover.mark(operator(), found.id, step, done=not undo)
    _answer(session, installation, found.id)


@declare("bundle", "ca-service cluster bundle Lab", "ca-service cluster bundle Lab --out bundles/")
@cluster_argument
@out_option
@force_option
@pass_session
def bundle(session: Session, cluster: str, out: str | None, force: bool) -> None:
    """Write all current certificates of CLUSTER and its runbook as a ZIP."""
    target = Target(out, force)
    target.check(session.console)
    installation = session.ready()
    found = installation.handover.bundle(operator(), installation.fleet.get_named(operator(), cluster).id)
    path = target.write(found.name, found.to_zip())
    if path is not None:
        session.console.answer(FileDocument(file=str(path)), [f"Written: {visible(str(path))}"])


@declare("runbook", "ca-service cluster runbook Lab > RUNBOOK.txt", "ca-service cluster runbook Lab --json")
@cluster_argument
@pass_session
def runbook(session: Session, cluster: str) -> None:
    """Show the steps for the nodes of CLUSTER, in their order."""
    installation = session.ready()
    found = installation.handover.board(operator(), installation.fleet.get_named(operator(), cluster).id)
    session.console.answer(RunbookDocument.of(found.runbook, found.marks), as_text(found.runbook).splitlines())


@declare("probe", "ca-service cluster probe Lab", "ca-service cluster probe Lab --json")
@cluster_argument
@pass_session
def probe_(session: Session, cluster: str) -> ExitCode:
    """See which certificates the nodes of CLUSTER present.

    Afterwards a slot is verified if its certificate is presented, and no longer if another one is. The exit codes are
    those of `ca-service probe`.
    """
    installation = session.ready()
    found = installation.fleet.get_named(operator(), cluster)
    return probe.tell(session, installation.probes.probe_cluster(operator(), found.id))


@declare("remove", "ca-service cluster remove Lab --confirm Lab")
@cluster_argument
@click.option("--confirm", metavar="NAME", help="Name of the cluster, instead of typing it at a terminal.")
@pass_session
def remove(session: Session, cluster: str, confirm: str | None) -> None:
    """Remove CLUSTER with its nodes, CSRs and marks. Its certificates stay."""
    fleet = session.ready().fleet
    found = fleet.get_named(operator(), cluster)
    require_typed(found.name, confirm, [f"This removes the cluster {visible(found.name)} with its marks."])
    fleet.remove(operator(), found.id)
    session.console.answer(RemovedClusterDocument(removed=found.name), [f"Removed: {visible(found.name)}"])


def _answer(session: Session, installation: Installation, cluster_id: int) -> None:
    board = installation.handover.board(operator(), cluster_id)
    session.console.answer(ClusterDocument.of_board(board), _lines(board))


def _lines(board: Board) -> Iterator[str]:
    yield click.style(f"{visible(board.cluster.name)} (number {board.cluster.id})", bold=True)
    for step in board.runbook.warnings:
        yield f"{click.style('warning:', fg='yellow', bold=True)} {visible(step.title)}: {step.text}"
    yield from table(("node", "purpose", "state", "expires", "steps"), map(_row, board.lines))
    for line in board.lines:
        if line.next_step:
            yield from ("", f"Next for {line.slot.node.fqdn}: {line.next_step.title}")
            yield f"  ca-service cluster mark {board.cluster.id} {line.next_step.key}"


def _row(line: Line) -> tuple[str, ...]:
    slot = line.slot
    state = f"{slot.state.value} by {slot.covered_by.fqdn}" if slot.covered_by else slot.state.value
    expires = time_text(slot.certificate.not_after) if slot.certificate else ""
    return slot.node.fqdn, slot.purpose.service, state, expires, f"{line.done}/{line.total}" if line.total else ""


command = click.Group(
    "cluster",
    commands=[list_, create, show, cluster_csrs.add, cluster_csrs.sign, bundle, runbook, mark, probe_, remove],
    help="Manage clusters, their CSRs and their steps.",
)
