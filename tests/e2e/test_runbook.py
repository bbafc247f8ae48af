"""The runbook in a browser: one screen for each step, the key d, Undo, no script, paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.issuance.examination import Options
from ca_service.vos.steps import Step
from tests.e2e.service import Service
from tests.e2e.tab import Tab, open_tab
from tests.e2e.test_results import SCREEN
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.fleet import CONTACT_CENTRE
from tests.support.requests import THREE_NODES

RUNBOOK: Final = "/clusters/1/runbook"
_SHEET: Final = re.compile(rb"/Type\s*/Page[^s]")


@pytest.fixture
def steps(service: Service) -> tuple[Step, ...]:
    """The steps of a contact centre whose three nodes have their certificates."""
    installation = service.installation
    installation.accounts.create(OPERATOR, "vera", Role.ADMINISTRATOR, PASSWORD)
    cluster = installation.fleet.create(OPERATOR, "Contact centre", CONTACT_CENTRE)
    nodes = {node.fqdn: node.id for node in cluster.nodes}
    placements = [
        Placement(request.data, nodes[fqdn], "tomcat-ECDSA", is_multi_server=False)
        for request, fqdn in zip(
            THREE_NODES, ("uccx1.example.com", "uccx2.example.com", "sm1.example.com"), strict=True
        )
    ]
    installation.fleet.sign(OPERATOR, cluster.id, placements, Options())
    return installation.handover.board(OPERATOR, cluster.id).runbook.steps


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def tab(browser: Browser, service: Service, steps: tuple[Step, ...], request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A window of the size of a laptop, with and without JavaScript."""
    assert steps
    with open_tab(browser, service.url, viewport=SCREEN, java_script_enabled=request.param) as tab:
        tab.sign_in()
        yield tab


only_with_script = pytest.mark.parametrize("tab", [True], indirect=True)


def title(tab: Tab) -> str:
    """The title of the open step."""
    return tab.page.locator("#open-title").inner_text()


def done(tab: Tab) -> str | None:
    """The number of steps that are done."""
    return tab.page.locator("progress").get_attribute("value")


def test_each_step_fits_on_one_screen_with_its_buttons(tab: Tab, steps: tuple[Step, ...], service: Service) -> None:
    for number, step in enumerate(steps):
        tab.go(f"{RUNBOOK}?{urlencode({'step': step.key})}")
        main = tab.page.locator("main").bounding_box()
        assert main
        assert main["y"] + main["height"] <= SCREEN["height"], step.title
        assert title(tab) == step.title
        files = tab.page.locator(".open-step a:visible >> text=Download")
        assert files.count() == len(step.files)
        expect(tab.page.get_by_role("button", name="Done: ")).to_be_visible()
        assert tab.page.locator(".left-steps li:visible").count() == len(steps) - number - 1
        service.installation.handover.mark(OPERATOR, 1, step.key, done=True)


def test_done_opens_the_next_step_and_undo_the_step_again(tab: Tab, steps: tuple[Step, ...]) -> None:
    tab.go(RUNBOOK)
    tab.page.get_by_role("button", name=f"Done: {steps[0].title}").click()
    expect(tab.page.locator("#open-title")).to_have_text(steps[1].title)
    assert done(tab) == "1"
    expect(tab.page.locator(".done-part")).to_contain_text("1 step done")

    tab.page.get_by_role("button", name=f"Undo: {steps[0].title}").first.click()
    expect(tab.page.locator("#open-title")).to_have_text(steps[0].title)
    assert done(tab) == "0"


def test_a_node_and_a_step_are_chosen_in_the_tracks(tab: Tab, steps: tuple[Step, ...]) -> None:
    tab.go(RUNBOOK)
    tab.page.click(".guide-tracks >> text=sm1")
    assert title(tab) == steps[1].title
    tab.page.click(f".dot[title='{steps[8].title}']")
    assert title(tab) == steps[8].title
    tab.page.reload()  # its address is that of the step
    assert title(tab) == steps[8].title


@only_with_script
def test_the_key_d_marks_the_step_unless_the_reader_types_goes_elsewhere_or_has_no_keys(tab: Tab) -> None:
    tab.go(RUNBOOK)
    expect(tab.page.locator(".open-step kbd")).to_be_visible()
    tab.page.keyboard.press("d")
    expect(tab.page.locator("progress")).to_have_attribute("value", "1")
    expect(tab.page.locator(".open-step kbd")).to_be_visible()  # the scripts of the next page have run

    for keys in ("g d", "Control+d"):
        for key in keys.split():
            tab.page.keyboard.press(key)
    tab.page.evaluate("document.querySelector('.open-step').append(document.createElement('input'))")
    tab.page.focus(".open-step > input")
    tab.page.keyboard.press("d")
    assert tab.page.input_value(".open-step > input") == "d"
    tab.page.evaluate("localStorage.setItem('shortcuts-off', 'yes')")
    tab.page.reload()
    expect(tab.page.locator(".open-step kbd")).to_be_hidden()
    tab.page.keyboard.press("d")
    tab.go(RUNBOOK)
    assert done(tab) == "1"


@only_with_script
def test_command_and_pem_are_copied(tab: Tab, steps: tuple[Step, ...]) -> None:
    tab.go(RUNBOOK)
    tab.page.get_by_role("button", name="Copy command").click()
    assert tab.page.evaluate("navigator.clipboard.readText()") == steps[0].commands[0]
    tab.page.get_by_role("button", name="Copy PEM 2-intermediate").click()
    assert str(tab.page.evaluate("navigator.clipboard.readText()")).startswith("-----BEGIN CERTIFICATE-----")


def test_the_runbook_has_two_or_three_sheets_with_every_step(tab: Tab, steps: tuple[Step, ...]) -> None:
    tab.go(RUNBOOK)
    assert len(_SHEET.findall(tab.page.pdf(format="A4"))) in (2, 3)
    assert len(_SHEET.findall(tab.page.pdf(format="Letter"))) in (2, 3)

    tab.page.emulate_media(media="print")
    for number, step in enumerate(steps, 1):
        expect(tab.page.locator(f".paper :text('{number}. {step.title}')").first).to_be_visible()
    expect(tab.page.locator(".paper")).to_contain_text("wait until a node is back before the next")
    expect(tab.page.locator(".drawing")).to_be_visible()
    expect(tab.page.locator("#open")).to_be_hidden()
