"""A CSR that a person has refused waits for a person again, whatever the rules say by then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ca_service.app.composition import Randomness, Time, compose
from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.issuance.batches import Outcome, issue_batch
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.authority.issuance.records import RequestQuery, RequestRecord, State
from ca_service.errors import Conflict, Refused
from tests.authority.issuance.requests.people import ANNA, CAROL, VERA, certificates, submitted
from tests.support import requests
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import FixedClock, InMemoryLedger, counting_serial_numbers
from tests.support.request_records import EVERYBODY
from tests.support.requests import UCCX_PUBLISHER, UCCX_SUBSCRIBER

REFUSED_BEFORE = "request.refused-before"
OVERRIDDEN = {
    "refused_request": 1,
    "refused_by": "approver",
    "refused_at": "2026-11-23T12:00:00Z",
    "refusal": "The parent domain is wrong. Ask again.",
}


@pytest.fixture
def lab(lab: Lab, waiting: RequestRecord, clock: FixedClock) -> Lab:
    """The same after a refusal, and with a rule that approves everything."""
    lab.requests.refuse(CAROL, waiting.id, "The parent domain is wrong.\nAsk again.")
    clock.advance(hours=1)
    edges = {"issuers": lab.issuers, "keystore": lab.keystore, "ledger": lab.ledger}
    return Lab(clock=clock, rules=(EVERYBODY,), request_store=lab.edges.requests, **edges)  # type: ignore[arg-type]


def submit(lab: Lab, who: Actor = ANNA, data: bytes = UCCX_PUBLISHER.data, **options: object) -> Issued:
    return lab.issuance.issue(who, [data], Options(**options))  # type: ignore[arg-type]


def events(lab: Lab, *kinds: Event) -> list[AuditEvent]:
    assert isinstance(lab.ledger, InMemoryLedger)
    return [each for each in lab.ledger.events if each.event in kinds]


def told(event: AuditEvent) -> dict[str, str | int]:
    """What an event says about a refusal."""
    return {name: value for name, value in event.details.items() if name.startswith("refus")}


@pytest.mark.parametrize("who", [ANNA, VERA])
@pytest.mark.parametrize("profile", ["vos", "server"])
def test_it_waits_and_says_who_refused_it_when_and_why(lab: Lab, who: Actor, profile: str) -> None:
    issued = submit(lab, who, profile=profile)
    (waiting,) = issued.waiting
    (found,) = (each for each in issued.findings if each.rule == "request.refused-before")
    assert found.detail == (
        "approver refused this CSR on 2026-11-23T12:00:00Z, as request 1: The parent domain is wrong. Ask again."
    )
    assert "request.refused-before" in {each.rule for each in waiting.findings}
    assert told(events(lab, Event.REQUEST_SUBMITTED)[-1]) == OVERRIDDEN


def test_another_requester_reads_the_plain_fact_alone(lab: Lab) -> None:
    other = replace(ANNA, account_id=77, name="other")
    issued = submit(lab, other)
    (waiting,) = issued.waiting
    (checked,) = lab.issuance.check(other, [UCCX_PUBLISHER.data], Options())
    seen = lab.requests.get(other, waiting.id)
    (listed,) = lab.requests.list_requests(other, RequestQuery()).items
    for findings in (issued.findings, waiting.findings, checked.findings, seen.findings, listed.findings):
        (found,) = (each for each in findings if each.rule.startswith("request.refused"))
        assert found.detail == "An approver refused this CSR on 2026-11-23T12:00:00Z."
        assert "parent domain" not in str(found.values)
    for reader in (ANNA, CAROL):
        assert REFUSED_BEFORE in {each.rule for each in lab.requests.get(reader, waiting.id).findings}
    assert told(events(lab, Event.REQUEST_SUBMITTED)[-1]) == OVERRIDDEN


def test_the_refused_request_itself_shows_another_requester_neither_name_nor_note(lab: Lab) -> None:
    other = replace(ANNA, account_id=77, name="other")
    for seen in (lab.requests.get(other, 1), *lab.requests.list_submission(other, 1)):
        assert (seen.state, seen.decided_by, seen.note) == (State.REFUSED, "", "")
    for reader in (ANNA, CAROL, VERA):
        assert "parent domain" in lab.requests.get(reader, 1).note


def test_an_error_beside_it_shows_no_more(lab: Lab) -> None:
    other = replace(ANNA, account_id=77, name="other")
    with pytest.raises(Refused) as refused:
        submit(lab, other, validity_days=5000)
    assert REFUSED_BEFORE not in {each.rule for each in refused.value.findings}


def test_submit_again_waits_as_well(lab: Lab) -> None:
    assert [each.id for each in lab.requests.submit_again(ANNA, 1).waiting] == [2]


def test_a_batch_lets_it_wait_and_issues_the_others(lab: Lab) -> None:
    (group,) = issue_batch(lab.issuance, ANNA, [UCCX_PUBLISHER.data, UCCX_SUBSCRIBER.data], Options())
    assert [each.outcome for each in group] == [Outcome.WAITING, Outcome.ISSUED]


def test_the_events_of_an_approval_say_what_it_overrides(lab: Lab) -> None:
    (waiting,) = submit(lab).waiting
    lab.requests.approve(CAROL, waiting.id)
    found = events(lab, Event.REQUEST_APPROVED, Event.CERTIFICATE_ISSUED)
    assert [told(each) for each in found] == [OVERRIDDEN, OVERRIDDEN]


def test_the_operator_of_the_machine_overrides_it_and_the_event_says_so(lab: Lab) -> None:
    issued = submit(lab, OPERATOR)
    assert issued.created
    assert "request.refused-before" in {each.rule for each in issued.findings}
    assert told(events(lab, Event.CERTIFICATE_ISSUED)[-1]) == OVERRIDDEN


def test_after_an_approval_the_rules_decide_again(lab: Lab, clock: FixedClock) -> None:
    (waiting,) = submit(lab).waiting
    lab.requests.approve(CAROL, waiting.id)
    clock.advance(hours=1)
    issued = submit(lab, new=True)
    assert issued.created
    assert told(events(lab, Event.CERTIFICATE_ISSUED)[-1]) == {}


def test_the_newest_refusal_counts(lab: Lab) -> None:
    (waiting,) = submit(lab).waiting
    lab.requests.refuse(replace(VERA, name="vera"), waiting.id, "Still wrong.")
    found = [each for each in submit(lab).findings if each.rule == "request.refused-before"]
    assert [(each.values["id"], each.values["name"]) for each in found] == [(2, "vera")]


def test_the_same_csr_signed_anew_waits_as_well(lab: Lab) -> None:
    recipe = requests.node("uccx1-EC.example.com", "example.com", "uccx1.example.com")
    assert submit(lab, data=recipe.der()).waiting


def test_a_certificate_for_another_profile_is_no_decision_about_this_one(lab: Lab, clock: FixedClock) -> None:
    (waiting,) = submit(lab, profile="server").waiting
    lab.requests.approve(CAROL, waiting.id)
    clock.advance(hours=1)
    assert submit(lab).waiting


def test_a_withdrawn_csr_and_another_one_wait_for_nobody(lab: Lab) -> None:
    assert submit(lab, data=UCCX_SUBSCRIBER.data).created
    (waiting,) = submit(lab).waiting
    lab.requests.withdraw(ANNA, waiting.id)
    assert submit(lab).waiting  # the refusal before it still counts


class _Refusing:
    """Serial numbers; a person refuses the request as the first one is drawn: after the check, before the commit."""

    def __init__(self) -> None:
        self.refuse: Callable[[], object] = lambda: None
        self._numbers = counting_serial_numbers()

    def __call__(self) -> int:
        refuse, self.refuse = self.refuse, lambda: None
        refuse()
        return self._numbers()


@pytest.mark.fault("same moment", "A person refuses a CSR while a rule has it signed", "it is not signed")
@pytest.mark.parametrize("is_batch", [False, True])
def test_a_refusal_between_check_and_commit_stops_the_submission_and_the_group_of_a_batch(
    clock: FixedClock, is_batch: bool
) -> None:
    first = Lab(clock=clock, rules=()).initialised()
    submitted(first, ANNA)
    ruled = Lab(clock=clock, rules=(EVERYBODY,), ledger=first.ledger, request_store=first.edges.requests)
    edges = replace(ruled.edges, issuers=first.issuers, keystore=first.keystore)
    serial_numbers = _Refusing()
    process = compose(edges, Time(clock, lambda _: None, lambda: 0.0), Randomness(serial_numbers, lambda: 0.5))
    serial_numbers.refuse = lambda: first.requests.refuse(CAROL, 1, "Not this one.")
    csrs = [UCCX_SUBSCRIBER.data, UCCX_PUBLISHER.data]

    def act() -> list[object]:
        if is_batch:
            return list(issue_batch(process.issuance, ANNA, csrs, Options()))
        return [process.issuance.issue(ANNA, csrs, Options())]

    with pytest.raises(Conflict) as caught:
        act()

    assert caught.value.rule == "request.refused-meanwhile"
    assert certificates(first) == ()
    assert first.requests.get(CAROL, 1).state is State.REFUSED
    act()
    assert [each.host for each in certificates(first)] == (["uccx2.example.com"] if is_batch else [])
