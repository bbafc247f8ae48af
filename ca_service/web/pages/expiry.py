"""The expiry board: expirations per week, and the next actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.inventory.expiry import MOST_LATER, Bar, Board
from ca_service.errors import Finding, InvalidInput
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.inventory import typed
from ca_service.web.problems import status_of

WIDTH: Final = 920
HEIGHT: Final = 240
_LEFT: Final = 44  # for the numbers of the scale
_TOP: Final = 16
_BOTTOM: Final = 206  # the base of the bars; dates are below
_STEP: Final = 32
_SOON_WEEKS: Final = 5


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
        chart={"width": WIDTH, "height": HEIGHT, "left": _LEFT, "bottom": _BOTTOM},
        now=installation().clock(),
    )


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
