"""The tools in a real browser: a choice and a paste get their answers, and no page keeps anybody out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser

from ca_service.authority.access.permissions import Role
from tests.e2e.service import Service, serving
from tests.e2e.tab import NARROW, Tab, open_tab
from tests.support.factories import OPERATOR, PASSWORD

PAGES: Final = {
    "everything-works": "/agents",
    "self-signed": "/agents?tomcat=self-signed&tomcat-ecdsa=self-signed",
    "chat-fails": "/agents?tomcat=rsa-ca&tomcat-ecdsa=rsa-ca",
    "live-data-fails": "/agents?tomcat=rsa-ca&tomcat-ecdsa=self-signed",
    "not-listed": "/agents?tomcat=ec-ca&tomcat-ecdsa=ec-ca",
    "fit": "/fit",
    "products": "/products",
    "product": "/products?product=cucm",
    "product-not-known": "/products?product=uccx&version=10.0",
    "public-cas": "/public-cas",
    "questions": "/questions",
    "messages": "/messages",
    "explained": "/messages?message=HSTS+CSR+SAN+and+Certificate+SAN+does+not+match",
    "not-known": "/messages?message=the+network+is+down",
    "not-found": "/messages?q=no+such+words",
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve an installation with a signed-in auditor."""
    with serving(tmp_path_factory.mktemp("tools")) as service:
        service.installation.accounts.create(OPERATOR, "auditor", Role.AUDITOR, PASSWORD)
        yield service


@pytest.fixture
def tab(browser: Browser, tools: Service) -> Iterator[Tab]:
    """Open a signed-in window."""
    with open_tab(browser, tools.url) as tab:
        tab.sign_in("auditor")
        yield tab


def test_the_tools_keep_nobody_out(browser: Browser, tools: Service) -> None:
    faults = []
    with open_tab(browser, tools.url) as tab:
        tab.sign_in("auditor")
        for name, path in PAGES.items():
            tab.go(path)
            tab.unfold()
            faults += tab.faults(name)

    assert not faults, "\n".join(faults)


def test_a_choice_is_shown_at_an_address_that_can_be_passed_on(tab: Tab) -> None:
    tab.go("/agents")
    tab.page.select_option("#tomcat-ecdsa", "rsa-ca")
    tab.page.click("text=Show")

    tab.page.wait_for_url("**/agents?tomcat=rsa-ca&tomcat-ecdsa=rsa-ca")
    assert tab.page.locator(".sights .fails").count() == 2
    tab.page.click("text=Show the difference")
    tab.page.wait_for_url("**/agents?tomcat=rsa-ca&tomcat-ecdsa=ec-ca")
    assert tab.page.locator(".service.ecdsa").count() == 2


def test_a_pasted_message_is_explained_at_an_address_that_can_be_passed_on(tab: Tab) -> None:
    tab.go("/messages")
    tab.page.fill("#message", "admin:\nCAA1018")
    tab.page.click("text=Explain")

    tab.page.wait_for_url("**/messages?message=*CAA1018")
    assert "is not in the trust store" in tab.page.inner_text(".answer")


def test_the_field_takes_no_more_than_can_be_passed_on(tab: Tab) -> None:
    tab.go("/messages")
    tab.page.evaluate("navigator.clipboard.writeText('x'.repeat(3000))")
    tab.page.focus("#message")
    tab.page.keyboard.press("Control+V")

    assert len(tab.page.input_value("#message")) == 2000


def test_no_table_of_products_scrolls_sideways_on_a_phone(browser: Browser, tools: Service) -> None:
    with open_tab(browser, tools.url, viewport=NARROW) as tab:
        tab.sign_in("auditor")
        for path in ("/products", "/products?product=uccx", "/products?product=imp"):
            tab.go(path)
            tab.unfold()
            assert tab.page.locator(".table").count() > 0
            wide = "tables => tables.filter(each => each.scrollWidth > each.clientWidth).length"
            assert tab.page.locator(".table").evaluate_all(wide) == 0
