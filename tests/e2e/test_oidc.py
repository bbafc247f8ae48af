"""Signing in at an OpenID provider in a browser: over there, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from ca_service import clock
from ca_service.authority.access.permissions import Role
from tests.e2e.service import Service, serving
from tests.e2e.tab import open_tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.openid import CLIENT_ID, CLIENT_SECRET, Provider, serving_provider

BUTTON: Final = "text=Sign in with 127.0.0.1"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The provider."""
    with serving_provider(clock.utc_now) as provider:
        yield provider


@pytest.fixture
def joined(provider: Provider, tmp_path: Path) -> Iterator[Service]:
    """A service where one can sign in there."""
    environ = {
        "CA_SERVICE_OIDC__ISSUER": provider.issuer,
        "CA_SERVICE_OIDC__CLIENT_ID": CLIENT_ID,
        "CA_SERVICE_OIDC__CLIENT_SECRET": CLIENT_SECRET,
        "CA_SERVICE_OIDC__ROLES": "voice=requester",
    }
    with serving(tmp_path, environ) as service:
        service.installation.accounts.create(OPERATOR, "root", Role.ADMINISTRATOR, PASSWORD)
        yield service


def test_one_button_leads_there_and_back_to_the_page_that_was_asked_for(
    browser: Browser, joined: Service, provider: Provider
) -> None:
    with open_tab(browser, joined.url) as tab:
        tab.go("/certificates")
        faults = tab.faults("sign-in")
        provider.person["groups"] = []
        tab.page.click(BUTTON)
        tab.page.wait_for_selector("text=None of your groups has a role in this service.")
        provider.person["groups"] = ["voice"]
        tab.go("/certificates")
        tab.page.click(BUTTON)
        tab.page.wait_for_url("**/certificates")
        assert "vera" in str(tab.page.text_content("header"))  # on a narrow screen it is in the folded menu
        assert not faults
