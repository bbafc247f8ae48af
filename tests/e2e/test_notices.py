"""Notices in a browser: mail through a real server, retries of failed messages, renewal."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from playwright.sync_api import Browser, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.issuance.examination import Options
from tests.e2e.service import Service, serving
from tests.e2e.tab import Tab, open_tab
from tests.support import pkcs10
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.fleet import CONTACT_CENTRE
from tests.support.ports import free_port
from tests.support.requests import THREE_NODES, node

BITS: Final = ("digitalSignature",)
_WRONG: Final = "gone@example.com"


@dataclass(slots=True)
class Post:
    """A mail server's mind: it knows everybody but one."""

    knows_all: bool = False
    letters: list[bytes] = field(default_factory=list)

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        """To whom."""
        if address == _WRONG and not self.knows_all:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        """What."""
        assert isinstance(envelope.content, bytes)
        self.letters.append(envelope.content)
        return "250 OK"


@dataclass(frozen=True, slots=True)
class Watched:
    """A service with notices, the mail it sent, and its expiring items."""

    service: Service
    post: Post
    cluster: int
    server: str
    node: str


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Certificates that end soon, in a cluster and beside it; mail that works, and a webhook that does not."""
    post, port = Post(), free_port()
    environ = {
        "CA_SERVICE_MAIL__HOST": "127.0.0.1",
        "CA_SERVICE_MAIL__PORT": str(port),
        "CA_SERVICE_MAIL__SECURITY": "none",
        "CA_SERVICE_MAIL__SENDER": "ca@example.com",
        "CA_SERVICE_MAIL__RECIPIENTS": f"voice@example.com, {_WRONG}",
        "CA_SERVICE_WEBHOOK__URL": f"http://127.0.0.1:{free_port()}/s3cret",
        "CA_SERVICE_WEBHOOK__SECRET": "whsec_" + "A" * 44,
    }
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    folder = tmp_path_factory.mktemp("watched")
    with serving(folder, environ) as service:
        yield _furnished(service, post, folder)
    controller.stop()


def _furnished(service: Service, post: Post, folder: Path) -> Watched:
    installation = service.installation
    installation.accounts.create(OPERATOR, "administrator", Role.ADMINISTRATOR, PASSWORD)
    fleet, soon = installation.fleet, Options(validity_days=20)
    cluster = fleet.create(OPERATOR, "Contact centre", CONTACT_CENTRE)
    placements = [
        Placement(request.data, each.id, "tomcat-ECDSA", False)
        for request, each in zip(THREE_NODES, cluster.nodes, strict=True)
    ]
    [first, *_] = fleet.sign(OPERATOR, cluster.id, placements, soon).certificates
    plain = Options(profile="server", validity_days=25)
    [server] = installation.issuance.issue(OPERATOR, [_server("web1")], plain).certificates
    installation.issuance.issue(OPERATOR, [_server("web2")], Options(profile="server", validity_days=95))
    _let_time_pass(folder)
    for job in ("notices", "outbox"):
        installation.jobs.run(OPERATOR, job)
    return Watched(service, post, cluster.id, server.serial_number, first.serial_number)


def _server(name: str) -> bytes:
    """The request of a plain server."""
    return pkcs10.pem(node(f"{name}.example.com", f"{name}.example.com", bits=BITS, purposes=("serverAuth",)).der())


def _let_time_pass(folder: Path) -> None:
    """Let the certificates have lived for long, so that they are announced."""
    with contextlib.closing(sqlite3.connect(folder / "instance/ca.sqlite3")) as connection, connection:
        connection.execute("UPDATE certificate SET not_before = '2025-01-01 00:00:00'")


@pytest.fixture
def tab(browser: Browser, watched: Watched) -> Iterator[Tab]:
    """A window of an administrator."""
    with open_tab(browser, watched.service.url) as tab:
        tab.sign_in("administrator")
        yield tab


def test_the_pages_keep_nobody_out(browser: Browser, watched: Watched) -> None:
    faults, pages = [], {
        "notices": "/notices",
        "nothing-found": "/notices?q=nobody",
        "messages": "/notices/messages",
        "jobs": "/jobs?ran=done",
        "account": "/account",
        "authority": "/authority",
        "server": f"/certificates/{watched.server}",
        "node": f"/certificates/{watched.node}",
        "board": f"/clusters/{watched.cluster}",
        "runbook": f"/clusters/{watched.cluster}/runbook?node=uccx1.example.com",
    }  # fmt: skip
    with open_tab(browser, watched.service.url) as tab:
        tab.sign_in("administrator")
        for name, path in pages.items():
            tab.go(path)
            faults += tab.faults(name)

    assert not faults, "\n".join(faults)


def test_a_test_is_sent_and_what_is_dead_is_retried(tab: Tab, watched: Watched) -> None:
    tab.go("/notices")
    before = len(watched.post.letters)
    tab.page.click("text=Send a test")

    expect(tab.page.locator(".finding")).to_contain_text("Part of the test could not be sent.")
    assert len(watched.post.letters) == before + 1
    table = tab.page.locator("table")
    expect(table).to_contain_text("550 no such mailbox")
    expect(table).to_contain_text("the webhook server cannot be reached")
    assert "s3cret" not in tab.page.content()

    watched.post.knows_all = True
    tab.page.click("text=Retry selected")
    expect(tab.page.locator(".finding")).to_contain_text("The messages are queued again.")
    tab.go("/jobs")
    tab.page.click("[aria-label='Run outbox now']")
    expect(tab.page.locator("#outbox")).to_contain_text("done")
    tab.go(f"/notices/messages?q={_WRONG}&state=dead")
    expect(tab.page.locator("main")).to_contain_text("No matches.")
    watched.post.knows_all = False


def test_a_calendar_is_made_read_and_ended(tab: Tab) -> None:
    tab.go("/account")
    tab.page.click("text=Create calendar link")
    address = tab.page.inner_text("#calendar-address")

    answer = tab.page.request.get(address)
    assert answer.text().startswith("BEGIN:VCALENDAR")
    assert "uccx2.example.com: certificate ends" in answer.text()
    assert tab.faults("calendar") == []
    tab.page.click("text=Revoke link")
    expect(tab.page.locator("text=Create calendar link")).to_be_visible()
    assert tab.page.request.get(address).status == 404


def test_a_plain_server_is_renewed_by_a_button(tab: Tab, watched: Watched) -> None:
    tab.go(f"/certificates/{watched.server}")
    tab.page.click("button:has-text('Renew')")

    tab.page.wait_for_url("**/issued?serial=*")
    expect(tab.page.locator("main")).to_contain_text("web1.example.com")
    tab.go(f"/certificates/{watched.server}")
    expect(tab.page.locator(".finding")).to_contain_text("This certificate is superseded by a newer one.")


def test_from_what_comes_the_way_leads_to_the_new_request_of_the_node(tab: Tab, watched: Watched) -> None:
    tab.go("/notices?q=uccx2")
    tab.page.click("tbody a")

    tab.page.wait_for_url("**/runbook?node=uccx2.example.com")
    expect(tab.page.locator("main")).to_contain_text("Generate the CSR for tomcat-ECDSA on uccx2.example.com")
    tab.go(f"/certificates/{watched.node}")
    tab.page.click("text=Drop it on the board of the cluster")
    tab.page.wait_for_url(f"**/clusters/{watched.cluster}")


def test_who_decides_and_who_asks_get_mail_at_the_addresses_of_their_accounts(
    browser: Browser, watched: Watched
) -> None:
    installation = watched.service.installation
    for name, role in (("carol", Role.APPROVER), ("anna", Role.REQUESTER)):
        installation.accounts.create(OPERATOR, name, role, PASSWORD)
        with open_tab(browser, watched.service.url) as tab:
            tab.sign_in(name)
            tab.go("/account")
            tab.page.fill("#mail_address", f"{name}@example.com")
            tab.page.click("text=Save")
            expect(tab.page.locator("[role=status]").first).to_contain_text("The mail address is changed.")
    carol, anna = (installation.accounts.get(name).actor for name in ("carol", "anna"))
    [waiting] = installation.issuance.issue(anna, [_server("web3")], Options(profile="server")).waiting
    assert _told(watched) == {"voice@example.com", "carol@example.com"}
    installation.requests.refuse(carol, waiting.id, "Another name.")
    assert _told(watched) == {"voice@example.com", "anna@example.com"}


def _told(watched: Watched) -> set[str]:
    """Run the jobs; the recipients of the mail that they sent."""
    before = len(watched.post.letters)
    for job in ("request-notices", "outbox"):
        watched.service.installation.jobs.run(OPERATOR, job)
    return {str(message_from_bytes(letter)["To"]) for letter in watched.post.letters[before:]}
