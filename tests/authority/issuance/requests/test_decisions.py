"""Deciding: who may, what becomes of it, and that it happens once whatever goes wrong in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import SCOPES, Actor, Role
from ca_service.authority.audit.events import Event
from ca_service.authority.issuance.decisions import MAX_COUNT, MAX_NOTE
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestQuery, RequestRecord, State, timeline
from ca_service.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ca_service.vos.destinations import Destination
from tests.authority.issuance.requests.people import ANNA, CAROL, VERA, certificates, recorded, submitted
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import FixedClock, InMemoryLedger
from tests.support.pkcs10 import pem
from tests.support.request_records import request_record
from tests.support.requests import THREE_NODES, UCCX_PUBLISHER, node

Decide = Callable[[Lab, Actor, int], RequestRecord]
EVERYTHING = Grant(1, frozenset(SCOPES))
DECISIONS: dict[str, Decide] = {
    "approve": lambda lab, who, number: lab.requests.approve(who, number),
    "refuse": lambda lab, who, number: lab.requests.refuse(who, number, "no"),
}
every_decision = pytest.mark.parametrize("decide", DECISIONS.values(), ids=DECISIONS)


def test_what_is_approved_is_issued(lab: Lab, waiting: RequestRecord, clock: FixedClock) -> None:
    clock.advance(hours=1)
    found = lab.requests.approve(replace(CAROL, origin="192.0.2.7"), waiting.id, " fine ")
    (record,) = certificates(lab)
    assert (found.state, found.serial_number, found.note) == (State.ISSUED, record.serial_number, "fine")
    assert (found.decided_by, found.decided_by_id, found.decided_from) == ("approver", CAROL.account_id, "192.0.2.7")
    assert record.issued_by == "requester"
    assert recorded(lab) == [
        (Event.REQUEST_SUBMITTED, "requester", "1"),
        (Event.REQUEST_APPROVED, "approver", "1"),
        (Event.CERTIFICATE_ISSUED, "approver", record.serial_number),
        (Event.REQUEST_ISSUED, "approver", "1"),
    ]
    assert [(each.state, each.by) for each in timeline(found)] == [
        (State.SUBMITTED, "requester"),
        (State.APPROVED, "approver"),
        (State.ISSUED, ""),
    ]


def test_what_is_refused_is_not_issued_and_keeps_the_note(lab: Lab, waiting: RequestRecord) -> None:
    found = lab.requests.refuse(CAROL, waiting.id, "The parent domain is wrong.\r\nAsk again.")
    assert (found.state, found.note) == (State.REFUSED, "The parent domain is wrong.\nAsk again.")
    assert lab.requests.get(ANNA, waiting.id) == found
    assert certificates(lab) == ()
    assert recorded(lab)[-1] == (Event.REQUEST_REFUSED, "approver", "1")
    assert [each.state for each in timeline(found)] == [State.SUBMITTED, State.REFUSED]


@pytest.mark.parametrize("note", ["", "  \n ", "x" * (MAX_NOTE + 1), "a\x00b", "a\u202eb"])
def test_a_refusal_needs_a_note_that_can_be_read(lab: Lab, waiting: RequestRecord, note: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.requests.refuse(CAROL, waiting.id, note)
    expected = "request.note-invalid" if note.strip() else "request.note"
    assert (caught.value.rule, caught.value.findings[0].pointer) == (expected, "/note")
    assert lab.requests.get(ANNA, waiting.id).state is State.SUBMITTED


def test_a_refused_request_is_listed_for_its_requester_for_two_weeks(lab: Lab, waiting: RequestRecord) -> None:
    assert lab.requests.list_refused(ANNA) == ()
    refused = lab.requests.refuse(CAROL, waiting.id, "no")
    assert lab.requests.list_refused(ANNA) == (refused,)
    for other in (CAROL, VERA, OPERATOR):
        assert lab.requests.list_refused(other) == ()
    lab.clock.advance(days=14)
    assert lab.requests.list_refused(ANNA) == (refused,)
    lab.clock.advance(seconds=1)
    assert lab.requests.list_refused(ANNA) == ()


def test_a_refused_request_is_not_listed_once_it_has_a_successor(lab: Lab, waiting: RequestRecord) -> None:
    lab.requests.refuse(CAROL, waiting.id, "no")
    lab.clock.advance(minutes=1)
    again = lab.requests.submit_again(ANNA, waiting.id).waiting[0]
    assert lab.requests.list_refused(ANNA) == ()
    refused = lab.requests.refuse(CAROL, again.id, "still no")
    assert lab.requests.list_refused(ANNA) == (refused,)  # not the first one as well
    lab.clock.advance(minutes=1)
    lab.requests.approve(CAROL, submitted(lab, VERA).id)  # a certificate that another person requested
    assert lab.requests.list_refused(ANNA) == ()


def test_a_refused_request_is_listed_however_many_newer_ones_there_are(lab: Lab, waiting: RequestRecord) -> None:
    refused = lab.requests.refuse(CAROL, waiting.id, "no")
    lab.clock.advance(minutes=1)
    for number in range(RequestQuery().limit + 1):
        name = f"other{number}.example.com"
        lab.issuance.issue(ANNA, [pem(node(f"other{number}-EC.example.com", name).der())], Options())
    assert lab.requests.list_refused(ANNA) == (refused,)


def test_an_older_certificate_or_one_for_another_purpose_is_no_successor(lab: Lab) -> None:
    lab.requests.approve(CAROL, submitted(lab, ANNA).id)
    lab.clock.advance(minutes=1)
    (asked,) = lab.issuance.issue(ANNA, [UCCX_PUBLISHER.data], Options(new=True)).waiting
    refused = lab.requests.refuse(CAROL, asked.id, "no")
    lab.clock.advance(minutes=1)
    options = Options(new=True, destination=Destination("CallManager-ECDSA"))
    (other,) = lab.issuance.issue(ANNA, [UCCX_PUBLISHER.data], options).waiting
    lab.requests.approve(CAROL, other.id)
    assert lab.requests.list_refused(ANNA) == (refused,)


def test_who_has_submitted_it_withdraws_it(lab: Lab, waiting: RequestRecord) -> None:
    assert lab.requests.withdraw(ANNA, waiting.id).state is State.WITHDRAWN
    assert recorded(lab)[-1] == (Event.REQUEST_WITHDRAWN, "requester", "1")


def test_an_administrator_withdraws_that_of_anybody(lab: Lab, waiting: RequestRecord) -> None:
    assert lab.requests.withdraw(VERA, waiting.id).state is State.WITHDRAWN


@pytest.mark.parametrize("who", [CAROL, Actor(99, "bob", Role.REQUESTER)])
def test_nobody_else_withdraws_it(lab: Lab, waiting: RequestRecord, who: Actor) -> None:
    with pytest.raises(NotAllowed) as caught:
        lab.requests.withdraw(who, waiting.id)
    assert caught.value.rule == "request.not-own"


@every_decision
@pytest.mark.parametrize("role", [Role.APPROVER, Role.ADMINISTRATOR])
@pytest.mark.parametrize("token", ["", "renewal"])
def test_nobody_decides_about_their_own(lab: Lab, decide: Decide, role: Role, token: str) -> None:
    own = submitted(lab, actor(role))
    with pytest.raises(NotAllowed) as caught:
        decide(lab, replace(actor(role), token=token), own.id)
    assert caught.value.rule == "request.own"
    assert lab.requests.get(VERA, own.id).state is State.SUBMITTED


def test_who_became_an_approver_since_still_does_not_decide_about_their_own(lab: Lab, waiting: RequestRecord) -> None:
    with pytest.raises(NotAllowed, match="your own request"):
        lab.requests.approve(replace(ANNA, name="renamed", role=Role.ADMINISTRATOR), waiting.id)


@every_decision
def test_the_operator_may_decide_and_is_recorded(lab: Lab, waiting: RequestRecord, decide: Decide) -> None:
    found = decide(lab, OPERATOR, waiting.id)
    assert (found.decided_by, found.decided_by_id, found.decided_from) == ("operator", None, "command line")


@every_decision
@pytest.mark.parametrize("first", [*DECISIONS.values(), lambda lab, _, number: lab.requests.withdraw(ANNA, number)])
def test_what_is_decided_stays_so_and_the_other_is_told_by_whom_and_when(
    lab: Lab, waiting: RequestRecord, first: Decide, decide: Decide
) -> None:
    before = first(lab, CAROL, waiting.id)
    with pytest.raises(Conflict, match=rf"already .* by {before.decided_by} on 2026-11-23 12:00 UTC") as caught:
        decide(lab, VERA, waiting.id)
    assert caught.value.rule == "request.decided"
    assert lab.requests.get(VERA, waiting.id) == before
    with pytest.raises(Conflict):
        lab.requests.withdraw(VERA, waiting.id)


@pytest.mark.parametrize(
    ("who", "decide"),
    [
        (CAROL, DECISIONS["approve"]),
        (OPERATOR, DECISIONS["approve"]),
        (CAROL, DECISIONS["refuse"]),
        (ANNA, lambda lab, who, number: lab.requests.withdraw(who, number)),
    ],
)
def test_who_does_the_same_twice_is_told_the_same_again(
    lab: Lab, waiting: RequestRecord, who: Actor, decide: Decide
) -> None:
    first = decide(lab, who, waiting.id)
    before = recorded(lab)
    assert decide(lab, who, waiting.id) == first
    assert recorded(lab) == before


def test_nobody_changes_their_mind(lab: Lab, waiting: RequestRecord) -> None:
    lab.requests.approve(CAROL, waiting.id)
    with pytest.raises(Conflict):
        lab.requests.refuse(CAROL, waiting.id, "after all not")


def test_what_a_rule_has_approved_cannot_be_decided_about(clock: FixedClock) -> None:
    lab = Lab(clock=clock).initialised()
    lab.issuance.issue(ANNA, [UCCX_PUBLISHER.data], Options())
    with pytest.raises(Conflict, match="approved by rule everybody"):
        lab.requests.refuse(CAROL, 1, "no")


@pytest.mark.parametrize("number", [0, -1, 99, 2**31, 2**70])
def test_a_request_that_is_not_there_is_not_found(lab: Lab, number: int) -> None:
    for call in (lab.requests.get, lab.requests.approve, lab.requests.withdraw):
        with pytest.raises(NotFound) as caught:
            call(VERA, number)
        assert caught.value.rule == "request.unknown"


def test_a_list_shows_a_requester_their_own_and_the_others_all(lab: Lab) -> None:
    (first,) = lab.issuance.issue(ANNA, [THREE_NODES[0].data], Options()).waiting
    (second,) = lab.issuance.issue(CAROL, [THREE_NODES[1].data], Options()).waiting
    assert lab.requests.list_requests(ANNA, RequestQuery()).items == (first,)
    for role in (Role.APPROVER, Role.ADMINISTRATOR, Role.AUDITOR):
        assert lab.requests.list_requests(actor(role), RequestQuery()).items == (second, first)
    assert lab.requests.list_requests(ANNA, RequestQuery(submitted_by_id=CAROL.account_id)).items == (first,)


def test_the_next_one_is_the_oldest_that_is_not_ones_own(lab: Lab) -> None:
    first, second, third = (
        lab.issuance.issue(who, [node.data], Options()).waiting[0]
        for who, node in zip((CAROL, ANNA, ANNA), THREE_NODES, strict=True)
    )
    assert lab.requests.find_next(CAROL, first) == second
    assert lab.requests.find_next(CAROL, second) == third
    assert lab.requests.find_next(VERA, third) == first
    assert lab.requests.count_waiting(VERA) == 3


def test_the_count_of_what_waits_ends_soon(lab: Lab) -> None:
    assert isinstance(lab.ledger, InMemoryLedger)
    lab.ledger.requests += [request_record(id=number) for number in range(1, 70)]
    assert lab.requests.count_waiting(CAROL) == MAX_COUNT + 1 == 51


def test_a_token_with_limits_does_not_list_requests(lab: Lab, waiting: RequestRecord) -> None:
    assert lab.requests.list_requests(replace(CAROL, grant=EVERYTHING), RequestQuery()).items == (waiting,)
    limited = replace(CAROL, grant=replace(EVERYTHING, names=("*.example.com",)))
    with pytest.raises(NotAllowed) as caught:
        lab.requests.list_requests(limited, RequestQuery())
    assert caught.value.rule == "token.bounded"


def test_requests_are_searched_for_the_first_200_characters_of_a_text(lab: Lab, waiting: RequestRecord) -> None:
    for length, found in ((199, ()), (200, (waiting,))):
        text = f"{waiting.host}{' ' * (length - len(waiting.host))}~"
        assert lab.requests.list_requests(CAROL, RequestQuery(text=text)).items == found


def test_an_approved_request_is_not_settled_before_it_is_signed(waiting: RequestRecord, clock: FixedClock) -> None:
    settled = {
        state: waiting.decided(state, CAROL, clock(), "").settled_at
        for state in (State.APPROVED, State.REFUSED, State.WITHDRAWN)
    }
    assert settled == {State.APPROVED: None, State.REFUSED: clock(), State.WITHDRAWN: clock()}


# Submitting again


@pytest.mark.parametrize("end", ["refuse", "withdraw"])
def test_a_csr_that_was_refused_or_withdrawn_is_submitted_again_as_a_new_request(
    lab: Lab, waiting: RequestRecord, end: str
) -> None:
    before = lab.requests.refuse(CAROL, 1, "no") if end == "refuse" else lab.requests.withdraw(ANNA, 1)
    (again,) = lab.requests.submit_again(ANNA, waiting.id).waiting
    assert (again.id, again.state, again.csr_der) == (2, State.SUBMITTED, waiting.csr_der)
    assert again.options == waiting.options
    assert lab.requests.get(ANNA, 1) == before
    assert lab.requests.submit_again(ANNA, waiting.id).waiting == (again,)  # pressed twice, it is the same one


@pytest.mark.parametrize("is_decided", [False, True])
def test_what_waits_or_has_its_certificate_is_not_submitted_again(
    lab: Lab, waiting: RequestRecord, is_decided: bool
) -> None:
    if is_decided:
        lab.requests.approve(CAROL, waiting.id)
    with pytest.raises(Conflict) as caught:
        lab.requests.submit_again(ANNA, waiting.id)
    assert caught.value.rule == "request.again-open"


@pytest.mark.parametrize("who", [CAROL, VERA, OPERATOR])
def test_only_who_has_submitted_it_submits_it_again(lab: Lab, waiting: RequestRecord, who: Actor) -> None:
    lab.requests.refuse(CAROL, waiting.id, "no")
    with pytest.raises(NotAllowed) as caught:
        lab.requests.submit_again(who, waiting.id)
    assert caught.value.rule == "request.again-not-own"
