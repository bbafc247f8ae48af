"""Names, passwords and the second step; what is refused, and what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service.authority.access.credentials import loggable_name
from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.installation import Installation
from ca_service.authority.people.records import AccountRecord, Counter, OpenSession, Visit
from ca_service.authority.people.sessions import SignInResult
from ca_service.authority.people.signing_in import SigningIn
from ca_service.authority.people.throttle import Throttle
from ca_service.deadline import DATABASE_INTERRUPTED
from ca_service.errors import Interrupted, InvalidInput, NotAuthenticated
from tests.support.factories import PASSWORD, Lab
from tests.support.fakes import FixedClock
from tests.support.people import InMemoryAttemptStore, can_sign_in, code_of, proof

OTHER_PASSWORD = "another long password"
HERE = Visit("192.0.2.1", "Browser/1")
Events = Callable[[], list[AuditEvent]]


def enrol(people: Installation, actor: Actor, clock: FixedClock) -> tuple[str, tuple[str, ...]]:
    """(secret of the app, recovery codes) of somebody who enrols an app; its first code is used then."""
    secret = people.second_factors.offer_app(actor).secret
    return secret, people.second_factors.confirm_app(actor, code_of(secret, clock()))


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", OTHER_PASSWORD), ("alice", ""), ("nobody", PASSWORD), ("", ""), ("\udc80", "\udc80"),
     ("alice", PASSWORD + "x" * 10_000)],
)  # fmt: skip
@pytest.mark.usefixtures("alice")
def test_a_wrong_name_or_password_is_refused_without_saying_which(
    people: Installation, name: str, password: str
) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        people.signing_in.with_password(name, password, HERE)
    assert (caught.value.rule, str(caught.value)[:26]) == ("sign-in.wrong", "Name or password is wrong.")


def test_a_password_hash_that_is_none_opens_nothing(lab: Lab, alice: AccountRecord, recorded: Events) -> None:
    lab.account_store.update_account(replace(alice, password_hash="!", session_epoch=1), recorded()[0])
    assert not can_sign_in(lab.signing_in, "alice", PASSWORD)


def test_signing_in_and_failing_to_are_recorded(people: Installation, alice: AccountRecord, recorded: Events) -> None:
    people.signing_in.with_password("Alice", PASSWORD, HERE)
    for name in ("alice", "eve", "correct horse"):
        assert not can_sign_in(people.signing_in, name, "wrong")
    assert [(event.event, event.actor, event.subject, event.origin) for event in recorded()[1:]] == [
        (Event.SIGN_IN_FAILED, "anonymous", "alice", ""),
        (Event.SIGN_IN_FAILED, "anonymous", "eve", ""),
        (Event.SIGN_IN_FAILED, "anonymous", "(not recorded)", ""),
        (Event.SIGNED_IN, alice.name, alice.name, "192.0.2.1"),
    ]


@pytest.mark.parametrize(
    ("typed", "recorded_as"), [("eve", "eve"), ("tr0ub4dor-and-3", "(not recorded)"), ("a b", "(not recorded)")]
)
def test_what_could_be_a_password_is_not_recorded(typed: str, recorded_as: str) -> None:
    assert loggable_name(typed) == recorded_as


def test_a_new_password_of_ones_own_replaces_the_old(people: Installation, alice: AccountRecord) -> None:
    session = opened(people, people.signing_in.with_password(alice.name, PASSWORD, HERE))
    entered = people.signing_in.change_password(session, PASSWORD, OTHER_PASSWORD, HERE)
    assert people.sessions.find(entered.secret)
    assert can_sign_in(people.signing_in, "alice", OTHER_PASSWORD)
    assert not can_sign_in(people.signing_in, "alice", PASSWORD)


@pytest.mark.parametrize(
    ("old", "new", "rule"), [(OTHER_PASSWORD, OTHER_PASSWORD, "password.old"), (PASSWORD, "short", "password.weak")]
)
def test_a_password_is_not_changed_by_mistake(
    people: Installation, alice: AccountRecord, old: str, new: str, rule: str
) -> None:
    session = opened(people, people.signing_in.with_password(alice.name, PASSWORD, HERE))
    with pytest.raises(InvalidInput) as caught:
        people.signing_in.change_password(session, old, new, HERE)
    assert caught.value.rule == rule
    assert can_sign_in(people.signing_in, "alice", PASSWORD)


def opened(people: Installation, entered: SignInResult) -> OpenSession:
    """The session of somebody who has come in."""
    found = people.sessions.find(entered.secret)
    assert found
    return found


# The second step


def test_with_a_second_factor_the_password_opens_nothing_by_itself(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret, _ = enrol(people, alice.actor, clock)
    clock.advance(seconds=30)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    assert not pending.is_complete
    assert people.sessions.find(pending.secret) is None

    entered = people.signing_in.second_step(pending.secret, proof(code=code_of(secret, clock())), HERE)

    session = opened(people, entered)
    assert session.record.method == "password, authenticator app"
    assert entered.secret != pending.secret
    assert people.sessions.find_pending(pending.secret) is None


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_code_counts_one_step_before_and_after(
    people: Installation, alice: AccountRecord, clock: FixedClock, seconds: int
) -> None:
    secret, _ = enrol(people, alice.actor, clock)
    clock.advance(minutes=5)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    at = clock() + timedelta(seconds=seconds)
    assert people.signing_in.second_step(pending.secret, proof(code=code_of(secret, at)), HERE).is_complete


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_code_of_another_time_is_refused(
    people: Installation, alice: AccountRecord, clock: FixedClock, seconds: int
) -> None:
    secret, _ = enrol(people, alice.actor, clock)
    clock.advance(minutes=5)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    code = code_of(secret, clock())
    clock.advance(seconds=seconds)
    with pytest.raises(NotAuthenticated):
        people.signing_in.second_step(pending.secret, proof(code=code), HERE)


def test_a_code_counts_once(people: Installation, alice: AccountRecord, clock: FixedClock) -> None:
    secret, _ = enrol(people, alice.actor, clock)
    clock.advance(minutes=5)
    code = code_of(secret, clock())
    first, second = (people.signing_in.with_password("alice", PASSWORD, HERE) for _ in range(2))
    assert people.signing_in.second_step(first.secret, proof(code=code), HERE).is_complete
    with pytest.raises(NotAuthenticated) as caught:
        people.signing_in.second_step(second.secret, proof(code=code), HERE)
    assert caught.value.rule == "sign-in.not-shown"


def test_a_recovery_code_counts_once_however_it_is_typed(
    people: Installation, alice: AccountRecord, clock: FixedClock, recorded: Events
) -> None:
    _, codes = enrol(people, alice.actor, clock)
    assert (len(set(codes)), people.second_factors.state(alice).codes_left) == (10, 10)
    typed = codes[3].lower().replace("-", " ")
    first, second = (people.signing_in.with_password("alice", PASSWORD, HERE) for _ in range(2))

    assert people.signing_in.second_step(first.secret, proof(code=typed), HERE).is_complete

    with pytest.raises(NotAuthenticated):
        people.signing_in.second_step(second.secret, proof(code=codes[3]), HERE)
    assert people.second_factors.state(alice).codes_left == 9
    assert Event.RECOVERY_CODE_USED in [event.event for event in recorded()]
    assert not [event for event in recorded() if codes[3] in str(event)]


@pytest.mark.parametrize("shown", [{}, {"password": PASSWORD}, {"code": "000000"}, {"code": "x"}, {"credential": "{}"}])
def test_nothing_else_does_for_the_second_step(
    people: Installation, alice: AccountRecord, clock: FixedClock, shown: dict[str, str], recorded: Events
) -> None:
    enrol(people, alice.actor, clock)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    with pytest.raises(NotAuthenticated):
        people.signing_in.second_step(pending.secret, proof(**shown), HERE)
    failed = next(event for event in recorded() if event.event is Event.SIGN_IN_FAILED)
    assert (failed.subject, failed.details, failed.origin) == ("alice", {"step": "second step"}, HERE.address)


def test_the_second_step_has_to_follow_within_ten_minutes(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret, _ = enrol(people, alice.actor, clock)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    clock.advance(minutes=10, seconds=1)
    with pytest.raises(NotAuthenticated) as caught:
        people.signing_in.second_step(pending.secret, proof(code=code_of(secret, clock())), HERE)
    assert caught.value.rule == "sign-in.over"


def test_a_new_password_ends_a_sign_in_that_is_halfway(
    lab: Lab, operator: Actor, alice: AccountRecord, clock: FixedClock
) -> None:
    secret, _ = enrol(lab, alice.actor, clock)
    clock.advance(minutes=5)
    pending = lab.signing_in.with_password("alice", PASSWORD, HERE)
    lab.accounts.set_password(operator, "alice", OTHER_PASSWORD)
    with pytest.raises(NotAuthenticated):
        lab.signing_in.second_step(pending.secret, proof(code=code_of(secret, clock())), HERE)


# Confirming


@pytest.mark.parametrize("shown", [{"password": "wrong"}, {"code": "000000"}, {"credential": "x"}, {}])
def test_a_confirmation_that_shows_nothing_is_refused_and_recorded(
    people: Installation, alice: AccountRecord, clock: FixedClock, shown: dict[str, str], recorded: Events
) -> None:
    session = opened(people, people.sessions.open(alice, "password", HERE))
    clock.advance(minutes=10)
    with pytest.raises(NotAuthenticated):
        people.signing_in.confirm(session, proof(**shown), HERE)
    assert Event.SIGN_IN_FAILED in [event.event for event in recorded()]
    assert not people.sessions.is_fresh(session)


def test_password_or_code_confirms_for_ten_minutes(
    people: Installation, alice: AccountRecord, clock: FixedClock, recorded: Events
) -> None:
    secret, _ = enrol(people, alice.actor, clock)
    entered = people.sessions.open(alice, "password", HERE)
    for by_app in (False, True):
        clock.advance(minutes=10)
        session = opened(people, entered)
        assert not people.sessions.is_fresh(session)
        shown = proof(code=code_of(secret, clock())) if by_app else proof(password=PASSWORD)
        people.signing_in.confirm(session, shown, HERE)
        clock.advance(minutes=9, seconds=59)
        assert people.sessions.is_fresh(opened(people, entered))
    methods = [event.details for event in recorded() if event.event is Event.SIGN_IN_CONFIRMED]
    assert methods == [{"method": "password"}, {"method": "authenticator app"}]


class BusyAttempts(InMemoryAttemptStore):
    """Attempts that can be counted, but not taken back: another process writes by then."""

    def take_back(self, counters: Sequence[Counter]) -> None:  # noqa: ARG002 - the port's
        """See the port."""
        raise Interrupted.because(DATABASE_INTERRUPTED)

    clear = take_back


def test_a_session_that_exists_counts_though_its_attempt_cannot_be_taken_back(
    lab: Lab, alice: AccountRecord, clock: FixedClock
) -> None:
    throttle = Throttle(BusyAttempts(), clock)
    signing_in = SigningIn(
        store=lab.edges.accounts,
        accounts=lab.accounts,
        passwords=lab.edges.passwords,
        throttle=throttle,
        sessions=lab.sessions,
        factors=lab.second_factors,
        passkeys=lab.passkeys,
        clock=clock,
    )
    first = signing_in.with_password("alice", PASSWORD, HERE)
    session = lab.sessions.find(first.secret)
    assert session
    signing_in.confirm(session, proof(password=PASSWORD), HERE)

    secret, _ = enrol(lab, alice.actor, clock)
    clock.advance(minutes=1)
    pending = signing_in.with_password("alice", PASSWORD, HERE)
    assert not pending.is_complete
    assert signing_in.second_step(pending.secret, proof(code=code_of(secret, clock())), HERE).is_complete
