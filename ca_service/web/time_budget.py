"""The time budget of a request: how long it waits for the database before it gets 503, and how many wait at a time.

Reading does not wait for writers. Reading also writes a few things, such as when a session was last used: these are
left out while others write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, current_app, request

from ca_service import deadline
from ca_service.authority.access.permissions import Action
from ca_service.deadline import Places

_ISSUING: Final = (Action.ISSUE, Action.DECIDE)
_READING: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class TimeBudgets:
    """Seconds that a request may wait, by its kind. `reading` is for a turn to write, where reading would like one."""

    reading: float = 1
    sign_in: float = 3
    pages: float = 10
    issuing: float = 30


DEFAULT: Final = TimeBudgets()


def install(app: Flask, budgets: TimeBudgets, places: Places) -> None:
    """Give every request a deadline."""

    def begin() -> None:
        seconds = _seconds(budgets)
        deadline.begin(seconds, budgets.reading if request.method in _READING else seconds, places)

    app.before_request(begin)
    app.teardown_request(lambda _error: deadline.end())


def _seconds(budgets: TimeBudgets) -> float:
    view: Any = current_app.view_functions.get(request.endpoint or "")
    action: Action | None = getattr(view, "action", None)
    if action in _ISSUING:
        return budgets.issuing
    is_signing_in = action is None and request.method not in _READING  # what is public and changes something
    return budgets.sign_in if is_signing_in else budgets.pages
