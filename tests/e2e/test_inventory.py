"""From the histogram to the list behind a bar, from there to the file: with the keyboard alone."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import pytest

from ca_service.authority.issuance.examination import Options
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.support.factories import OPERATOR
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER


@pytest.fixture
def _three(service: Service) -> None:
    """Two that end in ten days, and one that ends in a year."""
    issuance = service.installation.issuance
    issuance.issue(OPERATOR, [UCCX_PUBLISHER.data, UCCX_SUBSCRIBER.data], Options(validity_days=10))
    issuance.issue(OPERATOR, [SOCIALMINER.data], Options())


@pytest.mark.usefixtures("_three")
def test_a_bar_leads_to_its_list_and_the_list_to_a_file(service: Service, new_tab: OpenTab, tmp_path: Path) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.click("nav >> text=Certificates")
    tab.page.click("text=Expirations")
    bar = tab.page.get_by_role("link", name="2 certificates, week of")
    bar.focus()
    tab.page.keyboard.press("Enter")

    tab.page.wait_for_url("**/certificates?q=*")
    assert tab.page.input_value("#q").startswith("status:active expires>=")
    assert tab.page.locator("tbody tr").count() == 2
    assert tab.page.locator(".narrowing [aria-current]").inner_text().startswith("active")

    with tab.save("text=Download as CSV", tmp_path).open(encoding="utf-8", newline="") as file:
        assert {line["host"] for line in csv.DictReader(file)} == {"uccx1.example.com", "uccx2.example.com"}


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_selected_ones_are_downloaded_together(
    service: Service, new_tab: OpenTab, tmp_path: Path, script: bool
) -> None:
    tab = new_tab(java_script_enabled=script)
    tab.set_up(service.set_up_url())
    tab.go("/certificates?q=uccx")
    assert not tab.page.locator(".picked").is_visible()
    if script:
        tab.page.check("[data-all]")
    else:
        assert not tab.page.locator("[data-all]").is_visible()
        for number in range(2):
            tab.page.locator("tbody .pick input").nth(number).check()
    bundle = tab.save("text=Download bundle", tmp_path)
    assert {name.split("/")[0] for name in zipfile.ZipFile(bundle).namelist() if "/3-" in name} == {
        "uccx1.example.com",
        "uccx2.example.com",
    }
    tab.page.click(".picked >> text=Revoke")
    tab.page.wait_for_url("**/revoke?serial=*&serial=*")


@pytest.mark.usefixtures("_three")
def test_a_head_sorts_and_the_address_keeps_the_search(service: Service, new_tab: OpenTab) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.go("/certificates?q=uccx")
    tab.page.click("thead >> text=Host")
    tab.page.wait_for_url("**/certificates?q=uccx&sort=host")
    assert tab.page.locator("[aria-sort=ascending]").inner_text().startswith("Host")


@pytest.mark.usefixtures("_three")
def test_a_chip_narrows_the_list_and_a_second_press_widens_it_again(service: Service, new_tab: OpenTab) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.go("/certificates")
    tab.page.click("text=expires in 30 days")
    tab.page.wait_for_selector(".narrowing [aria-current]")
    assert tab.page.locator("tbody tr").count() == 2
    tab.page.click(".narrowing [aria-current]")
    tab.page.wait_for_selector(".narrowing:not(:has([aria-current]))")
    assert tab.page.locator("tbody tr").count() == 3
