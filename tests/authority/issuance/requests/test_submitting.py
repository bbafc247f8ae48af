"""Submitting: what a rule approves is issued at once, the rest waits, all of a submission or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.errors import Conflict, NotReady, Refused
from ca_service.vos.destinations import Destination
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import NOON, FixedClock, InMemoryLedger
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER, WRAPPINGS

ANNA = actor(Role.REQUESTER)
CAROL = actor(Role.APPROVER)
UCCX1 = ApprovalRule("uccx1", names=("example.com", "uccx1.example.com"))


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """An authority that approves of the first node by itself."""
    return Lab(clock=clock, rules=(UCCX1,)).initialised()


def submit(lab: Lab, *data: bytes, key: str = "", **options: object) -> Issued:
    return lab.issuance.issue(ANNA, data, Options(**options), key)  # type: ignore[arg-type]


def events(lab: Lab) -> list[AuditEvent]:
    assert isinstance(lab.ledger, InMemoryLedger)
    return lab.ledger.events


def requests(lab: Lab) -> list[RequestRecord]:
    assert isinstance(lab.ledger, InMemoryLedger)
    return lab.ledger.requests


def test_what_a_rule_approves_is_issued_with_its_request_and_says_why(lab: Lab) -> None:
    issued = submit(lab, UCCX_PUBLISHER.data, validity_days=30)
    (record,), (found,) = issued.certificates, requests(lab)
    assert issued.waiting == ()
    assert (found.state, found.serial_number, found.rule) == (State.ISSUED, record.serial_number, "uccx1")
    assert (found.submitted_by, found.decided_by, found.decided_at, found.settled_at) == ("requester", "", NOON, NOON)
    assert "every name is covered by example.com" in found.reasons[0].detail
    (event,) = events(lab)
    assert (event.event, event.details["rule"]) == (Event.CERTIFICATE_ISSUED, "uccx1")
    assert event.details["why"] == "every name is covered by example.com, uccx1.example.com"


def test_a_key_that_is_repeated_shows_no_token_what_waits_for_names_of_another_token(lab: Lab) -> None:
    submit(lab, SOCIALMINER.data, key="k")
    other = replace(ANNA, grant=Grant(2, frozenset({"submit"}), names=("uccx1.example.com",)))
    with pytest.raises(Refused) as caught:
        lab.issuance.issue(other, [SOCIALMINER.data], Options(), "k")
    assert caught.value.rule == "token.name-parent"


def test_where_there_is_no_authority_nothing_waits_for_it(clock: FixedClock) -> None:
    empty = Lab(clock=clock, rules=())
    with pytest.raises(NotReady):
        submit(empty, UCCX_PUBLISHER.data)
    assert requests(empty) == []


def test_what_no_rule_approves_waits_and_nothing_is_signed(lab: Lab) -> None:
    issued = submit(lab, UCCX_SUBSCRIBER.data, validity_days=30)
    (found,) = issued.waiting
    assert (issued.certificates, issued.created) == ((), True)
    assert (found.id, found.state, found.host) == (1, State.SUBMITTED, "uccx2.example.com")
    assert (found.submitted_by, found.submitted_by_id, found.submitted_at) == ("requester", ANNA.account_id, NOON)
    assert found.options == Options(validity_days=30, destination=Destination("tomcat-ECDSA"))
    (event,) = events(lab)
    assert (event.event, event.actor, event.subject) == (Event.REQUEST_SUBMITTED, "requester", "1")


def test_a_submission_waits_as_a_whole(lab: Lab) -> None:
    issued = submit(lab, UCCX_PUBLISHER.data, UCCX_SUBSCRIBER.data)
    assert [each.host for each in issued.waiting] == ["uccx1.example.com", "uccx2.example.com"]
    assert issued.certificates == ()


def test_what_has_its_certificate_already_does_not_wait_with_the_others(lab: Lab) -> None:
    submit(lab, UCCX_PUBLISHER.data)
    assert [each.host for each in submit(lab, UCCX_PUBLISHER.data, UCCX_SUBSCRIBER.data).waiting] == [
        "uccx2.example.com"
    ]


def test_a_request_that_was_refused_for_what_it_is_leaves_no_row(lab: Lab) -> None:
    with pytest.raises(Refused):
        submit(lab, UCCX_SUBSCRIBER.data, b"nonsense")
    assert requests(lab) == []


def test_the_same_request_waits_once_in_any_wrapping(lab: Lab, clock: FixedClock) -> None:
    lab = Lab(clock=clock, rules=()).initialised()
    first = submit(lab, WRAPPINGS[0].data)
    clock.advance(hours=1)
    for wrapping in WRAPPINGS[1:]:
        again = submit(lab, wrapping.data)
        assert again.waiting == first.waiting
        assert not again.created
        assert "request.again" in {found.rule for found in again.findings}
    assert len(events(lab)) == 1


def test_another_profile_is_another_request(lab: Lab) -> None:
    one, other = submit(lab, UCCX_SUBSCRIBER.data), submit(lab, UCCX_SUBSCRIBER.data, profile="server")
    assert one.waiting != other.waiting


def test_a_request_can_be_submitted_again_after_it_was_refused(lab: Lab) -> None:
    (first,) = submit(lab, UCCX_SUBSCRIBER.data).waiting
    lab.requests.refuse(CAROL, first.id, "not this one")
    (second,) = submit(lab, UCCX_SUBSCRIBER.data).waiting
    assert second.id != first.id


def test_once_it_is_issued_the_same_request_gets_the_certificate(lab: Lab) -> None:
    (waiting,) = submit(lab, UCCX_SUBSCRIBER.data).waiting
    serial = lab.requests.approve(CAROL, waiting.id).serial_number
    again = submit(lab, UCCX_SUBSCRIBER.data)
    assert [record.serial_number for record in again.certificates] == [serial]
    assert not again.created


def test_an_idempotency_key_answers_the_same_request_again(lab: Lab) -> None:
    first, second = (submit(lab, UCCX_SUBSCRIBER.data, key="k") for _ in range(2))
    assert first.waiting == second.waiting
    lab.requests.approve(CAROL, first.waiting[0].id)
    assert [each.state for each in submit(lab, UCCX_SUBSCRIBER.data, key="k").waiting] == [State.ISSUED]
    with pytest.raises(Conflict, match="another submission"):
        submit(lab, SOCIALMINER.data, key="k")


def test_the_operator_needs_nobody(lab: Lab) -> None:
    assert lab.issuance.issue(OPERATOR, [UCCX_SUBSCRIBER.data], Options()).certificates
