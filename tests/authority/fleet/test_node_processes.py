"""Runs on nodes in several processes: one run on a node, and one wait after a refused password, for all of them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from ca_service import deadline
from ca_service.app.composition import Randomness, Time, compose
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import Event
from ca_service.authority.fleet.node_contact import NODE_SIGN_IN, Contact, Credentials, Place, Unanswered, Warrant
from ca_service.authority.fleet.node_plan import Kind, Order, Plan
from ca_service.authority.fleet.node_run import Run
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.run_leases import RUN_LEASE
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.errors import Busy, CAServiceError, Conflict, Interrupted, NotAllowed, TooManyAttempts, Unreachable
from ca_service.lab.node import LabNode
from ca_service.nodes.client import SECONDS
from ca_service.nodes.wire import NODE_UNREACHABLE
from ca_service.settings import Settings
from tests.authority import racing
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import FixedClock, counting_serial_numbers
from tests.support.nodes import Killed

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
    clock.advance(seconds=179)
    with pytest.raises(Busy):
        plan(other)
    clock.advance(seconds=1)
    running = begun(other)
    killed.close()  # it was only slow: the lease is no longer its own
    with pytest.raises(Busy):
        plan(lab)
    running.finish()


def test_each_call_extends_the_lease_of_a_living_run(lab: Lab, other: Installation, clock: FixedClock) -> None:
    def slowly(name: str) -> None:
        with pytest.raises(Busy):
            plan(other)
        clock.advance(minutes=2 if name.startswith("before") else 0)
        with pytest.raises(Busy):
            plan(other)

    running = begun(lab)
    clock.advance(minutes=5)  # the client takes its time, and no other run wants the node
    lab.node_client.hook = slowly
    running.finish()


def test_a_run_that_was_stopped_for_so_long_that_another_one_has_begun_sends_nothing(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    stopped = begun(lab)
    clock.advance(minutes=3)
    running = begun(other)
    with pytest.raises(Conflict) as error:
        stopped.finish()
    assert error.value.rule == "node.lease-lost"
    assert lab.node_client.nodes[HOST].calls == {}
    running.finish()


def test_a_run_that_was_stopped_before_it_signs_signs_nothing_once_another_one_has_begun(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    stopped = begun(lab)
    next(change for change in stopped if change.kind is Kind.SIGN)
    clock.advance(minutes=3)
    running = begun(other)
    with pytest.raises(Conflict) as error:
        stopped.finish()
    assert error.value.rule == "node.lease-lost"
    assert lab.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates == ()
    running.finish()


def test_a_plan_marks_slots_under_its_lease_however_long_the_node_takes(
    lab: Lab, other: Installation, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(_: str) -> None:
        clock.advance(minutes=1)

    def marked(*arguments: Any) -> Any:
        clock.advance(minutes=1)
        with pytest.raises(Busy), other.probes._connections.run_turn(OPERATOR, HOST, [f"name {HOST}"]):
            pass
        return mark(*arguments)

    lab.fleet.create(OPERATOR, "Phones", [NodeInput(HOST, "cucm", "15", "publisher")])
    begun(lab).finish()
    for each in lab.fleet.list_marks(OPERATOR, 1):
        lab.handover.mark(OPERATOR, 1, each.step, done=False)
    lab.node_client.hook = slowly
    mark = lab.edges.fleet.set_mark
    monkeypatch.setattr(lab.edges.fleet, "set_mark", marked)
    assert plan(lab).changes == ()
    assert len(lab.fleet.list_marks(OPERATOR, 1)) == 2


def test_a_lease_is_longer_than_a_call_with_what_is_stored_before_it() -> None:
    assert RUN_LEASE.total_seconds() > SECONDS + 30


ALIAS: Final = "alias.example.com"


def known_as(found: Contact, *, host: str = HOST, address: str = "192.0.2.7", der: str = "") -> Contact:
    """The same node by another name, at another address or with the certificate of this other node."""
    place = replace(found.place, host=host, address=address)
    other = LabNode(der, "", now=lambda: found.certificate.not_valid_before_utc, stopwatch=lambda: 0.0) if der else None
    return replace(found, place=place, certificate=other.served.ecdsa[0].certificate if other else found.certificate)


@pytest.mark.parametrize(
    ("host", "address", "der"),
    [
        (ALIAS, "192.0.2.7", ALIAS),  # another name, and after a restart another certificate
        (ALIAS, "::ffff:192.0.2.7", ALIAS),
        (ALIAS, "2001:db8::7", ""),
        ("192.0.2.7", "192.0.2.7", ALIAS),
        (HOST, "2001:db8::7", ALIAS),
    ],
)
def test_a_node_is_the_same_by_its_name_its_address_or_its_certificate(
    lab: Lab, other: Installation, host: str, address: str, der: str
) -> None:
    found = contact(lab)
    same = known_as(found, host=host, address=address, der=der)
    lab.node_client.nodes[host] = lab.node_client.nodes[HOST]
    running = begun(lab)
    with pytest.raises(Busy):
        other.node_driver.plan(OPERATOR, same, CREDENTIALS, ORDER)
    running.close()
    with pytest.raises(NotAllowed):
        plan(lab, WRONG)
    with pytest.raises(TooManyAttempts):
        other.node_driver.plan(OPERATOR, same, CREDENTIALS, ORDER)
    assert lab.node_client.nodes[HOST]._failures == 1


def test_nodes_that_share_nothing_are_two(lab: Lab, other: Installation) -> None:
    found = contact(lab)
    second = known_as(found, host=ALIAS, address="192.0.2.8", der=ALIAS)
    lab.node_client.nodes[ALIAS] = LabNode(ALIAS, CREDENTIALS.password, now=lab.clock, stopwatch=lambda: 0.0)
    with pytest.raises(NotAllowed):
        plan(lab, WRONG)
    assert other.node_driver.plan(OPERATOR, second, CREDENTIALS, ORDER).changes


def test_a_run_that_does_not_get_every_identity_keeps_none(lab: Lab, other: Installation) -> None:
    found = contact(lab)
    lab.node_client.nodes[ALIAS] = lab.node_client.nodes[HOST]
    running = begun(lab)
    with pytest.raises(Busy):
        other.node_driver.plan(OPERATOR, known_as(found, host=ALIAS, der=ALIAS), CREDENTIALS, ORDER)
    assert len(lab.edges.jobs.list_runs()) == 3
    running.close()
    assert lab.edges.jobs.list_runs() == ()


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


def test_the_refusal_of_a_password_is_recorded_at_its_start_and_in_the_middle_of_a_run(
    lab: Lab, clock: FixedClock
) -> None:
    with pytest.raises(NotAllowed):
        plan(lab, WRONG)
    clock.advance(minutes=5)
    running = begun(lab)
    lab.node_client.nodes[HOST]._password = "changed"
    with pytest.raises(NotAllowed):
        running.finish()
    stored = [*lab.edges.events._own, *lab.edges.attempts.events]  # type: ignore[attr-defined]
    refused = [each for each in stored if each.event is Event.NODE_SIGN_IN_REFUSED]
    assert [(each.subject, each.details) for each in refused] == [
        (HOST, {"user": "Administrator"}),
        (HOST, {"user": "administrator"}),
    ]


def _busy(*_: object) -> None:
    raise deadline.busy()


def _require_wait_left_by_one_failure(lab: Lab, other: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail unless the next run waits, once the database works again, and the node has refused one password."""
    monkeypatch.undo()
    lab.node_client.hook = lambda _: None
    with pytest.raises(TooManyAttempts):
        plan(other)
    assert lab.node_client.nodes[HOST]._failures == 1


def test_a_database_that_fails_after_the_answer_of_the_node_leaves_the_wait(
    lab: Lab, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_the_call(name: str) -> None:
        for store, names in ((lab.edges.attempts, ("count", "clear", "take_back")), (lab.edges.events, ("add_event",))):
            for each in names if name == "before read" else ():
                monkeypatch.setattr(store, each, _busy)

    lab.node_client.hook = after_the_call
    with suppress(CAServiceError):
        plan(lab, WRONG)
    _require_wait_left_by_one_failure(lab, other, monkeypatch)


def test_a_database_that_fails_after_a_refusal_in_the_middle_of_a_run_leaves_the_wait(
    lab: Lab, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(name: str) -> None:
        if name == "before trust":
            lab.node_client.nodes[HOST]._password = "changed"
            for each in ("count", "clear", "take_back"):
                monkeypatch.setattr(lab.edges.attempts, each, _busy)

    lab.node_client.hook = refuses
    running = begun(lab)
    with pytest.raises(CAServiceError):
        running.finish()
    _require_wait_left_by_one_failure(lab, other, monkeypatch)


def test_a_run_that_cannot_store_the_wait_makes_no_further_call(
    lab: Lab, other: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = begun(lab)
    next(change for change in running if change.kind is Kind.TRUST)
    monkeypatch.setattr(lab.edges.attempts, "count", _busy)
    calls = Counter(lab.node_client.nodes[HOST].calls)
    with pytest.raises(Interrupted):
        running.finish()
    assert lab.node_client.nodes[HOST].calls == calls
    monkeypatch.undo()
    assert plan(other).changes  # nothing was sent, so no one waits


def test_a_run_has_one_event_of_its_sign_in_however_many_calls_it_makes(lab: Lab) -> None:
    begun(lab).finish()
    tried = [each for each in lab.edges.attempts.events if each.event is Event.NODE_SIGN_IN_TRIED]  # type: ignore[attr-defined]
    assert [each.subject for each in tried] == [HOST] * 2  # of the plan, and of the run


def test_a_process_that_is_killed_while_the_node_judges_a_password_leaves_the_wait(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    def killed(_: str) -> None:
        raise Killed

    lab.node_client.hook = killed
    with pytest.raises(Killed):
        plan(lab)
    lab.node_client.hook = lambda _: None
    with pytest.raises(TooManyAttempts):
        plan(other)
    clock.advance(minutes=5)
    assert plan(other).changes


def test_a_node_that_does_not_answer_makes_nobody_wait(lab: Lab, other: Installation) -> None:
    def unreachable(_: str) -> None:
        raise Unreachable.because(NODE_UNREACHABLE, host=HOST, port=443, reason="closed")

    lab.node_client.hook = unreachable
    with pytest.raises(Unreachable):
        plan(lab)
    lab.node_client.hook = lambda _: None
    assert plan(other).changes


def test_a_node_that_says_nothing_of_a_password_that_was_sent_leaves_the_wait(lab: Lab, other: Installation) -> None:
    def unanswered(_: str) -> None:
        raise Unanswered.because(NODE_UNREACHABLE, host=HOST, port=443, reason="closed")

    lab.node_client.hook = unanswered
    with pytest.raises(Unanswered):
        plan(lab)
    with pytest.raises(TooManyAttempts):
        plan(other)


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


def refused(process: Installation, who: Actor, user: str) -> str:
    """Send a wrong password as this account of ours and this user of the node; return the rule of the refusal."""
    with pytest.raises(CAServiceError) as error:
        process.node_driver.plan(who, contact(process), Credentials(user, "wrong"), ORDER)
    return error.value.rule


def test_three_refused_passwords_make_an_account_wait_at_every_node_and_for_every_user_of_it(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    who = actor(Role.REQUESTER)
    assert [refused(process, who, user) for user, process in (("a", lab), ("b", other), ("c", lab))] == [
        "node.sign-in"
    ] * 3
    second = known_as(contact(lab), host=ALIAS, address="192.0.2.8", der=ALIAS)
    lab.node_client.nodes[ALIAS] = LabNode(ALIAS, CREDENTIALS.password, now=clock, stopwatch=lambda: 0.0)
    clock.advance(minutes=14)
    with pytest.raises(TooManyAttempts) as error:
        other.node_driver.plan(who, second, CREDENTIALS, ORDER)
    assert error.value.rule == "node.account-wait"
    assert "60 seconds, after 12:15:00 UTC" in str(error.value)
    lab.node_client.nodes[HOST]._failures = 0
    assert plan(other).changes  # the operator, and every other account
    clock.advance(minutes=1)
    assert other.node_driver.plan(who, second, CREDENTIALS, ORDER).changes
    assert refused(lab, who, "d") == "node.sign-in"
    clock.advance(minutes=29)
    assert refused(lab, who, "e") == "node.account-wait"
    delayed = [each for each in lab.edges.attempts.events if each.event is Event.NODE_SIGN_INS_DELAYED]  # type: ignore[attr-defined]
    assert [each.subject for each in delayed] == [who.name] * 2


def test_an_administrator_ends_the_wait_of_an_account_at_nodes_and_its_failures_count_no_more(
    lab: Lab, other: Installation, clock: FixedClock
) -> None:
    account = lab.accounts.create(OPERATOR, "nina", Role.REQUESTER, "four random words work")
    for user in ("a", "b", "c"):
        assert refused(lab, account.actor, user) == "node.sign-in"
    assert lab.rescue.waits_until(OPERATOR, "nina") == clock() + timedelta(minutes=15)
    assert refused(lab, account.actor, "d") == "node.account-wait"
    other.rescue.unlock(OPERATOR, "nina")
    assert lab.rescue.waits_until(OPERATOR, "nina") is None
    for user in ("d", "e"):
        lab.node_client.nodes[HOST]._failures = 0
        assert refused(lab, account.actor, user) == "node.sign-in"
    assert refused(lab, account.actor, "a") == "node.wait"  # the user of the node waits on: that protects the node


def test_runs_of_one_account_on_many_nodes_and_right_passwords_make_nobody_wait(lab: Lab) -> None:
    for _ in range(5):
        assert lab.node_driver.plan(actor(Role.REQUESTER), contact(lab), CREDENTIALS, ORDER).changes


_held = ExitStack()


def somewhere(host: str = HOST) -> Contact:
    """A contact with a node that nothing connects to."""
    node = LabNode(host, "", now=lambda: datetime(2026, 1, 1, tzinfo=UTC), stopwatch=lambda: 0.0)
    return Contact(Place(host, "192.0.2.7", 443), node.served.ecdsa[0].certificate, Warrant.PINNED)


def hold(installation: Installation, host: str) -> str:
    """Begin a run and do not end it."""
    _held.enter_context(installation.probes._connections.run_turn(OPERATOR, host, [f"name {host}"]))
    return "running"


def wait(installation: Installation, host: str) -> str:
    """Be refused by a node."""
    with installation.node_driver._sign_ins.attempt(OPERATOR, somewhere(host), "administrator"):
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
    assert run.until - run.started_at == timedelta(minutes=3)
    with pytest.raises(Busy), installation.probes._connections.run_turn(OPERATOR, HOST, [f"name {HOST}"]):
        pass
    with installation.probes._connections.run_turn(OPERATOR, f"2.{HOST}", [f"name 2.{HOST}"]):
        pass


@pytest.mark.fault("same moment", "Two processes send a password to a node", "one does; a refusal makes both wait")
def test_a_process_waits_after_the_refusal_of_another_one(installation: Installation, settings: Settings) -> None:
    with racing.another_process(settings.instance_path) as there:
        assert there(wait, HOST) == "node.sign-in"
    with (
        pytest.raises(TooManyAttempts),
        installation.node_driver._sign_ins.attempt(OPERATOR, somewhere(), "administrator"),
    ):
        pass
