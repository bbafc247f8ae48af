"""Runs on nodes in several processes: one run on a node, and one wait after a refused password, for all of them."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import Final

import pytest

from ca_service.app.composition import Randomness, Time, compose
from ca_service.authority.audit.events import Event
from ca_service.authority.fleet.connections import RUN_LEASE
from ca_service.authority.fleet.node_contact import NODE_SIGN_IN, Contact, Credentials
from ca_service.authority.fleet.node_plan import Order, Plan
from ca_service.authority.fleet.node_run import RUN_SECONDS, Run
from ca_service.authority.installation import Installation
from ca_service.errors import Busy, NotAllowed, TooManyAttempts
from ca_service.lab.node import LabNode
from ca_service.nodes.client import SECONDS
from ca_service.settings import Settings
from tests.authority import racing
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import FixedClock, counting_serial_numbers

HOST: Final = "cucm1.example.com"
CREDENTIALS: Final = Credentials("administrator", "lab password")
WRONG: Final = Credentials("Administrator", "wrong")
ORDER: Final = Order()


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """One process of an installation, and a node that it can reach."""
    lab = Lab(clock=clock).initialised()
    lab.node_client.nodes[HOST] = LabNode(HOST, CREDENTIALS.password, now=clock, stopwatch=lambda: 0.0)
    return lab


@pytest.fixture
def other(lab: Lab) -> Installation:
    """Another process over the same database: it shares nothing but the stores."""
    time = Time(lab.clock, lambda _: None, lambda: 0.0)
    return compose(lab.edges, time, Randomness(counting_serial_numbers(), lambda: 0.5))


def contact(process: Installation) -> Contact:
    """The contact, after a person has compared the fingerprint."""
    return process.node_driver.contact(OPERATOR, HOST).pinned()


def plan(process: Installation, credentials: Credentials = CREDENTIALS) -> Plan:
    """The plan, for which the password is sent."""
    return process.node_driver.plan(OPERATOR, contact(process), credentials, ORDER)


def begun(process: Installation) -> Run:
    """A run before its first change."""
    return process.node_driver.apply(OPERATOR, contact(process), CREDENTIALS, ORDER, plan(process).keys)


def test_a_node_has_one_run_at_a_time_in_all_processes(lab: Lab, other: Installation) -> None:
    running = begun(lab)
    with pytest.raises(Busy) as error:
        plan(other)
    assert error.value.rule == "node.busy"
    running.finish()
    assert plan(other).changes == ()
    assert lab.edges.jobs.list_runs() == ()


def test_a_run_whose_process_was_killed_keeps_its_node_until_the_lease_ends(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    killed = begun(lab)
    clock.advance(minutes=14)
    with pytest.raises(Busy):
        plan(other)
    clock.advance(minutes=1)
    running = begun(other)
    killed.close()  # it was only slow: the lease is no longer its own
    with pytest.raises(Busy):
        plan(lab)
    running.finish()


def test_a_lease_is_longer_than_a_run_with_its_last_call() -> None:
    assert RUN_LEASE.total_seconds() > RUN_SECONDS + SECONDS + 60


def test_a_run_that_began_in_the_future_keeps_no_node(lab: Lab, other: Installation, clock: FixedClock) -> None:
    clock.advance(days=365)
    running = begun(lab)
    clock.advance(days=-365)
    assert plan(other).changes
    running.close()


def test_a_refused_password_makes_the_user_wait_in_all_processes(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    with pytest.raises(NotAllowed):
        plan(lab, WRONG)
    clock.advance(seconds=299)
    for process in (lab, other):
        with pytest.raises(TooManyAttempts) as error:
            plan(process)
        assert error.value.rule == "node.wait"
    assert lab.node_client.nodes[HOST]._failures == 1
    clock.advance(seconds=1)
    assert plan(other).changes


def test_a_password_that_is_refused_in_the_middle_of_a_run_begins_the_whole_wait(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    running = begun(lab)
    clock.advance(minutes=9)
    lab.node_client.nodes[HOST]._password = "changed"
    with pytest.raises(NotAllowed):
        running.finish()
    clock.advance(seconds=299)
    with pytest.raises(TooManyAttempts):
        plan(other)


def test_the_refusal_of_a_password_is_recorded(lab: Lab) -> None:
    with pytest.raises(NotAllowed):
        plan(lab, WRONG)
    [refused] = lab.edges.attempts.events  # type: ignore[attr-defined]
    assert (refused.event, refused.subject, refused.details) == (
        Event.NODE_SIGN_IN_REFUSED,
        HOST,
        {"user": "Administrator"},
    )


def test_a_wait_that_began_in_the_future_counts_as_none_and_the_next_one_counts(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    clock.advance(days=365)
    with pytest.raises(NotAllowed):
        plan(lab, WRONG)
    clock.advance(days=-365)
    with pytest.raises(NotAllowed):
        plan(other, WRONG)
    with pytest.raises(TooManyAttempts):
        plan(lab)
    clock.advance(minutes=5)
    assert plan(lab).changes


_held = ExitStack()


def hold(installation: Installation, host: str) -> str:
    """Begin a run and do not end it."""
    _held.enter_context(installation.probes._connections.run_turn(OPERATOR, host))
    return "running"


def wait(installation: Installation, host: str) -> str:
    """Be refused by a node."""
    with installation.node_driver._sign_ins.attempt(OPERATOR, host, "administrator"):
        raise NotAllowed.because(NODE_SIGN_IN, host=host)


@pytest.mark.fault("processes", "A process is killed in a run on a node", "keeps others away until the lease ends")
def test_a_process_that_was_killed_in_a_run_leaves_a_lease_that_ends(
    installation: Installation, settings: Settings
) -> None:
    with racing.another_process(settings.instance_path) as there:
        assert there(hold, HOST) == "running"
    [run] = installation.jobs._store.list_runs()
    assert run.until is not None
    assert run.started_at is not None
    assert run.until - run.started_at == timedelta(minutes=15)
    with pytest.raises(Busy), installation.probes._connections.run_turn(OPERATOR, HOST):
        pass
    with installation.probes._connections.run_turn(OPERATOR, f"2.{HOST}"):
        pass


@pytest.mark.fault("same moment", "Two processes send a password to a node", "one does; a refusal makes both wait")
def test_a_process_waits_after_the_refusal_of_another_one(installation: Installation, settings: Settings) -> None:
    with racing.another_process(settings.instance_path) as there:
        assert there(wait, HOST) == "node.sign-in"
    with pytest.raises(TooManyAttempts), installation.node_driver._sign_ins.attempt(OPERATOR, HOST, "administrator"):
        pass
