"""News is sent once: requests that wait, decisions, and certificates that are not served."""

from __future__ import annotations

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.issuance.examination import Options
from ca_service.authority.jobs import Outcome
from ca_service.authority.notices import updates
from ca_service.authority.notices.records import Message, MessageQuery
from ca_service.vos.purposes import TOMCAT_ECDSA
from ca_service.vos.runbook import upload_key, verify_key
from tests.support.factories import OPERATOR, PASSWORD, Lab, actor
from tests.support.fleet import PUBLISHER
from tests.support.notices import RECIPIENT, RecordingChannel
from tests.support.requests import THREE_NODES, UCCX_PUBLISHER

ANNA, CAROL = actor(Role.REQUESTER), actor(Role.APPROVER)


@pytest.fixture
def lab() -> Lab:
    """A lab with mail, in which a person decides."""
    return Lab(channels=(RecordingChannel(),), rules=()).initialised()


def told(lab: Lab, job: str = "request-notices") -> list[Message]:
    """Run the job; the messages that it has written, the oldest first."""
    query = MessageQuery(sort="oldest", limit=1000)
    before = {each.id for each in lab.deliveries.list_messages(OPERATOR, query).items}
    assert lab.jobs.run(OPERATOR, job).outcome is Outcome.DONE
    return [each for each in lab.deliveries.list_messages(OPERATOR, query).items if each.id not in before]


def waiting(lab: Lab, *data: bytes) -> list[int]:
    """Requests that wait; their numbers."""
    return [each.id for each in lab.issuance.issue(ANNA, list(data), Options()).waiting]


def test_what_was_submitted_together_is_one_message_and_sent_once(lab: Lab) -> None:
    numbers = waiting(lab, *(each.data for each in THREE_NODES))

    [message] = told(lab)
    assert message.subject == "uccx1.example.com and 2 more: requested by requester, waiting for a decision"
    assert message.text.startswith(
        "requester asks for 3 certificates:\n  uccx1.example.com, tomcat-ECDSA\n"
        "  uccx2.example.com, tomcat-ECDSA\n  sm1.example.com, tomcat-ECDSA\n\n"
        "Next: approve or refuse.\nhttps://ca.example.com/requests\n"
    )
    assert message.event["type"] == "request.submitted"
    data = message.event["data"]
    assert isinstance(data, dict)
    assert [(each["id"], each["purpose"]) for each in data["requests"]] == [
        (number, "tomcat-ECDSA") for number in numbers
    ]
    assert told(lab) == []


def test_many_that_wait_hide_no_new_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "_PAGE", 1)
    waiting(lab, UCCX_PUBLISHER.data)
    assert len(told(lab)) == 1
    waiting(lab, *(each.data for each in THREE_NODES[1:]))
    [message] = told(lab)
    assert message.subject.startswith("uccx2.example.com and 1 more: ")


def test_two_submissions_are_two_messages_with_their_pages(lab: Lab) -> None:
    one, *_ = waiting(lab, UCCX_PUBLISHER.data)
    lab.clock.advance(minutes=1)
    other, *_ = waiting(lab, THREE_NODES[1].data)
    assert [f"/requests/{number}\n" in each.text for number, each in zip((one, other), told(lab), strict=True)] == [
        True,
        True,
    ]


def test_a_decision_is_told_with_its_note_and_the_next_step(lab: Lab) -> None:
    first, second, third = waiting(lab, *(each.data for each in THREE_NODES))
    told(lab)
    lab.requests.approve(CAROL, first, "fine")
    lab.requests.refuse(CAROL, second, "Wrong name.")
    lab.requests.withdraw(ANNA, third, "")

    issued, refused = told(lab)
    assert issued.subject == "uccx1.example.com: approved by approver"
    assert "For requester: a certificate approved by approver." in issued.text
    assert "Next: download the bundle" in issued.text
    assert refused.subject == "uccx2.example.com: refused by approver"
    assert "Note: Wrong name." in refused.text
    assert refused.event["type"] == "request.decided"
    assert told(lab) == []


def test_a_request_that_was_decided_before_it_was_announced_is_no_news(lab: Lab) -> None:
    [number] = waiting(lab, UCCX_PUBLISHER.data)
    lab.requests.approve(CAROL, number)
    assert told(lab) == []


def with_mail(lab: Lab, *people: tuple[str, Role, str]) -> None:
    """Accounts with these mail addresses."""
    for name, role, address in people:
        lab.accounts.create(OPERATOR, name, role, PASSWORD, address)


def test_people_get_what_they_can_decide_and_the_decision_on_their_own_each_once(lab: Lab) -> None:
    with_mail(
        lab,
        ("requester", Role.REQUESTER, "anna@example.com"),
        ("carol", Role.APPROVER, "Carol@example.com"),
        ("carla", Role.APPROVER, "carol@example.com"),  # a second account of the same person
        ("root", Role.ADMINISTRATOR, RECIPIENT.upper()),  # a configured recipient too
        ("gone", Role.ADMINISTRATOR, "gone@example.com"),
        ("mute", Role.APPROVER, ""),
        ("vera", Role.AUDITOR, "vera@example.com"),
    )
    lab.accounts.set_disabled(OPERATOR, "gone", True)
    [number] = waiting(lab, UCCX_PUBLISHER.data)

    assert [each.recipient for each in told(lab)] == [RECIPIENT, "Carol@example.com"]
    lab.requests.refuse(CAROL, number, "Wrong name.")
    assert [each.recipient for each in told(lab)] == [RECIPIENT, "anna@example.com"]
    assert told(lab) == []


def test_who_asks_and_may_decide_on_others_gets_no_mail_about_their_own_that_waits(lab: Lab) -> None:
    with_mail(lab, ("carol", Role.APPROVER, "carol@example.com"), ("carl", Role.APPROVER, "carl@example.com"))
    lab.issuance.issue(lab.accounts.get("carol").actor, [UCCX_PUBLISHER.data], Options())
    assert [each.recipient for each in told(lab)] == [RECIPIENT, "carl@example.com"]


def test_people_get_no_messages_by_a_webhook() -> None:
    lab = Lab(channels=(RecordingChannel("webhook", ("https://hook.example",)),), rules=()).initialised()
    with_mail(lab, ("carol", Role.APPROVER, "carol@example.com"))
    waiting(lab, UCCX_PUBLISHER.data)
    assert [each.recipient for each in told(lab)] == ["https://hook.example"]


def test_without_a_channel_or_by_the_settings_there_is_no_news() -> None:
    silent = Lab(channels=(), rules=()).initialised()
    waiting(silent, UCCX_PUBLISHER.data)
    assert told(silent) == []
    unwanted = Lab(channels=(RecordingChannel(),), rules=(), announces_requests=False).initialised()
    waiting(unwanted, UCCX_PUBLISHER.data)
    assert told(unwanted) == []


def test_text_of_a_person_stays_on_its_line(lab: Lab) -> None:
    [number] = waiting(lab, UCCX_PUBLISHER.data)
    told(lab)
    lab.requests.refuse(CAROL, number, "one\ntwo")
    [message] = told(lab)
    assert "\ntwo" not in message.text


def in_cluster(lab: Lab) -> CertificateRecord:
    """A certificate in a slot."""
    cluster = lab.fleet.create(OPERATOR, "Contact centre", [PUBLISHER])
    placement = Placement(UCCX_PUBLISHER.data, cluster.nodes[0].id, "tomcat-ECDSA", is_multi_server=False)
    return lab.fleet.sign(OPERATOR, cluster.id, [placement], Options()).certificates[0]


def test_a_certificate_that_is_not_served_after_three_days_is_told_once(lab: Lab) -> None:
    record = in_cluster(lab)
    lab.clock.advance(days=2, hours=23)
    assert told(lab, "not-served") == []
    lab.clock.advance(hours=2)

    [message] = told(lab, "not-served")
    assert message.subject == "Contact centre: issued 3 days ago and not yet presented"
    assert "  uccx1.example.com, tomcat-ECDSA: issued\n" in message.text
    assert "https://ca.example.com/clusters/1\n" in message.text
    data = message.event["data"]
    assert isinstance(data, dict)
    assert [each["serial_number"] for each in data["certificates"]] == [record.serial_number]
    lab.clock.advance(days=1)
    assert told(lab, "not-served") == []


def test_what_is_served_or_old_is_not_told(lab: Lab) -> None:
    record = in_cluster(lab)
    keys = {make(TOMCAT_ECDSA, record.serial_number): "" for make in (upload_key, verify_key)}
    for key in keys:
        lab.fleet.mark(OPERATOR, 1, key, done=True, known=keys)
    lab.clock.advance(days=4)
    assert told(lab, "not-served") == []

    old = Lab(channels=(RecordingChannel(),)).initialised()
    in_cluster(old)
    old.clock.advance(days=31)
    assert told(old, "not-served") == []


def test_no_such_news_where_the_settings_say_zero_days() -> None:
    lab = Lab(channels=(RecordingChannel(),), unserved_after=None).initialised()
    in_cluster(lab)
    lab.clock.advance(days=4)
    assert told(lab, "not-served") == []
