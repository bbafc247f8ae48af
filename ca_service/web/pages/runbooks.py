"""The runbook of a cluster as a guide: one open step, the others by phase and by node, marks, files, the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.handover import Board, node_of
from ca_service.authority.fleet.records import Mark, NodeRecord
from ca_service.authority.fleet.states import Slot
from ca_service.errors import Conflict, Finding, NotFound
from ca_service.vos.bundle import BundleFile
from ca_service.vos.knowledge import titles
from ca_service.vos.runbook_trust import Receiver, receivers
from ca_service.vos.steps import Section, Step, passed_over
from ca_service.web.context import actor, installation, needs
from ca_service.web.delivery import attachment, step_file
from ca_service.web.pages import blueprint
from ca_service.web.pages.certificates import FILE_UNKNOWN
from ca_service.web.pages.clusters import may_change, product_choices
from ca_service.web.views import FileLink, FileView


@blueprint.get("/clusters/<int:cluster_id>/runbook")
@needs(Action.READ)
def runbook(cluster_id: int) -> ResponseReturnValue:
    """Show one step with its files, the others in a line; `?step=` opens a step, `?node=` limits them to a node."""
    board = installation().handover.board(actor(), cluster_id)
    asked = request.args.get("node", "")
    node = asked if asked in {each.fqdn for each in board.cluster.nodes} else ""
    guide = guide_of(board, node, request.args.get("step", ""))
    files, findings = _files(cluster_id)
    named = {path: files[path] for path in (guide.open.step.files if guide.open else ()) if path in files}
    return render_template(
        "runbook.html",
        board=board,
        guide=guide,
        node=node,
        links={path: _link(cluster_id, path) for path in named},
        texts=[FileView(path, "", data.decode(), hashlib.sha256(data).hexdigest()) for path, data in named.items()],
        findings=findings,
        titles=titles,
        may_change=may_change(),
        products_by_id=product_choices()["products_by_id"],
    )


def _files(cluster_id: int) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """Return the files of the steps; none, and the reason, if nodes must not trust the authority."""
    try:
        return installation().handover.files(actor(), cluster_id), ()
    except Conflict as error:
        return {}, error.findings


def _link(cluster_id: int, path: str) -> FileLink:
    return FileLink(
        path.rpartition("/")[2], f"file-{path}", url_for("pages.cluster_file", cluster_id=cluster_id, path=path)
    )


@blueprint.post("/clusters/<int:cluster_id>/steps")
@needs(Action.FLEET)
def mark_step(cluster_id: int) -> ResponseReturnValue:
    """Mark a step as done and go to the next one, or undo that and go to the step; or return to the board."""
    step, done = request.form.get("step", ""), request.form.get("done") == "true"
    handover = installation().handover
    handover.mark(actor(), cluster_id, step, done=done)
    if request.form.get("back") == "board":
        return redirect(url_for("pages.cluster", cluster_id=cluster_id), 303)
    node = request.form.get("node", "")
    following = guide_of(handover.board(actor(), cluster_id), node, step).following if done else None
    shown = following.step.key if following else None if done else step
    place = url_for("pages.runbook", cluster_id=cluster_id, node=node or None, step=shown, _anchor="open")
    return redirect(place, 303)


@blueprint.get("/clusters/<int:cluster_id>/files/<path:path>")
@needs(Action.READ)
def cluster_file(cluster_id: int, path: str) -> Response:
    """Download a file that a step names, by its path in the bundle.

    Raises Conflict if a node would trust a revoked authority with it.
    """
    found = installation().handover.files(actor(), cluster_id).get(path)
    if found is None:
        raise NotFound.because(FILE_UNKNOWN, name=path[:100])
    return step_file(BundleFile(path.rpartition("/")[2], found))


@blueprint.get("/clusters/<int:cluster_id>/bundle.zip")
@needs(Action.READ)
def cluster_bundle(cluster_id: int) -> Response:
    """Download all current certificates of the cluster and the runbook in one ZIP."""
    bundle = installation().handover.bundle(actor(), cluster_id)
    return attachment(BundleFile(bundle.name, bundle.to_zip()), "zip")


@dataclass(frozen=True, slots=True)
class GuideStep:
    """A step with its number in the runbook, its phase, and its mark; without one it is left to do.

    `proof` is the later step that it follows from, if there is one in place of a mark of its own.
    """

    number: int
    step: Step
    phase: Section
    mark: Mark | None
    proof: Step | None

    @property
    def is_marked(self) -> bool:
        """Whether it has a mark of its own, which can be undone."""
        return self.mark is not None and self.mark.step == self.step.key

    def is_on(self, node: str) -> bool:
        """Return whether the step belongs to this node, or to none; every step belongs to the node "", which is all."""
        return not node or self.step.is_on(node)


Phase = tuple[Section, tuple[GuideStep, ...]]


@dataclass(frozen=True, slots=True)
class Track:
    """The steps of one node, by phase. `node` is None for those that are done elsewhere."""

    node: NodeRecord | None
    slots: tuple[Slot, ...]
    phases: tuple[tuple[GuideStep, ...], ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps of one node or of all, one of them open; None once all are done.

    `last` is the step that was marked last, `following` the one to go on with.
    """

    steps: tuple[GuideStep, ...]
    open: GuideStep | None
    last: GuideStep | None
    following: GuideStep | None
    tracks: tuple[Track, ...]
    receivers: tuple[Receiver, ...]

    @property
    def done(self) -> tuple[GuideStep, ...]:
        """The steps that are done."""
        return tuple(each for each in self.steps if each.mark)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All steps, by phase."""
        return _phases(self.steps)

    @property
    def left(self) -> tuple[Phase, ...]:
        """The steps that are left, without the open one, by phase."""
        return _phases([each for each in self.steps if not each.mark and each != self.open])


def _phases(steps: Sequence[GuideStep]) -> tuple[Phase, ...]:
    return tuple((phase, tuple(found)) for phase, found in groupby(steps, key=lambda each: each.phase))


def guide_of(board: Board, node: str = "", key: str = "") -> Guide:
    """Return the guide for a node, or for all; the step with this key is open, or else the next that is left."""
    every = tuple(_numbered(board))
    shown = [each for each in every if each.is_on(node)]
    opened = next((each for each in shown if each.step.key == key), None) or _next(shown)
    marked = [(each.mark.done_at, each.number, each) for each in shown if each.mark and each.is_marked]
    return Guide(
        steps=tuple(shown),
        open=opened,
        last=max(marked)[2] if marked else None,  # numbers differ, so that steps are never compared
        following=_next(shown, opened) if opened else None,
        tracks=tuple(_tracks(board, every)),
        receivers=receivers([node_of(each) for each in board.cluster.nodes]),
    )


def _numbered(board: Board) -> Iterator[GuideStep]:
    by_key = {step.key: step for step in board.runbook.steps}
    places = [(phase, step) for phase in board.runbook.sections for step in phase.steps]
    for number, (phase, step) in enumerate(places, 1):
        mark = board.marks.get(step.key)
        proof = by_key.get(mark.step) if mark and mark.step != step.key else None
        yield GuideStep(number, step, phase, mark, proof)


def _next(every: Sequence[GuideStep], opened: GuideStep | None = None) -> GuideStep | None:
    """Return the next step that is left: after the open one, then from the start. Passed optional ones come last."""
    passed = passed_over([each.step for each in every], {each.step.key for each in every if each.mark})
    place = every.index(opened) if opened else 0
    left = [each for each in (*every[place:], *every[:place]) if each.mark is None and each != opened]
    return min(left, key=lambda each: each.step.key in passed, default=None)


def _tracks(board: Board, every: Sequence[GuideStep]) -> Iterator[Track]:
    """Yield a track for each node in the order of the cluster, and one for what is done elsewhere."""
    for node in board.cluster.nodes:
        slots = tuple(line.slot for line in board.lines if line.slot.node == node)
        own = [each for each in every if node.fqdn in each.step.nodes]
        yield Track(node, slots, _by_phase(board, own))
    if elsewhere := [each for each in every if not each.step.nodes]:
        yield Track(None, (), _by_phase(board, elsewhere))


def _by_phase(board: Board, steps: Sequence[GuideStep]) -> tuple[tuple[GuideStep, ...], ...]:
    return tuple(tuple(each for each in steps if each.phase is phase) for phase in board.runbook.sections)
