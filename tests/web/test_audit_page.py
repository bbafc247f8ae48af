"""The record on its page: for those who may read it, whatever was typed; and as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.verifying import verify
from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.settings import Settings
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.sqlite import SQLiteDatabase
from ca_service.web import sealing
from tests.support.factories import OPERATOR
from tests.support.fakes import NOON
from tests.support.requests import UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor

VERA = Actor(1, "vera", Role.ADMINISTRATOR, "192.0.2.7")


@pytest.fixture
def auditor(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a signed-in auditor."""
    return signed_in(Role.AUDITOR)


@pytest.fixture
def database(app: Flask, settings: Settings) -> Database:
    """Return the database of the application."""
    assert app
    return SQLiteDatabase(settings.instance_path / "ca.sqlite3")


@pytest.fixture
def events(database: Database) -> SQLEventStore:
    """Return the store of the audit log."""
    return SQLEventStore(database)


def shown(visitor: Visitor, query: str) -> list[int]:
    """Return the numbers of the events in page order."""
    ids = visitor.page(f"/audit{query}").ids
    return [int(each.removeprefix("event-")) for each in ids if each.startswith("event-")]


def fill(events: SQLEventStore, count: int) -> None:
    """Record so many sign-ins, a day apart."""
    for number in range(count):
        at = NOON + timedelta(days=number)
        events.add_event(AuditEvent(at, Event.SIGNED_IN, f"user{number}", f"user{number}", {}, "192.0.2.1"))


# Who may


@pytest.mark.parametrize("path", ["/audit", "/audit/download"])
@pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER])
def test_who_may_not_read_the_record_sees_neither_page_nor_file(
    signed_in: Callable[[Role], Visitor], role: Role, path: str
) -> None:
    answer = signed_in(role).get(path)
    assert answer.status_code == 403
    assert read(answer.text).blocking == ["permission.missing"]
    assert "/audit" not in signed_in(role).page("/").links


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_may_read_it_finds_it_in_the_navigation(signed_in: Callable[[Role], Visitor], role: Role) -> None:
    assert "/audit" in signed_in(role).page("/").links


# The page


def test_an_event_is_told_with_who_when_from_where_why_and_its_seal(
    auditor: Visitor, installation: Installation
) -> None:
    [record] = installation.issuance.issue(VERA, [UCCX_PUBLISHER.data], Options()).certificates
    page = auditor.page("/audit?event=certificates")
    assert "A certificate for uccx1.example.com was issued." in page.text
    assert "vera from 192.0.2.7" in page.text
    assert "profile vos" in page.text
    assert f"{record.issued_at:%Y-%m-%d %H:%M:%S}" in page.text
    assert "not sealed yet" in page.text
    assert f"/certificates/{record.serial_number}" in page.links
    installation.sealing.seal_pending()
    assert "seal 1" in auditor.page("/audit?event=certificates").text


def test_the_strip_shows_the_newest_seal_and_whether_there_are_newer_events(
    auditor: Visitor, installation: Installation
) -> None:
    assert "Nothing is sealed yet." in auditor.page("/audit").text
    installation.sealing.seal_pending()
    found = installation.audit_log.head(OPERATOR)
    assert found is not None
    page = auditor.page("/audit")
    assert f"{found.anchor.number}:{found.anchor.hash}" in page.text
    assert "newer events are sealed next" not in page.text
    installation.accounts.create(OPERATOR, "anna", Role.REQUESTER, "four random words")
    assert "newer events are sealed next" in auditor.page("/audit").text


def test_the_list_is_narrowed_down_by_every_field(auditor: Visitor, events: SQLEventStore) -> None:
    first = len(shown(auditor, "")) + 1
    fill(events, 5)
    assert shown(auditor, "?actor=user3") == shown(auditor, "?subject=user3") == shown(auditor, "?q=USER3")
    assert shown(auditor, "?actor=user3") == [first + 3]
    assert shown(auditor, "?since=2026-11-24&until=2026-11-25&actor=&q=user") == [first + 2, first + 1]
    assert shown(auditor, "?event=sign-ins&q=user&sort=oldest") == list(range(first, first + 5))
    assert shown(auditor, "?event=signed-in&q=user4") == [first + 4]
    assert shown(auditor, "?q=%25%00") == []
    assert "No events match." in auditor.page("/audit?q=nowhere").text


def test_what_was_asked_stays_in_the_form_and_in_the_download(auditor: Visitor) -> None:
    page = auditor.page("/audit?q=%3Cb%3E&actor=vera&since=2026-11-01&sort=oldest")
    assert [page.values(name) for name in ("q", "actor", "since")] == [["<b>"], ["vera"], ["2026-11-01"]]
    assert "/audit/download?q=%3Cb%3E&actor=vera&since=2026-11-01" in page.links


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_the_list_goes_on_page_by_page(auditor: Visitor, events: SQLEventStore, sort: str) -> None:
    fill(events, 102)
    query, found = f"?sort={sort}&q=user&event=sign-ins", list[int]()
    for size in (50, 50, 2):
        page = auditor.page(f"/audit{query}")
        numbers = shown(auditor, query)
        assert len(numbers) == size
        found += numbers
        query = next((link.removeprefix("/audit") for link in page.links if "cursor=" in link), "")
    assert query == ""
    assert found == sorted(set(found), reverse=sort == "newest")


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("?since=yesterday", "audit.time"),
        ("?until=2026-02-30", "audit.time"),
        ("?event=birthday", "audit.event-unknown"),
        ("?cursor=forged", "list.cursor"),
        ("?cursor=bmV3ZXN0IC0xIDA", "list.cursor"),
    ],
)
@pytest.mark.parametrize("path", ["/audit", "/audit/download"])
def test_what_cannot_be_asked_is_refused_with_what_to_do(auditor: Visitor, path: str, query: str, rule: str) -> None:
    answer = auditor.get(f"{path}{query}")
    if "cursor" in query and "download" in path:
        assert answer.status_code == 200  # a file has no pages
        return
    assert answer.status_code == 400
    assert read(answer.text).blocking == [rule]


def test_an_event_of_tomorrow_does_not_break_the_page(auditor: Visitor, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE audit_event SET event = 'of.tomorrow' WHERE id = 1"))
    assert "An event that this program does not know: root-g1." in auditor.page("/audit").text


# The file


def lines(visitor: Visitor, path: str) -> Iterator[bytes]:
    answer = visitor.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/jsonl")
    yield from answer.data.splitlines(keepends=True)


def test_the_download_is_the_whole_record_which_holds(auditor: Visitor, installation: Installation) -> None:
    checked = verify(lines(auditor, "/audit/download"))
    assert checked.complete
    found = installation.audit_log.head(OPERATOR)
    assert found is not None
    assert checked.head == found.anchor
    newest = installation.audit_log.list_events(OPERATOR, EventQuery(limit=1)).items[0]
    assert (newest.event, newest.actor, newest.origin) == ("record.exported", "auditor", "127.0.0.1")


def test_the_download_of_a_part_holds_what_the_page_shows(auditor: Visitor) -> None:
    answer = auditor.get("/audit/download?event=authority")
    assert 'filename="audit-log-part.jsonl"' in answer.headers["Content-Disposition"]
    checked = verify(answer.data.splitlines(keepends=True))
    assert (checked.events, checked.complete) == (len(shown(auditor, "?event=authority")), False)


# The history of a thing


def test_the_page_of_a_certificate_tells_its_history(
    requester: Visitor, auditor: Visitor, installation: Installation
) -> None:
    [record] = installation.issuance.issue(VERA, [UCCX_PUBLISHER.data], Options()).certificates
    path = f"/certificates/{record.serial_number}"
    for visitor, sees in ((requester, False), (auditor, True)):
        page = visitor.page(path)
        assert "History" in page.text
        assert "A certificate for uccx1.example.com was issued." in page.text
        assert ("192.0.2.7" in page.text) is sees
        assert (f"/audit?subject={record.serial_number}" in page.links) is sees


def test_the_page_of_a_cluster_tells_its_history(requester: Visitor, installation: Installation) -> None:
    made = installation.fleet.create(VERA, "Lab", [NodeInput("uccx1.example.com", "uccx", "11.5", "publisher")])
    installation.fleet.rename(VERA, made.id, "Centre")
    page = requester.page(f"/clusters/{made.id}")
    assert "The cluster Centre was changed." in page.text
    assert "The cluster Lab was created." in page.text
    assert "192.0.2.7" not in page.text


def test_a_step_is_told_by_its_title_and_one_of_an_older_event_by_its_key(
    auditor: Visitor, installation: Installation, events: SQLEventStore
) -> None:
    node = NodeInput("sm1.example.com", "socialminer", "11.5", "single server")
    made = installation.fleet.create(OPERATOR, "Lab", [node])
    step = installation.handover.board(OPERATOR, made.id).runbook.steps[0]
    installation.handover.mark(OPERATOR, made.id, step.key, done=True)
    events.add_event(AuditEvent.by(VERA, NOON, Event.STEP_DONE, "Old", step="upload/x/1"))

    page = auditor.page("/audit")

    assert f"\u201c{step.title}\u201d in the cluster Lab was marked as done." in page.text
    assert "\u201cupload/x/1\u201d in the cluster Old was marked as done." in page.text


# By itself


def test_a_busy_service_seals_by_itself_after_the_answer(visitor: Visitor, installation: Installation) -> None:
    for _ in range(sealing.EVERY - 1):
        visitor.client.post("/sign-in")
    assert installation.audit_log.head(OPERATOR) is None
    answer = visitor.client.post("/sign-in")
    assert installation.audit_log.head(OPERATOR) is None
    answer.close()
    assert installation.audit_log.head(OPERATOR) is not None


def test_a_service_that_cannot_seal_goes_on(
    visitor: Visitor, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE audit_event SET details = '[]' WHERE id = 1"))
    for _ in range(sealing.EVERY):
        visitor.client.post("/sign-in").close()
    assert "the audit log could not be sealed" in caplog.text
    assert visitor.sign_in("requester").status_code == 302


@pytest.mark.parametrize("rest", ["", "/download", "?subject=vera", "/download?event=tokens"])
def test_an_old_link_leads_to_the_audit_log(auditor: Visitor, rest: str) -> None:
    answer = auditor.get(f"/record{rest}")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"/audit{rest}")


def test_an_old_link_with_bytes_that_are_no_text_still_leads_there(auditor: Visitor) -> None:
    assert auditor.client.get("/record", environ_overrides={"QUERY_STRING": "q=\xff"}).status_code == 301


def test_the_options_of_a_request_are_named_in_words(auditor: Visitor, events: SQLEventStore) -> None:
    details: dict[str, str | int] = {
        "host": "uccx1.example.com",
        "make_new": 1,
        "add_host_name": 1,
        "validity_days": "",
    }
    events.add_event(AuditEvent(NOON, Event.REQUEST_SUBMITTED, "vera", "1", details))
    page = auditor.page("/audit").text
    assert "new certificate even if one exists yes" in page
    assert "host name added yes" in page
    assert "make_new" not in page
    assert "validity days" not in page


def test_options_that_a_request_does_not_use_are_not_shown(auditor: Visitor, events: SQLEventStore) -> None:
    details: dict[str, str | int] = {"host": "uccx1.example.com", "make_new": "", "add_host_name": ""}
    events.add_event(AuditEvent(NOON, Event.REQUEST_SUBMITTED, "vera", "1", details))
    page = auditor.page("/audit").text
    assert "new certificate even if one exists" not in page
    assert "host name added" not in page
