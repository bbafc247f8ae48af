"""The list of certificates: filters, pages, CSV export; and the expiry board: expirations per week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final, cast, get_args

from flask import Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.inventory.inventory import MOST_LATER, Bar, Board, csv_lines
from ca_service.authority.inventory.language import MAX_LENGTH
from ca_service.authority.inventory.store import CertificateQuery, Page, Sort
from ca_service.errors import Finding, InvalidInput
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

SORTS: Final = get_args(Sort)
_PAGE_SIZE: Final = 50
_NOTHING: Final = Page((), "")
_CHIPS: Final = {
    "soon": ("expires<30d", "status:active"),
    "active": ("status:active",),
    "expired": ("status:expired",),
    "revoked": ("status:revoked",),
    "held": ("status:held",),
    "vos": ("profile:vos",),
    "server": ("profile:server",),
    "client": ("profile:client",),
}
WIDTH: Final = 920
HEIGHT: Final = 160
_LEFT: Final = 44  # for the numbers of the scale
_TOP: Final = 16
_BOTTOM: Final = 126  # the base of the bars; dates are below
_STEP: Final = 32
_SOON_WEEKS: Final = 5


@dataclass(frozen=True, slots=True)
class Chip:
    """A common filter. `text` is the search after a click: with the filter, or without it if it was on."""

    name: str
    is_on: bool
    text: str


@blueprint.get("/certificates")
@needs(Action.READ)
def certificates() -> ResponseReturnValue:
    """List the certificates. An invalid filter is shown as entered, with its error."""
    text = typed()
    query = CertificateQuery(
        text=text, sort=_sort(text), cursor=request.args.get("cursor", "")[:1000], limit=_PAGE_SIZE
    )
    try:
        return _list_page(query, installation().inventory.list_certificates(actor(), query))
    except InvalidInput as error:
        return _list_page(query, _NOTHING, error.findings), status_of(error)


def typed() -> str:
    """Return the filter as entered, cut one character above the limit, so that a longer one is reported."""
    return request.args.get("q", "")[: MAX_LENGTH + 1]


def _sort(text: str) -> Sort:
    """Return the requested order. A search for expiry dates starts with the earliest."""
    sort = request.args.get("sort", "expires" if "expires" in text else "newest")
    return cast(Sort, sort) if sort in SORTS else "newest"


def _list_page(query: CertificateQuery, page: Page, findings: tuple[Finding, ...] = ()) -> str:
    return render_template(
        "certificates.html",
        page=page,
        query=query,
        sorts=SORTS,
        chips=chips_of(query.text),
        findings=findings,
        has_revoked=installation().trusted.is_issuing_revoked(),
        bad_issuers=installation().trusted.bad_among(item.certificate.issuer_id for item in page.items),
        now=installation().clock(),
    )


def chips_of(text: str) -> list[Chip]:
    """Return the common filters, switched on or off by this search."""
    return [_chip(name, text) for name in _CHIPS]


def _chip(name: str, text: str) -> Chip:
    """Return one filter. Switching it on removes filters that contradict it."""
    words, own = text.split(), _CHIPS[name]
    is_on = set(own) <= set(words) and (name != "active" or not set(_CHIPS["soon"]) <= set(words))
    kinds = {word.partition(":")[0] for word in own}
    rest = [word for word in words if word not in own and (is_on or word.partition(":")[0] not in kinds)]
    return Chip(name, is_on, " ".join(rest if is_on else (*rest, *own)))


@blueprint.get("/certificates.csv")
@needs(Action.READ)
def certificates_csv() -> Response:
    """Export the complete list as CSV."""
    text = typed()
    items = installation().inventory.export(actor(), text, _sort(text))
    lines = csv_lines(items, installation().clock())
    headers = {"Content-Disposition": 'attachment; filename="certificates.csv"'}
    return Response(stream_with_context(lines), content_type="text/csv; charset=utf-8; header=present", headers=headers)


@dataclass(frozen=True, slots=True)
class Column:
    """A bar of the chart: overdue, soon or later. Its date is printed below if `is_labelled`."""

    bar: Bar
    kind: str
    x: int
    y: float
    width: int
    height: float
    address: str
    is_labelled: bool

    @property
    def is_this_week(self) -> bool:
        """Whether it is the rest of this week."""
        return self.bar.begin.time() != time.min

    @property
    def last_day(self) -> date:
        """The last day of the bar."""
        return (self.bar.end - timedelta(seconds=1)).date()


@blueprint.get("/certificates/expiry")
@needs(Action.READ)
def expiry() -> ResponseReturnValue:
    """Show the board for all certificates or for a filter."""
    text = typed()
    try:
        return _page(text, installation().inventory.board(actor(), text))
    except InvalidInput as error:
        return _page(text, None, error.findings), status_of(error)


def _page(text: str, board: Board | None, findings: tuple[Finding, ...] = ()) -> str:
    top = scale_of(board.highest) if board else 1
    return render_template(
        "expiry.html",
        text=text,
        board=board,
        findings=findings,
        columns=tuple(_columns(board, text, top)) if board else (),
        later=address_of(board.later, text) if board else "",
        lines=[(_y(part * top / 2, top), part * top // 2) for part in ((0, 1, 2) if top > 1 else (0, 2))],
        most_later=MOST_LATER,
        has_revoked=installation().trusted.is_issuing_revoked(),
        bad_issuers=installation().trusted.bad_among(_issuers_on(board)) if board else (),
        chart={"width": WIDTH, "height": HEIGHT, "left": _LEFT, "bottom": _BOTTOM},
        now=installation().clock(),
    )


def _issuers_on(board: Board) -> Iterator[str]:
    yield from (each.id for each in board.authorities)
    yield from (each.certificate.issuer_id for each in board.next)


def scale_of(highest: int) -> int:
    """Return the round number at the top of the scale: 1, 2, 4, 10, 20, 40, 100 ..."""
    power = 1
    while True:
        for steep in (1, 2, 4):
            if highest <= steep * power:
                return steep * power
        power *= 10


def address_of(bar: Bar, text: str) -> str:
    """Return the URL of the certificates counted in a bar."""
    return url_for("pages.certificates", q=f"{text} {bar.words}".strip(), sort="expires")


def _columns(board: Board, text: str, top: int) -> Iterator[Column]:
    for number, bar in enumerate((board.overdue, *board.weeks)):
        y = _y(bar.count, top)
        yield Column(
            bar=bar,
            kind="overdue" if number == 0 else "soon" if number <= _SOON_WEEKS else "later",
            x=_LEFT + 6 + number * _STEP,
            y=y,
            width=_STEP - 8,
            height=round(_BOTTOM - y, 1),
            address=address_of(bar, text) if bar.count else "",
            is_labelled=number > 0 and number % 4 == 1,
        )


def _y(count: float, top: int) -> float:
    """Return the y position of the top of a bar. The smallest stays visible."""
    height = (_BOTTOM - _TOP) * count / top
    return round(_BOTTOM - (max(3.0, height) if count else 0), 1)
