"""The trust page in a browser: without scripts, with the keyboard, over plain HTTP."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ca_service.pki import encodings
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import NARROW

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
NAME = "example-lab-ec-root-ca-g1"


def test_without_scripts_a_phone_finds_its_steps_and_another_tab(
    new_tab: OpenTab, service: Service, tmp_path: Path
) -> None:
    tab = new_tab(java_script_enabled=False, user_agent=IPHONE, viewport=NARROW)
    tab.go("/ca/")

    expect(tab.page.locator(".tabs [aria-current]")).to_have_text("iPhone and iPad")
    profile = tab.save(f"text=Download {NAME}.mobileconfig", tmp_path)
    [payload] = plistlib.loads(profile.read_bytes())["PayloadContent"]
    assert payload["PayloadContent"] == encodings.der(service.installation.hierarchy.active().root)

    tab.page.click("text=Android")
    expect(tab.page.locator("h2#system")).to_have_text("Android")
    tab.page.click("summary:text('Undo')")
    expect(tab.page.locator("text=Trusted credentials")).to_be_visible()


def test_the_keyboard_opens_a_tab_and_the_part_for_administrators(new_tab: OpenTab) -> None:
    tab = new_tab()
    tab.go("/ca/")
    tab.page.focus("details.group > summary")
    tab.page.keyboard.press("Enter")
    tab.page.focus("text=Debian and Ubuntu")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("h2#system")).to_have_text("Debian and Ubuntu")
    tab.page.focus(".administrators > summary")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("text=Download ZIP")).to_be_visible()


@pytest.mark.parametrize("has_clipboard", [True, False], ids=["https", "plain-http"])
def test_the_fingerprint_is_copied_as_one_word(new_tab: OpenTab, service: Service, has_clipboard: bool) -> None:
    tab = new_tab()
    if not has_clipboard:  # as on a page over plain HTTP
        tab.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    tab.go("/ca/")
    tab.page.click("button[data-copy=sha256]")
    expect(tab.page.locator("button[data-copy=sha256]")).to_have_text("✓")
    tab.go("/sign-in")
    tab.page.focus("#name")
    tab.page.keyboard.press("Control+V")

    root = service.installation.hierarchy.active().root
    assert tab.page.input_value("#name").startswith(encodings.fingerprint_text(root)[:40])


def test_on_paper_undo_and_all_ways_are_open(new_tab: OpenTab) -> None:
    tab = new_tab()
    tab.go("/ca/?system=windows")
    tab.page.emulate_media(media="print")

    for text in ("gpupdate /force", "Remove-Item Cert:"):
        assert tab.page.locator(f"pre:has-text('{text}')").first.bounding_box()
    assert not tab.page.locator(".tabs").first.is_visible()
