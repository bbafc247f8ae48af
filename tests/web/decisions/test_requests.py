"""The queue and the page of a request: who sees what, who decides, and what everybody is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.authority.revocation.records import Selection
from ca_service.errors import Rule
from ca_service.pki.reasons import Reason
from ca_service.settings import Settings
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.schema import application
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support import pkcs10
from tests.support.factories import OPERATOR, event
from tests.support.fakes import NOON
from tests.support.requests import SOCIALMINER, THREE_NODES, UCCX_PUBLISHER, key, subject, usages
from tests.web.html import Page, read
from tests.web.visitor import Visitor, upload

SignedIn = Callable[[Role], Visitor]


@pytest.fixture
def waiting(installation: Installation) -> RequestRecord:
    """Return the requests of the requester."""
    who = installation.accounts.get("requester").actor
    (found,) = installation.issuance.issue(who, [UCCX_PUBLISHER.data], Options()).waiting
    return found


def submit(visitor: Visitor, *requests: object) -> str:
    """Have these signed as the page offers it; where one lands."""
    review = read(visitor.check(*(upload(each) for each in requests)).text)  # type: ignore[arg-type]
    answer = visitor.sign(review)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def hosts(page: Page) -> list[str]:
    return [text for text in page.texts if text.endswith(".example.com") and not text.startswith("DNS:")]


def test_who_submits_lands_on_the_request_and_is_told_what_happens_next(requester: Visitor) -> None:
    location = submit(requester, UCCX_PUBLISHER)
    assert location == "/requests/1?submitted=1"
    page = requester.page(location)
    assert "The request is waiting for approval." in page.text
    assert "it then shows the certificate to download" in page.text
    assert "Next: decision" in page.text
    assert "Withdraw request" in page.text
    assert "Approve and sign" not in page.text


def test_from_where_somebody_came_is_told_to_those_who_may_read_the_record(
    signed_in: SignedIn, installation: Installation
) -> None:
    who = replace(installation.accounts.get("requester").actor, origin="192.0.2.7")
    installation.issuance.issue(who, [UCCX_PUBLISHER.data], Options())
    told = {role for role in Role if "192.0.2.7" in signed_in(role).page("/requests/1").text}
    assert told == {Role.ADMINISTRATOR, Role.AUDITOR}


def test_who_submits_several_lands_on_the_list(requester: Visitor) -> None:
    location = submit(requester, *THREE_NODES)
    assert location == "/requests?state=all&submitted=3"
    page = requester.page(location)
    assert "3 requests are waiting for approval." in page.text
    assert hosts(page) == ["sm1.example.com", "uccx2.example.com", "uccx1.example.com"]


def test_the_button_says_that_it_only_submits(requester: Visitor, approver: Visitor) -> None:
    for visitor, said in ((requester, "Submit 1 request"), (approver, "Sign 1 certificate")):
        assert said in read(visitor.check(upload(UCCX_PUBLISHER)).text).text


def test_who_may_approve_lands_on_the_certificate(approver: Visitor) -> None:
    assert submit(approver, UCCX_PUBLISHER).startswith("/issued?serial=")
    page = approver.page("/requests/1")
    assert "by rule approvers because the requester has the role approver" in page.text


def test_the_queue_shows_what_waits_oldest_first_and_how_many(
    installation: Installation, requester: Visitor, approver: Visitor
) -> None:
    submit(requester, *THREE_NODES)
    installation.requests.refuse(OPERATOR, 2, "no")
    page = approver.page("/requests")
    assert "2 requests are waiting for a decision" in page.text
    assert hosts(page) == ["uccx1.example.com", "sm1.example.com"]
    assert hosts(approver.page("/requests?state=refused")) == ["uccx2.example.com"]
    assert hosts(approver.page("/requests?state=all&sort=newest&q=uccx")) == ["uccx2.example.com", "uccx1.example.com"]


def test_a_queue_in_which_nothing_waits_says_so(approver: Visitor, requester: Visitor) -> None:
    assert "No requests are waiting for a decision." in approver.page("/requests").text
    assert "There are no requests yet." in requester.page("/requests").text


@pytest.mark.parametrize("query", ["state=nonsense", "sort=x", "q=" + "x" * 300, "submitted=x", "submitted=9999"])
def test_an_address_with_nonsense_shows_the_queue(approver: Visitor, query: str) -> None:
    assert approver.get(f"/requests?{query}").status_code == 200


def test_a_cursor_of_another_list_is_refused(approver: Visitor) -> None:
    assert read(approver.get("/requests?cursor=x").text).blocking == ["list.cursor"]


def test_a_requester_sees_their_own_requests_only(
    installation: Installation, waiting: RequestRecord, requester: Visitor
) -> None:
    installation.issuance.issue(installation.accounts.get("approver").actor, [SOCIALMINER.data], Options())
    assert hosts(requester.page("/requests?state=all")) == [waiting.host]


@pytest.mark.parametrize(("role", "expected"), [(role, role is not Role.AUDITOR) for role in Role])
def test_the_navigation_offers_requests_to_those_who_have_some(signed_in: SignedIn, role: Role, expected: bool) -> None:
    assert ("/requests" in signed_in(role).page("/").links) is expected


def test_an_approval_issues_and_the_requester_finds_the_download(
    waiting: RequestRecord, approver: Visitor, requester: Visitor
) -> None:
    assert "Approve and sign" in approver.page("/requests/1").text
    answer = approver.post("/requests/1/approve", {"note": "fine"})
    assert (answer.status_code, answer.location) == (303, "/requests/1")
    page = requester.page("/requests/1")
    assert "Approved by approver" in page.text
    assert "fine" in page.text
    (download,) = [link for link in page.links if link.endswith("download?format=zip")]
    assert requester.get(download).content_type == "application/zip"
    assert waiting.host in page.text


def test_a_refusal_shows_its_note_to_the_requester(
    waiting: RequestRecord, approver: Visitor, requester: Visitor
) -> None:
    note = "The parent domain <b>is</b> wrong.\nAsk again."
    assert approver.post(f"/requests/{waiting.id}/refuse", {"note": note}).status_code == 303
    answer = requester.get("/requests/1")
    assert "Note from approver:" in answer.text
    assert "The parent domain &lt;b&gt;is&lt;/b&gt; wrong.\nAsk again." in answer.text
    assert "create a new CSR if needed" in answer.text
    assert "Submit again" in answer.text
    own = approver.page("/requests/1")
    assert "requester can submit it again; the refusal itself stays." in own.text
    assert "Submit again" not in own.text


def test_who_was_refused_submits_again_with_one_press(waiting: RequestRecord, requester: Visitor) -> None:
    assert "Submit again" not in requester.page("/requests/1").text
    requester.post(f"/requests/{waiting.id}/withdraw")
    assert "Submit again" in requester.page("/requests/1").text
    answer = requester.post("/requests/1/submit-again")
    assert (answer.status_code, answer.location) == (303, "/requests/2?submitted=1")


def test_who_may_approve_by_now_lands_on_the_certificate_after_submitting_again(
    installation: Installation, waiting: RequestRecord, requester: Visitor
) -> None:
    installation.requests.withdraw(OPERATOR, waiting.id)
    installation.accounts.set_role(OPERATOR, "requester", Role.APPROVER)
    requester.sign_in("requester")
    answer = requester.post("/requests/1/submit-again")
    assert answer.status_code == 303
    assert str(answer.location).startswith("/issued?serial=")


def test_what_cannot_be_submitted_again_is_told_on_its_page(waiting: RequestRecord, requester: Visitor) -> None:
    answer = requester.post(f"/requests/{waiting.id}/submit-again")
    assert (answer.status_code, read(answer.text).blocking) == (409, ["request.again-open"])
    assert "waiting for approval" in answer.text


def test_after_an_approval_the_page_leads_to_the_revocation(
    installation: Installation, waiting: RequestRecord, approver: Visitor, requester: Visitor
) -> None:
    found = installation.requests.approve(OPERATOR, waiting.id)
    form = f"/revoke?serial={found.serial_number}"
    page = approver.page("/requests/1")
    assert "Signed. To take it back, revoke it" in page.text
    assert form in page.links
    assert form not in requester.page("/requests/1").links
    assert waiting.host in approver.page(form).text


def test_a_refusal_without_a_note_keeps_the_request(waiting: RequestRecord, approver: Visitor) -> None:
    answer = approver.post(f"/requests/{waiting.id}/refuse", {"note": " "})
    assert (answer.status_code, read(answer.text).blocking) == (400, ["request.note"])
    assert "waiting for approval" in answer.text


def test_a_note_that_is_too_long_comes_back_to_be_shortened(waiting: RequestRecord, approver: Visitor) -> None:
    answer = approver.post(f"/requests/{waiting.id}/refuse", {"note": "tell " * 300})
    assert answer.status_code == 400
    assert "tell tell tell" in answer.text


def test_who_comes_second_is_told_who_was_first(
    installation: Installation, waiting: RequestRecord, approver: Visitor
) -> None:
    installation.requests.refuse(OPERATOR, waiting.id, "no")
    answer = approver.post(f"/requests/{waiting.id}/approve")
    assert (answer.status_code, read(answer.text).blocking) == (409, ["request.decided"])
    assert "refused by operator" in read(answer.text).text


def test_a_requester_withdraws_what_they_have_submitted(
    installation: Installation, waiting: RequestRecord, requester: Visitor
) -> None:
    assert requester.post(f"/requests/{waiting.id}/withdraw").status_code == 303
    assert "withdrawn" in requester.page(f"/requests/{waiting.id}").text
    assert installation.requests.get(OPERATOR, waiting.id).state is State.WITHDRAWN


@pytest.mark.parametrize(
    ("role", "verb", "rule"),
    [
        (Role.REQUESTER, "approve", "permission.missing"),
        (Role.REQUESTER, "refuse", "permission.missing"),
        (Role.AUDITOR, "approve", "permission.missing"),
        (Role.AUDITOR, "withdraw", "permission.missing"),
        (Role.APPROVER, "withdraw", "request.not-own"),
    ],
)
def test_who_may_not_is_refused(
    installation: Installation, waiting: RequestRecord, signed_in: SignedIn, role: Role, verb: str, rule: str
) -> None:
    answer = signed_in(role).post(f"/requests/{waiting.id}/{verb}", {"note": "x"})
    assert (answer.status_code, read(answer.text).blocking) == (403, [rule])
    assert installation.requests.get(OPERATOR, waiting.id) == waiting


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_nobody_decides_about_their_own(installation: Installation, signed_in: SignedIn, verb: str) -> None:
    """Who is an administrator now was a requester when it was submitted."""
    before = replace(installation.accounts.get("administrator").actor, role=Role.REQUESTER)
    (own,) = installation.issuance.issue(before, [SOCIALMINER.data], Options()).waiting
    administrator = signed_in(Role.ADMINISTRATOR)
    page = administrator.page(f"/requests/{own.id}")
    assert "Approve and sign" not in page.text
    assert "You submitted this request. Another approver must decide." in page.text
    answer = administrator.post(f"/requests/{own.id}/{verb}", {"note": "x"})
    assert (answer.status_code, read(answer.text).blocking) == (403, ["request.own"])


@pytest.mark.parametrize("number", ["0", "7", str(2**40), "9" * 40])
def test_a_request_that_is_not_there_is_not_found(approver: Visitor, number: str) -> None:
    assert approver.get(f"/requests/{number}").status_code == 404
    assert approver.post(f"/requests/{number}/approve").status_code == 404


def test_the_page_shows_what_changes_for_the_host(installation: Installation, approver: Visitor) -> None:
    installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
    recipe = pkcs10.Recipe(
        key("uccx1 once more"),
        subject("uccx1-EC.example.com"),
        (
            *usages(("digitalSignature", "keyEncipherment"), ("serverAuth", "clientAuth")),
            pkcs10.hosts("example.com", "uccx1.example.com", "agents.example.com"),
        ),
    )
    who = installation.accounts.get("requester").actor
    (found,) = installation.issuance.issue(who, [pkcs10.pem(recipe.der())], Options()).waiting
    text = approver.page(f"/requests/{found.id}").text
    assert "Changes for" in text
    assert "different key" in text
    assert "new DNS:agents.example.com" in text


def test_the_page_says_where_there_is_nothing_to_compare_with(waiting: RequestRecord, approver: Visitor) -> None:
    assert (
        "has no valid tomcat-ECDSA certificate from this authority yet" in approver.page(f"/requests/{waiting.id}").text
    )


def test_the_page_offers_the_next_one_after_a_decision(
    installation: Installation, requester: Visitor, approver: Visitor
) -> None:
    submit(requester, *THREE_NODES)
    assert "/requests/2" not in approver.page("/requests/1").links
    installation.requests.refuse(OPERATOR, 1, "no")
    assert "/requests/2" in approver.page("/requests/1").links


def test_what_has_failed_says_why_and_can_be_tried_again(
    installation: Installation, settings: Settings, waiting: RequestRecord, approver: Visitor, requester: Visitor
) -> None:
    store = SQLRequestStore(SQLiteDatabase(settings.instance_path / "ca.sqlite3"))
    why = (Rule("authority.expired", "The authority has ended.", "Make a new one.").at(),)
    failed = replace(waiting.decided(State.FAILED, OPERATOR, NOON, "fine"), failure=why)
    assert store.move(failed, State.SUBMITTED, event())
    assert "Nothing was issued." in requester.page("/requests/1").text
    assert "/requests?state=failed" in approver.page("/requests").links
    page = approver.page("/requests/1")
    assert page.blocking == ["authority.expired"]
    assert "Try again" in page.text
    assert approver.post("/requests/1/approve").status_code == 303
    assert installation.requests.get(OPERATOR, 1).state is State.ISSUED


def test_a_submission_says_in_the_list_of_findings_that_a_person_decides(requester: Visitor) -> None:
    page = read(requester.check(upload(UCCX_PUBLISHER)).text)
    assert ("note", "approval.needed") in page.findings


def test_the_menu_counts_the_waiting_requests_for_those_who_decide(requester: Visitor, approver: Visitor) -> None:
    requester.sign(read(requester.check(upload(UCCX_PUBLISHER)).text))

    for path in ("/clusters", "/api"):
        assert "Requests 1 waiting" in approver.page(path).text
    assert "waiting" not in requester.page("/clusters").text


def test_the_certificate_of_a_request_is_not_offered_once_it_is_revoked(
    requester: Visitor, installation: Installation, waiting: RequestRecord
) -> None:
    serial = installation.requests.approve(OPERATOR, waiting.id).serial_number or ""
    assert 'class="button big"' in requester.get(f"/requests/{waiting.id}").text
    installation.revocation.revoke(OPERATOR, Selection((serial,)), Reason.SUPERSEDED)
    for path in (f"/requests/{waiting.id}", f"/issued?serial={serial}"):
        page = requester.get(path).text
        assert 'class="button big"' not in page
        assert "evoked or on hold" in page


def test_the_token_of_a_submission_is_a_word_of_its_own(
    approver: Visitor, settings: Settings, waiting: RequestRecord
) -> None:
    database = SQLiteDatabase(settings.instance_path / "ca.sqlite3")
    with database.write() as connection:
        connection.execute(update(application).values(token="renewal script"))
    database.close()
    assert "by requester with the token \u201crenewal script\u201d" in approver.page(f"/requests/{waiting.id}").text
