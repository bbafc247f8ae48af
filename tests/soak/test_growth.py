"""What counts as growth in a soak."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.__main__ import Held, growth

_FLAT = [Held(150.0, 60, 4.0)] * 7


def test_what_is_flat_after_the_warm_up_has_not_grown() -> None:
    assert growth([Held(100.0, 40, 0.0), *_FLAT[1:]]) == []


@pytest.mark.parametrize("change", [{"memory": 180.0}, {"files": 65}, {"wal": 6.0}])
def test_each_figure_that_has_grown_is_named(change: dict[str, float]) -> None:
    [line] = growth([*_FLAT[:5], *[replace(each, **change) for each in _FLAT[5:]]])
    assert line.startswith(f"{next(iter(change))} has grown from ")
