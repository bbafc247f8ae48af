"""Signing in with a second factor, in a real browser with a device for passkeys, and the pages around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from ca_service.authority.access.permissions import Role
from ca_service.authority.people.records import Visit
from ca_service.authority.people.throttle import FREE_ATTEMPTS
from ca_service.errors import NotAuthenticated
from ca_service.storage.schema import session
from ca_service.storage.sqlite import SQLiteDatabase
from tests.e2e.service import Service, serving
from tests.e2e.tab import Tab, open_tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.people import code_of
from tests.web.signed import next_code, now

_DEVICE: Final = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, slots=True)
class House:
    """A service with people, and where it keeps them."""

    service: Service
    folder: Path

    @property
    def url(self) -> str:
        """By a name: browsers make no passkeys for a number."""
        return self.service.url.replace("127.0.0.1", "localhost")

    def guess(self, name: str) -> None:
        """Try a wrong password from elsewhere, until one has to wait."""
        signing_in = self.service.installation.signing_in
        for _ in range(FREE_ATTEMPTS):
            with pytest.raises(NotAuthenticated):
                signing_in.with_password(name, "wrong", Visit("192.0.2.99"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A service with people in every state."""
    with serving(tmp_path) as service:
        accounts, people = service.installation.accounts, service.installation
        for name, role in (("vera", Role.ADMINISTRATOR), ("anna", Role.APPROVER), ("bruno", Role.AUDITOR)):
            accounts.create(OPERATOR, name, role, PASSWORD)
        accounts.set_disabled(OPERATOR, "bruno", True)
        people.links.invite(OPERATOR, "carol", Role.REQUESTER)
        for name in ("vera", "anna"):
            people.sessions.open(accounts.get(name), "password", Visit("192.0.2.17", FIREFOX))
        yield House(service, tmp_path)


@pytest.fixture
def tab(browser: Browser, house: House) -> Iterator[Tab]:
    """A window with a device that makes passkeys and always says yes."""
    with open_tab(browser, house.url) as tab:
        plug_in(tab)
        yield tab


def plug_in(tab: Tab) -> Any:
    """Give the window a virtual authenticator; the session with which it is controlled."""
    control = tab.page.context.new_cdp_session(tab.page)
    control.send("WebAuthn.enable")
    control.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})
    return control


def set_up_app(tab: Tab) -> str:
    """Set up an app on its page; the secret."""
    tab.go("/account/sign-in")
    tab.page.click("text=Set up an app")
    tab.page.click("text=Or enter the key")
    secret = tab.page.inner_text("#secret")
    tab.page.fill("#code", code_of(secret, now()))
    tab.page.click("text=Finish")
    tab.page.wait_for_selector("#codes")
    return secret


def add_passkey(tab: Tab, name: str) -> None:
    """Add a passkey on the page where that is done."""
    tab.go("/account/sign-in")
    tab.page.fill("#label", name)
    tab.page.click("text=Add a passkey")


def give_password(tab: Tab, name: str = "vera") -> None:
    """Name and password, which are not enough."""
    tab.go("/sign-in")
    tab.page.fill("#name", name)
    tab.page.fill("#password", PASSWORD)
    tab.page.click("main button[type=submit]")


def test_from_an_app_to_a_passkey(tab: Tab) -> None:
    tab.sign_in()
    secret = set_up_app(tab)
    assert len(tab.page.inner_text("#codes").split()) == 10
    tab.page.click("text=I have saved them")
    add_passkey(tab, "laptop")
    expect(tab.page.locator(".passkeys")).to_contain_text("laptop")
    tab.sign_out()

    give_password(tab)  # with the code of the app
    tab.page.wait_for_url("**/sign-in/second-step")
    tab.page.fill("#code", next_code(secret))
    tab.page.click("text=Continue")
    tab.page.wait_for_url(f"{tab.url}/")
    tab.sign_out()

    give_password(tab)  # with the passkey as the second step
    tab.page.click("text=Use a passkey")
    tab.page.wait_for_url(f"{tab.url}/")
    tab.sign_out()

    tab.page.click("text=Sign in with a passkey")  # and with nothing else
    tab.page.wait_for_url(f"{tab.url}/")
    tab.go("/account/sign-in")
    expect(tab.page.locator(".passkeys")).to_contain_text("last used")


def test_a_device_that_says_no_is_told_beside_the_button(browser: Browser, house: House) -> None:
    with open_tab(browser, house.url) as tab:
        control = tab.page.context.new_cdp_session(tab.page)
        control.send("WebAuthn.enable")
        control.send("WebAuthn.addVirtualAuthenticator", {"options": {**_DEVICE, "isUserVerified": False}})
        tab.sign_in()
        add_passkey(tab, "laptop")
        expect(tab.page.locator("[data-passkey-failed]")).to_be_visible()
        assert tab.page.locator(".passkeys").count() == 0


def test_a_dangerous_form_is_kept_while_one_confirms_who_one_is(browser: Browser, house: House) -> None:
    with open_tab(browser, house.url, java_script_enabled=False) as tab:
        tab.sign_in()
        let_time_pass(house)
        tab.go("/account/tokens")
        tab.page.fill("#label", "renewal script")
        tab.page.click("text=Create token")
        assert tab.page.inner_text("h1") == "Confirm your identity"
        tab.page.fill("#confirm-password", PASSWORD)
        tab.page.click("text=Confirm >> nth=-1")
        assert tab.page.inner_text("#token").startswith("ca_")
        assert "renewal script" in tab.page.inner_text("main")


def let_time_pass(house: House) -> None:
    """Make all sessions look as if their people had signed in long ago."""
    with SQLiteDatabase(house.folder / "instance/ca.sqlite3").write() as connection:
        connection.execute(update(session).values(confirmed_at=now().replace(year=2020)))


def test_somebody_is_invited_and_comes_in(tab: Tab, browser: Browser, house: House) -> None:
    tab.sign_in()
    tab.go("/account/people")
    tab.page.click("text=Invite a person")
    tab.page.fill("#name", "dora")
    tab.page.select_option("#role", "approver")
    tab.page.click("text=Create link")
    link = tab.page.inner_text("#link")
    with open_tab(browser, house.url) as other:
        other.go(link.replace("127.0.0.1", "localhost"))
        other.page.fill("#password", PASSWORD)
        other.page.fill("#repeated", PASSWORD)
        other.page.click("text=Set password")
        other.page.wait_for_url("**/sign-in?chosen=yes")
        other.sign_in("dora")


def look_around(tab: Tab, house: House) -> Iterator[str]:
    """Go through all pages of signing in, and tell what is wrong with each."""
    tab.sign_in()
    tab.go("/account/sign-in")
    yield from tab.faults("nothing-enrolled")
    tab.page.click("text=Set up an app")
    tab.page.click("text=Or enter the key")
    yield from tab.faults("app")
    secret = set_up_app(tab)
    yield from tab.faults("codes")
    add_passkey(tab, "laptop")
    tab.page.wait_for_selector(".passkeys")
    yield from tab.faults("enrolled")
    yield from look_at_people(tab, house)
    let_time_pass(house)
    tab.go("/confirm")
    yield from tab.faults("confirm")
    tab.sign_out()
    yield from tab.faults("sign-in")
    give_password(tab)
    tab.page.wait_for_url("**/sign-in/second-step")
    yield from tab.faults("second-step")
    for _ in range(6):
        tab.page.fill("#code", code_of(secret, now().replace(year=2020)))
        tab.page.click("text=Continue")
    yield from tab.faults("wait")


def look_at_people(tab: Tab, house: House) -> Iterator[str]:
    """The same for the pages of administrators."""
    house.guess("anna")
    tab.go("/account/people")
    tab.page.click("text=Invite a person")
    yield from tab.faults("people")
    tab.go("/account/people/anna")
    yield from tab.faults("person")
    tab.page.click("text=Reset access")
    yield from tab.faults("link")
    link = tab.page.inner_text("#link")
    tab.go(link)
    yield from tab.faults("choose-password")
    tab.go("/account/people/vera")
    yield from tab.faults("own")


def test_the_pages_of_signing_in_keep_nobody_out(browser: Browser, house: House) -> None:
    with open_tab(browser, house.url) as tab:
        plug_in(tab)
        faults = list(look_around(tab, house))

    assert not faults, "\n".join(faults)
