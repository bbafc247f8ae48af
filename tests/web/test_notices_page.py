"""The pages of notices and jobs: what comes, what was sent, what could not be, what is done again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service import web
from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.notices.records import Failure
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.fleet import PUBLISHER
from tests.support.notices import RECIPIENT, RecordingChannel
from tests.support.requests import THREE_NODES
from tests.support.statements import statements
from tests.web.html import read
from tests.web.visitor import Visitor, sign_in


def administrator_of(lab: Lab) -> Visitor:
    """An administrator in front of a lab."""
    lab.initialised().accounts.create(OPERATOR, Role.ADMINISTRATOR.value, Role.ADMINISTRATOR, PASSWORD)
    options = web.WebOptions(secret_key="x" * 32, session_lifetime=timedelta(days=1000))
    return sign_in(web.create(lab, options), Role.ADMINISTRATOR)


@pytest.fixture
def channel() -> RecordingChannel:
    """Mail."""
    return RecordingChannel()


@pytest.fixture
def lab(channel: RecordingChannel) -> Lab:
    """A lab with mail."""
    return Lab(channels=(channel,))


@pytest.fixture
def administrator(lab: Lab) -> Visitor:
    """Return a visitor who may see the notices."""
    return administrator_of(lab)


def issue(lab: Lab, days: int) -> list[str]:
    """Certificates of three nodes that end in so many days."""
    data = [request.data for request in THREE_NODES]
    issued = lab.issuance.issue(OPERATOR, data, Options(validity_days=days))
    return [each.serial_number for each in issued.certificates]


def test_the_page_tells_what_comes_and_when_the_next_notice_is_due(lab: Lab, administrator: Visitor) -> None:
    issue(lab, 100)

    page = administrator.page("/notices")

    assert "uccx1.example.com" in page.text
    assert (lab.clock() + timedelta(days=100)).date().isoformat() in page.text
    assert (lab.clock() + timedelta(days=10)).date().isoformat() in page.text
    assert "Generate a new CSR on uccx1.example.com" in page.text
    assert RECIPIENT in page.text


def test_what_comes_can_be_searched_at_an_address_that_can_be_passed_on(lab: Lab, administrator: Visitor) -> None:
    issue(lab, 100)

    found = administrator.page("/notices?q=UCCX2")

    assert "uccx2.example.com" in found.text
    assert "uccx1.example.com" not in found.text
    assert "No matches." in administrator.page("/notices?q=nobody").text


def test_the_page_takes_the_same_few_statements_however_many_clusters_there_are(
    signed_in: Callable[[Role], Visitor], installation: Installation
) -> None:
    administrator, counts = signed_in(Role.ADMINISTRATOR), []
    for number, request in enumerate(THREE_NODES):
        node = replace(PUBLISHER, fqdn=f"{request.name}.example.com")
        cluster = installation.fleet.create(OPERATOR, f"Site {number}", [node])
        placement = Placement(request.data, cluster.nodes[0].id, "tomcat-ECDSA", is_multi_server=False)
        installation.fleet.sign(OPERATOR, cluster.id, [placement], Options(validity_days=100))
        administrator.page("/notices")
        with statements() as seen:
            administrator.page("/notices")
        counts.append(len(seen))

    assert len(set(counts)) == 1, counts


def test_without_a_channel_the_page_says_so_with_the_settings_that_are_missing() -> None:
    administrator = administrator_of(Lab(channels=()))

    page = administrator.page("/notices")

    assert "No notifications are being sent." in page.text
    for setting in ("mail.host", "mail.recipients", "webhook.url", "webhook.secret"):
        assert setting in page.text
    refused = administrator.post("/notices/test")
    assert (refused.status_code, read(refused.text).blocking) == (503, ["notices.no-channel"])


def test_a_test_is_sent_and_shown(administrator: Visitor, channel: RecordingChannel) -> None:
    answer = administrator.post("/notices/test", follow_redirects=True)

    assert [message.subject for message in channel.sent] == ["Test of ca_service"]
    assert "The test message was accepted." in read(answer.text).text
    assert "Test of ca_service" in read(answer.text).text


def test_a_test_that_fails_tells_why(administrator: Visitor, channel: RecordingChannel) -> None:
    channel.failure = Failure("the mail server closed the connection")

    page = read(administrator.post("/notices/test", follow_redirects=True).text)

    assert "Part of the test could not be sent." in page.text
    assert "the mail server closed the connection" in page.text
    assert "1 attempt" in page.text


def dead_message(administrator: Visitor, channel: RecordingChannel) -> None:
    """Leave a message that was refused for good."""
    channel.failure = Failure("550 no such box", is_final=True)
    administrator.post("/notices/test")
    channel.failure = None


def test_a_dead_message_is_shown_with_its_error_and_can_be_retried(
    lab: Lab, administrator: Visitor, channel: RecordingChannel
) -> None:
    dead_message(administrator, channel)
    assert "1 failed" in administrator.page("/notices").text

    page = administrator.page("/notices/messages?state=dead")
    assert "550 no such box" in page.text
    answer = administrator.post("/notices/messages/retry", {"message": page.values("message")}, follow_redirects=True)

    assert "The next attempt follows within a minute." in read(answer.text).text
    assert lab.deliveries.deliver_due() == 1


@pytest.mark.parametrize(
    ("chosen", "status", "rule"),
    [
        ([], 400, "message.none-chosen"),
        (["x", "-1", "9" * 30, "\u0663"], 400, "message.none-chosen"),
        (["7"], 404, "message.unknown"),
        (["1"], 409, "message.not-dead"),
    ],
)
def test_what_cannot_be_retried_is_refused_with_what_to_do(
    administrator: Visitor, chosen: list[str], status: int, rule: str
) -> None:
    administrator.post("/notices/test")

    answer = administrator.post("/notices/messages/retry", {"message": chosen})

    assert (answer.status_code, read(answer.text).blocking) == (status, [rule])


def test_messages_are_searched_filtered_and_sorted_at_an_address(
    administrator: Visitor, channel: RecordingChannel
) -> None:
    dead_message(administrator, channel)
    administrator.post("/notices/test")

    def count(query: str) -> int:
        return administrator.get(f"/notices/messages{query}").text.count("<details>")

    assert [count(query) for query in ("", "?state=dead", "?state=sent", "?q=VOICE", "?q=nobody")] == [2, 1, 1, 2, 0]
    assert [count(query) for query in ("?sort=oldest", "?sort=x&state=x", "?q=%00")] == [2, 2, 0]
    assert administrator.get("/notices/messages?cursor=x").status_code == 400


def test_long_lists_go_on_on_a_next_page(lab: Lab, administrator: Visitor) -> None:
    for _ in range(51):
        lab.deliveries.test(OPERATOR)

    [following] = [link for link in administrator.page("/notices/messages").links if "cursor=" in link]

    assert administrator.get(following).text.count("<details>") == 1


def test_the_jobs_are_shown_with_how_they_went_and_can_be_done_now(lab: Lab, administrator: Visitor) -> None:
    assert administrator.page("/jobs").text.count("never") >= 2

    answer = administrator.post("/jobs/outbox/run", follow_redirects=True)

    assert "The job has finished." in read(answer.text).text
    assert lab.jobs.states()[1].run.started_at == lab.clock()


def test_a_job_that_there_is_not_is_not_found(administrator: Visitor) -> None:
    answer = administrator.post("/jobs/play/run")

    assert (answer.status_code, read(answer.text).blocking) == (404, ["job.unknown"])


def test_only_an_administrator_finds_the_way_there(signed_in: Callable[[Role], Visitor]) -> None:
    for role in Role:
        links = signed_in(role).page("/authority").links
        assert ("/notices" in links) is ("/jobs" in links) is (role is Role.ADMINISTRATOR)
