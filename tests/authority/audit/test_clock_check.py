"""The clock against the audit log: what is refused, who goes on, and what a confirmation covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import State
from ca_service.errors import NotAllowed, NotReady
from tests.support.factories import OPERATOR, PLAN, Lab, actor, event
from tests.support.ocsp import question, told
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER

YEAR = timedelta(days=365)


@pytest.fixture
def lab() -> Lab:
    """An authority with a certificate, whose clock was a year ahead for a while."""
    lab = Lab().initialised()
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
    record_ahead(lab, YEAR)
    return lab


def record_ahead(lab: Lab, by: timedelta) -> None:
    """Record an event while the clock is ahead."""
    lab.edges.events.add_event(replace(event("x", Event.SIGNED_IN), at=lab.clock() + by))


def issue(lab: Lab) -> bool:
    """Issue a new certificate; return whether it was."""
    return lab.issuance.issue(OPERATOR, [SOCIALMINER.data], Options(new=True)).created


def rule_of(use: Callable[[], object]) -> str:
    """The rule by which the use case is refused."""
    with pytest.raises(NotReady) as caught:
        use()
    return caught.value.rule


def submit(lab: Lab) -> int:
    """A request that waits for a decision."""
    waiting = Lab(request_store=lab.edges.requests, ledger=lab.ledger, issuers=lab.issuers, rules=()).issuance
    return waiting.issue(actor(), [SOCIALMINER.data], Options()).waiting[0].id


def confirmations(lab: Lab) -> list[dict[str, str | int]]:
    """The details of every confirmation."""
    found = lab.edges.events.list_events(EventQuery(events=(Event.CLOCK_CONFIRMED.value,))).items
    return [dict(each.details) for each in found]


@pytest.mark.fault("clock", "The clock is an hour or more behind the audit log", "issues nothing, through no interface")
def test_no_way_to_a_new_certificate_is_open(lab: Lab) -> None:
    [leaf] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    before = len(lab.edges.events.list_events(EventQuery(limit=50)).items)
    ways: list[Callable[[], object]] = [
        lambda: issue(lab),
        lambda: lab.issuance.issue_possible(OPERATOR, [SOCIALMINER.data], Options()),
        lambda: lab.renewal.renew(OPERATOR, leaf.serial_number, RenewalOptions(new=True, never_uploaded=True)),
        lambda: Lab(clock=lab.clock, events=lab.edges.events).creation.initialise(OPERATOR, PLAN),
        lambda: lab.rollover.perform(OPERATOR, PLAN),
    ]
    assert [rule_of(way) for way in ways] == ["clock.behind"] * len(ways)
    assert len(lab.edges.events.list_events(EventQuery(limit=50)).items) == before


def test_a_request_that_is_approved_meanwhile_fails_with_the_reason_and_can_be_approved_again(lab: Lab) -> None:
    number = submit(lab)
    failed = lab.requests.approve(OPERATOR, number)
    assert (failed.state, [found.rule for found in failed.failure]) == (State.FAILED, ["clock.behind"])
    lab.clock_check.confirm(OPERATOR)
    assert lab.requests.approve(OPERATOR, number).state is State.ISSUED


def test_a_certificate_that_is_there_is_given_again(lab: Lab) -> None:
    again = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
    assert (len(again.certificates), again.created) == (1, False)


@pytest.mark.fault(
    "clock", "The clock is an hour or more behind the audit log", "still publishes CRLs and OCSP responses"
)
def test_lists_and_answers_go_on(lab: Lab) -> None:
    [leaf] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    assert lab.crl_publisher.publish(OPERATOR, "intermediate-g1")
    assert lab.responders.renew_due() == 1
    assert told(lab.ocsp_responder.answer(question(lab, leaf))) == "good"


@pytest.mark.parametrize(
    ("by", "fault"),
    [
        (timedelta(minutes=5), ""),
        (timedelta(minutes=6), "clock.differs"),
        (timedelta(hours=1), "clock.differs"),
        (timedelta(hours=1, seconds=1), "clock.behind"),
    ],
    ids=str,
)
def test_an_hour_is_the_limit(by: timedelta, fault: str) -> None:
    lab = Lab().initialised()
    record_ahead(lab, by)
    found = lab.clock_check.find_fault()
    assert (found.rule if found else "") == fault
    if fault == "clock.behind":
        assert rule_of(lambda: issue(lab)) == fault
    else:
        assert issue(lab)


def test_later_events_of_the_right_time_change_nothing(lab: Lab) -> None:
    for _ in range(200):
        record_ahead(lab, timedelta())
    assert rule_of(lambda: issue(lab)) == "clock.behind"


def test_it_is_over_when_that_moment_has_come(lab: Lab) -> None:
    lab.clock.now += YEAR - timedelta(hours=1)
    assert issue(lab)


def test_a_confirmation_is_recorded_and_lets_issuing_go_on(lab: Lab) -> None:
    newest = lab.edges.events.list_events(EventQuery(limit=1)).items[0]
    found = lab.clock_check.confirm(OPERATOR)
    assert found is not None
    assert found.at == lab.clock() + YEAR
    assert confirmations(lab) == [{"up_to": newest.id, "latest": "2027-11-23T12:00:00Z"}]
    assert lab.clock_check.find_fault() is None
    assert issue(lab)


@pytest.mark.fault("clock", "The clock goes wrong again after a confirmation", "stops issuing again")
def test_a_confirmation_covers_what_was_recorded_before_and_nothing_else(lab: Lab) -> None:
    lab.clock_check.confirm(OPERATOR)
    record_ahead(lab, timedelta(days=30))  # earlier than what was confirmed, but recorded afterwards
    assert rule_of(lambda: issue(lab)) == "clock.behind"
    lab.clock_check.confirm(OPERATOR)
    assert issue(lab)
    assert len(confirmations(lab)) == 2


def test_without_a_later_event_there_is_nothing_to_confirm() -> None:
    lab = Lab().initialised()
    assert lab.clock_check.confirm(OPERATOR) is None
    assert confirmations(lab) == []


@pytest.mark.fault(
    "same moment", "A machine records an event ahead while the clock is confirmed", "the confirmation does not cover it"
)
def test_an_event_that_another_machine_records_during_the_confirmation_is_not_covered(lab: Lab) -> None:
    store = lab.edges.events
    record = store.add_event

    def add_after_another(event: AuditEvent) -> None:
        record(replace(event, at=lab.clock() + YEAR, event=Event.SIGNED_IN))
        record(event)

    store.add_event = add_after_another  # type: ignore[method-assign]
    lab.clock_check.confirm(OPERATOR)
    assert rule_of(lambda: issue(lab)) == "clock.behind"


@pytest.mark.fault("processes", "A power cut while the clock is confirmed", "it is confirmed or not")
@pytest.mark.parametrize("is_recorded", [False, True], ids=["before", "after"])
def test_a_power_cut_leaves_it_confirmed_or_not(lab: Lab, *, is_recorded: bool) -> None:
    store = lab.edges.events
    record = store.add_event

    def cut(event: AuditEvent) -> None:
        if is_recorded:
            record(event)
        raise OSError("power cut")

    store.add_event = cut  # type: ignore[method-assign]
    with pytest.raises(OSError, match="power cut"):
        lab.clock_check.confirm(OPERATOR)
    store.add_event = record  # type: ignore[method-assign]
    assert (lab.clock_check.find_fault() is None) is is_recorded


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_an_administrator_confirms(lab: Lab, role: Role) -> None:
    with pytest.raises(NotAllowed):
        lab.clock_check.confirm(actor(role))
