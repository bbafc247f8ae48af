"""The overview: what needs the reader, the drop zone, clusters, expirations and events, each as the role permits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.audit.entries import EventQuery, RecordedEvent
from ca_service.authority.fleet.records import ClusterQuery, ClusterRecord
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.inventory.inventory import MOST_NEXT, Bar, Board, Ending, Step
from ca_service.authority.issuance.decisions import MAX_COUNT
from ca_service.authority.issuance.records import RequestQuery, RequestRecord
from ca_service.authority.notices.records import MessageState
from ca_service.errors import Finding, Severity
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.inventory import address_of

MOST_CLUSTERS: Final = 24  # the newest: so many are read
SHOWN_CLUSTERS: Final = 5
SHOWN_EVENTS: Final = 5
SHOWN_ENDINGS: Final = 3
SHOWN_REFUSED: Final = 3
SHOWN_WEEKS: Final = 13
_MANY: Final = 100


@dataclass(frozen=True, slots=True)
class Track:
    """A cluster with its slots: how many certificates are to be uploaded, verified, or replaced as they are revoked."""

    cluster: ClusterRecord
    slots: tuple[Slot, ...]
    to_upload: int
    to_verify: int
    to_replace: int

    @property
    def is_done(self) -> bool:
        """Whether no node waits for a person."""
        return not (self.to_upload or self.to_verify or self.to_replace)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for the reader: its kind, which names sentence and button, and the page that does it.

    `is_more`: the count stopped at its limit.
    """

    kind: str
    href: str
    count: int = 1
    is_more: bool = False
    track: Track | None = None
    ending: Ending | None = None
    refused: RequestRecord | None = None
    finding: Finding | None = None


@blueprint.get("/")
@needs(Action.CHECK)
def overview() -> ResponseReturnValue:
    """Show the state of everything that the role may see, and the next step of each."""
    board = installation().inventory.board(actor())
    tracks = _tracks()
    shown = sorted(tracks, key=lambda track: track.is_done)[:SHOWN_CLUSTERS]  # stable: newest first among equals
    return render_template(
        "overview.html",
        needs=tuple(_needs(board, tracks)),
        is_first_run=board.is_empty and not tracks,
        tracks=shown,
        has_more_clusters=len(tracks) > len(shown),
        bars=_heights((board.overdue, *board.weeks[:SHOWN_WEEKS])),
        board=board,
        events=_events(),
        own_requests=_own_requests(),
        now=board.at,
    )


def _may(action: Action) -> bool:
    return actor().role in PERMISSIONS[action]


def _tracks() -> tuple[Track, ...]:
    fleet = installation().fleet
    clusters = fleet.list_clusters(actor(), ClusterQuery(sort="newest", limit=MOST_CLUSTERS)).items
    return tuple(
        Track(cluster, slots, *(_count(slots, each) for each in (State.ISSUED, State.UPLOADED, State.REVOKED)))
        for cluster, slots in zip(clusters, fleet.list_slots(actor(), clusters), strict=True)
    )


def _count(slots: Sequence[Slot], state: State) -> int:
    return sum(slot.state is state and slot.covered_by is None for slot in slots)


def _needs(board: Board, tracks: Sequence[Track]) -> Iterator[Need]:
    """Yield what waits, the most urgent first."""
    if _may(Action.AUTHORITY):
        yield from _faults()
    if _may(Action.DECIDE):
        yield from _decisions()
    if _may(Action.ISSUE):
        yield from _refusals()
    if _may(Action.FLEET):
        yield from _node_steps(tracks)
    if _may(Action.ISSUE):
        yield from _endings(board)
    if _may(Action.AUTHORITY):
        yield from _set_up()


def _faults() -> Iterator[Need]:
    """Yield the findings of the checks, as readiness keeps them, and the messages that failed."""
    for result in installation().readiness.results():
        for finding in result.findings:
            if finding.severity is not Severity.NOTE:
                yield Need("finding", url_for("public.rule_page", name=finding.rule), finding=finding)
    dead = installation().deliveries.count(MessageState.DEAD, _MANY)
    if dead:
        yield Need("messages", url_for("pages.messages_sent", state=MessageState.DEAD.value), dead, dead == _MANY)


def _decisions() -> Iterator[Need]:
    use_case = installation().requests
    if use_case.has_failed(actor()):
        yield Need("failed", url_for("pages.requests", state="failed"))
    waiting = use_case.count_waiting(actor())
    if waiting:
        yield Need("waiting", url_for("pages.requests"), min(waiting, MAX_COUNT), waiting > MAX_COUNT)


def _refusals() -> Iterator[Need]:
    """Yield the reader's own requests that were refused, the first with the page of the reason, and the others."""
    refused = installation().requests.list_refused(actor())
    for each in refused[:SHOWN_REFUSED]:
        yield Need("refused", url_for("pages.request", request_id=each.id), refused=each)
    if len(refused) > SHOWN_REFUSED:
        yield Need("refusals", url_for("pages.requests", state="refused"), len(refused) - SHOWN_REFUSED)


def _node_steps(tracks: Sequence[Track]) -> Iterator[Need]:
    """Yield the first clusters with steps on their nodes, and one for all others."""
    open_ones = [track for track in tracks if not track.is_done]
    for track in open_ones[:SHOWN_CLUSTERS]:
        yield Need("nodes", url_for("pages.runbook", cluster_id=track.cluster.id), track=track)
    if len(open_ones) > SHOWN_CLUSTERS:
        yield Need("clusters", url_for("pages.clusters", sort="newest"), len(open_ones) - SHOWN_CLUSTERS)


def _endings(board: Board) -> Iterator[Need]:
    """Yield the first certificates that expire soon and have no successor, and all of them; the board has the next."""
    soon = [each for each in board.next if each.certificate.ends_soon(board.at)]
    without = [each for each in soon if each.step is not Step.NOTHING]
    yield from (Need("ending", _renewal([each]), ending=each) for each in without[:SHOWN_ENDINGS])
    if len(without) > 1:
        yield Need("endings", _renewal(without), len(without), is_more=len(soon) == MOST_NEXT)


def _renewal(endings: Sequence[Ending]) -> str:
    """Return the URL of the page that renews these certificates."""
    return url_for("pages.renewals", serial=[each.certificate.serial_number for each in endings])


def _set_up() -> Iterator[Need]:
    """Yield what an administrator has not set up yet."""
    if any(record.role == "root" and record.key_id for record in installation().hierarchy.list_issuers()):
        yield Need("root-key", url_for("pages.authority"))
    if not installation().deliveries.channels:
        yield Need("no-channel", url_for("pages.notices"))


def _heights(bars: Sequence[Bar]) -> list[tuple[Bar, int, str]]:
    """Return each bar with its height, in tenths of the highest one, and the URL of its certificates."""
    highest = max(bar.count for bar in bars) or 1
    return [(bar, math.ceil(10 * bar.count / highest), address_of(bar, "")) for bar in bars]


def _events() -> tuple[RecordedEvent, ...]:
    if not _may(Action.AUDIT):
        return ()
    return installation().audit_log.list_events(actor(), EventQuery(limit=SHOWN_EVENTS)).items


def _own_requests() -> tuple[RequestRecord, ...]:
    """Return the newest requests for readers who cannot see the events: their own, for requesters."""
    if _may(Action.AUDIT):
        return ()
    return installation().requests.list_requests(actor(), RequestQuery(sort="newest", limit=SHOWN_EVENTS)).items
