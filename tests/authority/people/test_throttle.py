"""How often somebody may try, and that nobody gets around it or shuts others out with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from argon2.exceptions import HashingError, VerificationError

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.installation import Installation
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.authority.people.throttle import FREE_ATTEMPTS, Curve
from ca_service.errors import NotAllowed, NotAuthenticated, NotReady, TooManyAttempts
from tests.support.factories import PASSWORD
from tests.support.fakes import FixedClock
from tests.support.people import code_of, proof

ATTACKER = Visit("198.51.100.7", "Guesser/1")
OWNER = Visit("192.0.2.1", "Browser/1")


def guess(people: Installation, name: str = "alice", visit: Visit = ATTACKER, password: str | None = None) -> str:
    """What became of an attempt, with a wrong password unless one is given: a rule, or nothing where it came in."""
    try:
        people.signing_in.with_password(name, password or "wrong", visit)
    except NotAuthenticated as error:
        return error.rule
    return ""


def guess_often(people: Installation, times: int = FREE_ATTEMPTS, **options: object) -> None:
    for _ in range(times):
        assert guess(people, **options) == "sign-in.wrong"  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["alice", "nobody", "not a name"])
@pytest.mark.usefixtures("alice")
def test_after_a_few_failures_one_has_to_wait_whether_there_is_such_an_account_or_not(
    people: Installation, name: str
) -> None:
    guess_often(people, name=name)
    with pytest.raises(TooManyAttempts) as caught:
        people.signing_in.with_password(name, PASSWORD, ATTACKER)
    [finding] = caught.value.findings
    assert finding.rule == "sign-in.wait"
    assert (finding.values["seconds"], finding.values["until"]) == (10, "12:00:10")
    assert finding.remedy.startswith("Wait for 10 seconds, until 12:00:10 UTC")


@pytest.mark.usefixtures("alice")
def test_the_wait_doubles_up_to_an_hour_and_ends_by_itself(people: Installation, clock: FixedClock) -> None:
    guess_often(people)
    for seconds in (10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600):
        clock.advance(seconds=seconds - 1)
        assert guess(people) == "sign-in.wait", seconds
        clock.advance(seconds=1)
        assert guess(people) == "sign-in.wrong", seconds
    clock.advance(hours=1)
    assert guess(people, password=PASSWORD) == ""


def test_no_number_of_failures_is_too_much_to_compute() -> None:
    assert Curve(1, timedelta(seconds=1), timedelta(hours=1)).wait(10**9) == timedelta(hours=1)


@pytest.mark.parametrize("name", ["ALICE", " alice", "alice\t", "Alice\u3000"])
@pytest.mark.usefixtures("alice")
def test_another_way_to_write_the_name_is_no_way_around(people: Installation, name: str) -> None:
    guess_often(people)
    assert guess(people, name) == "sign-in.wait"


def test_a_letter_that_becomes_another_in_lower_case_is_no_way_around(people: Installation) -> None:
    guess_often(people, name="kim")
    assert guess(people, "\u212aim") == "sign-in.wait"


@pytest.mark.usefixtures("alice")
def test_many_addresses_for_one_account_are_counted_together(people: Installation) -> None:
    rules = [guess(people, visit=Visit(f"203.0.113.{number}")) for number in range(40)]
    assert rules == ["sign-in.wrong"] * 25 + ["sign-in.wait"] * 15


def test_many_names_from_one_address_are_counted_together(people: Installation) -> None:
    rules = [guess(people, f"name{number}") for number in range(70)]
    assert rules == ["sign-in.wrong"] * 50 + ["sign-in.wait"] * 20


def test_the_addresses_of_one_ipv6_network_are_one(people: Installation) -> None:
    rules = [guess(people, f"name{number}", Visit(f"2001:db8:1:2::{number:x}")) for number in range(51)]
    assert rules[-1] == "sign-in.wait"
    assert guess(people, "name", Visit("2001:db8:1:3::1")) == "sign-in.wrong"
    assert guess(people, "name", Visit("::ffff:192.0.2.9")) == "sign-in.wrong"


@pytest.mark.usefixtures("alice")
def test_who_fails_elsewhere_does_not_keep_the_owner_out_of_a_browser_that_is_known(people: Installation) -> None:
    known = Visit(OWNER.address, browser=people.signing_in.with_password("alice", PASSWORD, OWNER).browser)
    for number in range(40):
        guess(people, visit=Visit(f"203.0.113.{number}"))
    assert guess(people, visit=OWNER, password=PASSWORD) == "sign-in.wait"  # from another browser, for a while
    assert guess(people, visit=known, password=PASSWORD) == ""


def keep_waiting(people: Installation) -> None:
    """Guess the password of alice from many addresses, until her name has to wait from anywhere."""
    for number in range(40):
        guess(people, visit=Visit(f"203.0.113.{number}"))
    assert guess(people, visit=Visit("203.0.113.200")) == "sign-in.wait"


def enrol_app(people: Installation, account: AccountRecord, clock: FixedClock) -> str:
    """Enrol an authenticator app, and let its first code pass; return its secret."""
    secret = people.second_factors.offer_app(account.actor).secret
    people.second_factors.confirm_app(account.actor, code_of(secret, clock()))
    clock.advance(seconds=30)
    return secret


def test_while_a_name_waits_the_owner_of_password_and_second_factor_signs_in(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret = enrol_app(people, alice, clock)
    keep_waiting(people)
    pending = people.signing_in.with_password("alice", PASSWORD, OWNER)
    assert not pending.is_complete
    assert people.signing_in.second_step(pending.secret, proof(code=code_of(secret, clock())), OWNER).is_complete


def test_while_a_name_waits_a_wrong_password_is_answered_as_without_a_second_factor(
    people: Installation, alice: AccountRecord, clock: FixedClock, recorded: Callable[[], list[AuditEvent]]
) -> None:
    enrol_app(people, alice, clock)
    keep_waiting(people)
    before = len(recorded())
    for _ in range(FREE_ATTEMPTS + 2):
        assert guess(people, visit=ATTACKER) == "sign-in.wait"
    assert guess(people, visit=ATTACKER, password=PASSWORD) == "sign-in.wait"  # this address has to wait for itself
    assert len(recorded()) - before == 1  # that the wait has begun


@pytest.mark.usefixtures("alice")
def test_while_a_name_waits_the_right_password_alone_is_refused_and_does_not_count(
    people: Installation, clock: FixedClock
) -> None:
    keep_waiting(people)
    for _ in range(FREE_ATTEMPTS + 2):
        assert guess(people, visit=OWNER, password=PASSWORD) == "sign-in.wait"
    clock.advance(minutes=15)
    assert guess(people, visit=OWNER, password=PASSWORD) == ""


def test_attempts_at_the_second_step_from_anywhere_are_counted_together(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    enrol_app(people, alice, clock)
    rules = []
    for number in range(30):
        visit = Visit(f"203.0.113.{number}")
        pending = people.signing_in.with_password("alice", PASSWORD, visit)
        with pytest.raises(NotAuthenticated) as caught:
            people.signing_in.second_step(pending.secret, proof(code="000000"), visit)
        rules.append(caught.value.rule)
    assert rules == ["sign-in.not-shown"] * 25 + ["sign-in.wait"] * 5


@pytest.mark.usefixtures("alice")
def test_while_an_account_waits_nothing_is_counted_so_that_it_opens_again_within_a_quarter_of_an_hour(
    people: Installation, clock: FixedClock
) -> None:
    for number in range(200):
        guess(people, visit=Visit(f"203.0.113.{number}"))
        clock.advance(minutes=1)
    for number in range(10):
        guess(people, visit=Visit(f"203.0.113.{number}"))
    clock.advance(minutes=15)
    assert guess(people, visit=OWNER, password=PASSWORD) == ""


@pytest.mark.usefixtures("alice")
def test_a_known_browser_has_a_few_attempts_of_its_own_and_no_more(people: Installation) -> None:
    known = Visit(OWNER.address, browser=people.signing_in.with_password("alice", PASSWORD, OWNER).browser)
    guess_often(people, visit=known)
    assert guess(people, visit=known, password=PASSWORD) == "sign-in.wait"


def test_a_browser_known_to_one_account_is_not_known_to_another(people: Installation, alice: AccountRecord) -> None:
    known = Visit(OWNER.address, browser=people.sessions.open(alice, "password", OWNER).browser)
    guess_often(people, name="bob", visit=known)
    assert guess(people, "bob", Visit(OWNER.address)) == "sign-in.wait"


@pytest.mark.usefixtures("alice")
def test_ones_own_success_does_not_make_an_address_forgotten(people: Installation) -> None:
    for number in range(49):
        guess(people, f"name{number}")
    assert guess(people, password=PASSWORD) == ""
    assert guess(people, "name") == "sign-in.wrong"
    assert guess(people, "other") == "sign-in.wait"


@pytest.mark.usefixtures("alice")
def test_success_makes_failures_forgotten(people: Installation) -> None:
    for _ in range(5):
        guess_often(people, FREE_ATTEMPTS - 1)
        assert guess(people, password=PASSWORD) == ""


def test_the_second_step_is_counted_with_the_first_and_a_right_password_makes_nothing_forgotten(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret = people.second_factors.offer_app(alice.actor).secret
    people.second_factors.confirm_app(alice.actor, code_of(secret, clock()))
    for _ in range(FREE_ATTEMPTS):
        pending = people.signing_in.with_password("alice", PASSWORD, ATTACKER)
        with pytest.raises(NotAuthenticated):
            people.signing_in.second_step(pending.secret, proof(code="000000"), ATTACKER)
    assert guess(people, password=PASSWORD) == "sign-in.wait"
    with pytest.raises(TooManyAttempts):
        people.signing_in.second_step(pending.secret, proof(code=code_of(secret, clock())), ATTACKER)


def test_guesses_with_a_stolen_session_are_counted_and_do_not_lock_its_owner_out(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret = people.sessions.open(alice, "password", OWNER).secret
    clock.advance(minutes=15)
    stolen = people.sessions.find(secret)
    assert stolen
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(NotAuthenticated):
            people.signing_in.confirm(stolen, proof(password="guess"), ATTACKER)
    for act in (
        lambda: people.signing_in.confirm(stolen, proof(password=PASSWORD), ATTACKER),
        lambda: people.signing_in.change_password(stolen, PASSWORD, "four other random words", ATTACKER),
    ):
        with pytest.raises(TooManyAttempts):
            act()
    assert guess(people, visit=OWNER, password=PASSWORD) == ""


@pytest.mark.usefixtures("alice")
def test_an_administrator_ends_the_wait(
    people: Installation, operator: Actor, recorded: Callable[[], list[AuditEvent]]
) -> None:
    guess_often(people)
    assert people.rescue.waits_until(operator, "alice")
    people.rescue.unlock(operator, "ALICE")
    assert people.rescue.waits_until(operator, "alice") is None
    assert guess(people, password=PASSWORD) == ""
    kinds = [event.event for event in recorded()]
    assert kinds.count(Event.SIGN_IN_DELAYED) == kinds.count(Event.ACCOUNT_UNLOCKED) == 1


def test_nobody_else_ends_it(people: Installation, alice: AccountRecord) -> None:
    with pytest.raises(NotAllowed):
        people.rescue.unlock(alice.actor, "alice")


class NoMemory:
    """A hasher on a machine that is short of memory."""

    def hash(self, _password: bytes) -> str:
        """Find no memory."""
        raise HashingError("Memory allocation error")

    def verify(self, _hash: str, _password: bytes) -> bool:
        """Find no memory."""
        raise VerificationError("Memory allocation error")


@pytest.mark.fault("memory", "No memory to check a password", "says so; it counts as no attempt")
@pytest.mark.parametrize("name", ["alice", "nobody"])
@pytest.mark.usefixtures("alice")
def test_a_password_that_could_not_be_checked_is_no_failure(
    people: Installation, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = people.signing_in._passwords
    with monkeypatch.context() as short:
        short.setattr(passwords, "_hasher", NoMemory())
        for _ in range(FREE_ATTEMPTS + 1):
            with pytest.raises(NotReady) as caught:
                people.signing_in.with_password(name, PASSWORD, OWNER)
            assert caught.value.rule == "password.unchecked"
    assert guess(people, name, OWNER, PASSWORD) == ("" if name == "alice" else "sign-in.wrong")
