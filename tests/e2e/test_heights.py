"""Pages that fit on one screen: what is not the next step is folded."""

from __future__ import annotations

import pytest

from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.issuance.examination import Options
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import WIDE
from tests.support.factories import OPERATOR
from tests.support.requests import UCCX_PUBLISHER

PATHS = (
    *("/", "/sign", "/requests", "/clusters/1", "/clusters/new", "/certificates", "/certificates/expiry"),
    *("/fit", "/probe", "/messages", "/agents", "/products", "/public-cas", "/questions"),
    *("/account", "/account/tokens", "/account/sign-in", "/account/people", "/account/people/vera"),
    *("/authority", "/notices", "/audit", "/jobs", "/ca/?system=windows", "/ca/?system=chrome"),
)
#: The tabs of Tools, which are at the same place on each of its pages.
TOOLS = ("/fit", "/probe", "/messages", "/agents", "/products", "/public-cas", "/questions")
_PLACES = "tabs => tabs.map(each => [each.innerText, ...Object.values(each.getBoundingClientRect().toJSON())])"


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


def test_a_preview_of_a_revocation_fits_on_one_screen(house: Service, new_tab: OpenTab) -> None:
    (issued,) = house.installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    tab = new_tab(viewport=WIDE)
    tab.set_up(house.set_up_url())
    for path in (
        f"/certificates/{issued.serial_number}",
        f"/revoke?serial={issued.serial_number}&reason=keyCompromise",
    ):
        tab.go(path)
        assert tab.page.evaluate("document.documentElement.scrollHeight") <= WIDE["height"], path


@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_the_tabs_of_tools_have_one_line_and_the_same_places_on_every_page(
    house: Service, new_tab: OpenTab, width: int
) -> None:
    tab = new_tab(viewport={"width": width, "height": 900})
    tab.set_up(house.set_up_url())
    places = []
    for path in TOOLS:
        tab.go(path)
        places.append(tab.page.locator(".tabs a").evaluate_all(_PLACES))

    assert all(each == places[0] for each in places)
    assert len({place[2] for place in places[0]}) == 1
