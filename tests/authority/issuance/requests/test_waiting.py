"""Waiting until somebody has decided, and what is laid before who decides."""

from __future__ import annotations

from collections.abc import Callable

from ca_service.authority.issuance.decisions import Requests
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.vos.destinations import Destination
from tests.authority.issuance.requests.people import ANNA, CAROL
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import NOON, FixedClock
from tests.support.requests import UCCX_PUBLISHER


def patient(lab: Lab, pause: Callable[[float], None]) -> Requests:
    """The same requests, with this event while they wait."""
    return Requests(lab.edges.requests, lab.ledger, lab.issuance, lab.completion, clock=lab.clock, pause=pause)


def test_waiting_ends_after_the_time_that_was_asked(lab: Lab, waiting: RequestRecord, clock: FixedClock) -> None:
    assert lab.requests.wait(ANNA, waiting.id, 7).state is State.SUBMITTED
    assert (clock.now - NOON).total_seconds() == 7
    lab.requests.wait(ANNA, waiting.id, 10_000)
    assert (clock.now - NOON).total_seconds() == 37


def test_waiting_ends_as_soon_as_it_is_decided(lab: Lab, waiting: RequestRecord, clock: FixedClock) -> None:
    def pause(seconds: float) -> None:
        clock.advance(seconds=seconds)
        if clock.now.second == 3:
            lab.requests.refuse(CAROL, waiting.id, "no")

    assert patient(lab, pause).wait(ANNA, waiting.id, 30).state is State.REFUSED
    assert clock.now.second == 3


def test_where_too_many_wait_the_others_are_answered_at_once(lab: Lab, waiting: RequestRecord) -> None:
    depth = list[int]()

    def pause(_: float) -> None:
        depth.append(1)
        if len(depth) < 9:
            requests.wait(ANNA, waiting.id, 1)

    requests = patient(lab, pause)
    requests.wait(ANNA, waiting.id, 1)
    assert len(depth) == 2
    requests.wait(ANNA, waiting.id, 1)  # the places are free again
    assert len(depth) > 2


# Beside what the host has now


def test_a_review_compares_the_request_with_what_its_host_has_now(lab: Lab, waiting: RequestRecord) -> None:
    assert lab.requests.review(CAROL, waiting).current is None
    issued = lab.requests.approve(CAROL, waiting.id)
    assert lab.requests.review(CAROL, issued).current is None  # its own is no other
    (again,) = lab.issuance.issue(ANNA, [UCCX_PUBLISHER.data], Options(new=True)).waiting
    found = lab.requests.review(CAROL, again)
    assert found.current
    assert found.current.serial_number == issued.serial_number
    assert found.difference
    assert found.difference.is_empty


def test_it_is_compared_with_the_certificate_of_its_purpose(lab: Lab, waiting: RequestRecord) -> None:
    issued = lab.requests.approve(CAROL, waiting.id)
    other = Options(new=True, destination=Destination("CallManager-ECDSA"))
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], other)
    (again,) = lab.issuance.issue(ANNA, [UCCX_PUBLISHER.data], Options(new=True)).waiting
    found = lab.requests.review(CAROL, again)
    assert found.current
    assert found.current.serial_number == issued.serial_number
