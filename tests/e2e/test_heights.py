"""Pages that fit on one screen: what is not the next step is folded."""

from __future__ import annotations

import pytest

from ca_service.authority.fleet.clusters import NodeInput
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import WIDE
from tests.support.factories import OPERATOR

PATHS = ("/messages", "/questions", "/jobs", "/authority", "/audit", "/clusters/1", "/ca/?system=windows")


@pytest.fixture
def house(service: Service) -> Service:
    """A new installation with a cluster of two nodes that have no CSRs yet."""
    nodes = [
        NodeInput("uccx1.example.com", "uccx", "11.5", "publisher"),
        NodeInput("uccx2.example.com", "uccx", "11.5", "subscriber"),
    ]
    service.installation.fleet.create(OPERATOR, "Contact centre", nodes)
    return service


def test_a_page_whose_next_step_is_short_fits_on_one_screen(house: Service, new_tab: OpenTab) -> None:
    tab = new_tab(viewport=WIDE)
    tab.set_up(house.set_up_url())
    heights = {}
    for path in PATHS:
        tab.go(path)
        heights[path] = tab.page.evaluate("document.documentElement.scrollHeight")

    assert {path: height for path, height in heights.items() if height > WIDE["height"]} == {}
