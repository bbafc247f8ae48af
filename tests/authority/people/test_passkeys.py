"""Passkeys: enrolled, used, and refused where something is not as it was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.installation import Installation
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.errors import Conflict, InvalidInput, NotAuthenticated, NotFound
from tests.support.authenticator import Authenticator
from tests.support.factories import PASSWORD, Lab
from tests.support.fakes import FixedClock
from tests.support.people import PARTY, proof

HERE = Visit("192.0.2.1", "Browser/1")


def enrol(
    people: Installation, account: AccountRecord, device: Authenticator, label: str = "laptop"
) -> tuple[str, ...]:
    """Enrol this device; the recovery codes."""
    options = people.passkeys.options_to_enrol(account.actor, PARTY)
    return people.passkeys.enrol(account.actor, PARTY, label, device.create(options))


def answer(people: Installation, device: Authenticator) -> str:
    """What the device answers to a new question."""
    device.sign_count += 1
    return device.get(people.passkeys.options_to_sign_in(PARTY))


def test_a_passkey_signs_in_without_a_password(
    people: Installation, alice: AccountRecord, recorded: Callable[[], list[AuditEvent]]
) -> None:
    device = Authenticator()
    assert len(enrol(people, alice, device)) == 10
    entered = people.signing_in.with_passkey(proof(credential=answer(people, device)), HERE)
    assert (entered.account, entered.is_complete) == (alice, True)
    [passkey] = people.second_factors.state(alice).passkeys
    assert (passkey.label, passkey.sign_count, passkey.last_used_at is None) == ("laptop", 2, False)
    added = next(event for event in recorded() if event.event is Event.FACTOR_ADDED)
    assert added.details == {"kind": "passkey", "label": "laptop"}


def test_a_passkey_is_not_held_up_by_those_who_guess_the_password_of_its_account(
    people: Installation, alice: AccountRecord
) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    for number in range(40):
        with pytest.raises(NotAuthenticated):
            people.signing_in.with_password("alice", "wrong", Visit(f"203.0.113.{number}"))
    assert people.signing_in.with_passkey(proof(credential=answer(people, device)), HERE).is_complete


def test_a_passkey_is_the_second_step_after_a_password(people: Installation, alice: AccountRecord) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    assert not pending.is_complete
    entered = people.signing_in.second_step(pending.secret, proof(credential=answer(people, device)), HERE)
    assert entered.is_complete


def test_the_passkey_of_another_account_is_no_second_step(
    lab: Lab, people: Installation, operator: Actor, alice: AccountRecord
) -> None:
    bob = lab.accounts.create(operator, "bob", Role.REQUESTER, PASSWORD)
    theirs = Authenticator(credential_id=b"the id of bob's ")
    enrol(people, alice, Authenticator())
    enrol(people, bob, theirs)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    with pytest.raises(NotAuthenticated):
        people.signing_in.second_step(pending.secret, proof(credential=answer(people, theirs)), HERE)


def test_the_question_asks_for_a_person_who_is_verified_and_for_a_key_that_can_be_found(
    people: Installation, alice: AccountRecord
) -> None:
    enrol(people, alice, Authenticator())
    asked = json.loads(people.passkeys.options_to_enrol(alice.actor, PARTY))
    assert asked["rp"]["id"] == "localhost"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert [each["id"] for each in asked["excludeCredentials"]] == [
        people.second_factors.state(alice).passkeys[0].credential_id
    ]
    assert json.loads(people.passkeys.options_to_sign_in(PARTY))["userVerification"] == "required"


@pytest.mark.parametrize("spoilt", [{"origin": "https://evil.example"}, {"party": "evil.example"}, {"verifies": False}])
def test_an_answer_that_was_given_elsewhere_or_without_the_person_is_refused(
    people: Installation, alice: AccountRecord, spoilt: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        enrol(people, alice, Authenticator(**spoilt))
    assert caught.value.rule == "passkey.answer"
    device = Authenticator()
    enrol(people, alice, device)
    for name, value in spoilt.items():
        setattr(device, name, value)
    with pytest.raises(NotAuthenticated) as refused:
        people.signing_in.with_passkey(proof(credential=answer(people, device)), HERE)
    assert refused.value.rule == "passkey.wrong"


def test_an_answer_counts_once(people: Installation, alice: AccountRecord) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    given = answer(people, device)
    people.signing_in.with_passkey(proof(credential=given), HERE)
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=given), HERE)


def test_a_refused_answer_leaves_its_question_open_and_an_accepted_one_ends_it(
    people: Installation, alice: AccountRecord
) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    question = people.passkeys.options_to_sign_in(PARTY)
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=Authenticator().get(question)), HERE)
    device.sign_count = 2
    assert people.signing_in.with_passkey(proof(credential=device.get(question)), HERE).is_complete
    device.sign_count = 3
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=device.get(question)), HERE)


def test_a_question_counts_in_the_browser_that_has_asked_and_in_no_other(
    people: Installation, alice: AccountRecord
) -> None:
    device = Authenticator()
    made = device.create(people.passkeys.options_to_enrol(alice.actor, replace(PARTY, browser="mine")))
    for browser in ("", "other"):
        with pytest.raises(InvalidInput):
            people.passkeys.enrol(alice.actor, replace(PARTY, browser=browser), "laptop", made)
    assert people.passkeys.enrol(alice.actor, replace(PARTY, browser="mine"), "laptop", made)
    device.sign_count = 2
    given = device.get(people.passkeys.options_to_sign_in(replace(PARTY, browser="mine")))
    with pytest.raises(NotAuthenticated):
        people.passkeys.verify(replace(PARTY, browser="other"), given)
    assert people.passkeys.verify(replace(PARTY, browser="mine"), given) == alice.id


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: ("B" if text[0] == "A" else "A") + text[1:],
        lambda text: text[:-4],
        lambda text: text[:20],
        lambda _: "",
    ],
)
def test_a_question_that_was_not_asked_here_counts_nowhere(
    people: Installation, alice: AccountRecord, spoil: Callable[[str], str]
) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    asked = json.loads(people.passkeys.options_to_sign_in(PARTY))
    asked["challenge"] = spoil(asked["challenge"])
    device.sign_count = 2
    with pytest.raises(NotAuthenticated):
        people.passkeys.verify(PARTY, device.get(json.dumps(asked)))


def test_a_question_costs_no_row(lab: Lab, alice: AccountRecord) -> None:
    lab.passkeys.options_to_sign_in(PARTY)
    lab.passkeys.options_to_enrol(alice.actor, PARTY)
    store: Any = lab.edges.factors
    assert not store._challenges


def test_an_answer_to_an_old_question_is_refused(people: Installation, alice: AccountRecord, clock: FixedClock) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    given = answer(people, device)
    clock.advance(minutes=5)
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=given), HERE)


def test_a_counter_that_has_not_grown_means_a_copied_key(people: Installation, alice: AccountRecord) -> None:
    device = Authenticator(sign_count=7)
    enrol(people, alice, device)
    device.sign_count = 5
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=answer(people, device)), HERE)


def test_a_key_of_somebody_else_under_the_same_name_is_refused(people: Installation, alice: AccountRecord) -> None:
    enrol(people, alice, Authenticator())
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=answer(people, Authenticator())), HERE)


@pytest.mark.parametrize("credential", ["", "{", "[]", "{}", '{"id": 1, "response": 2}', "x" * 100_000, "\udc80"])
def test_what_is_no_answer_is_refused(people: Installation, alice: AccountRecord, credential: str) -> None:
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=credential), HERE)
    with pytest.raises(InvalidInput):
        people.passkeys.enrol(alice.actor, PARTY, "laptop", credential)


def test_the_question_of_another_account_enrols_nothing(
    lab: Lab, people: Installation, operator: Actor, alice: AccountRecord
) -> None:
    bob = lab.accounts.create(operator, "bob", Role.REQUESTER, PASSWORD)
    made = Authenticator().create(people.passkeys.options_to_enrol(alice.actor, PARTY))
    with pytest.raises(InvalidInput):
        people.passkeys.enrol(bob.actor, PARTY, "laptop", made)


def test_a_question_to_sign_in_enrols_nothing(people: Installation, alice: AccountRecord) -> None:
    made = Authenticator().create(people.passkeys.options_to_sign_in(PARTY))
    with pytest.raises(InvalidInput):
        people.passkeys.enrol(alice.actor, PARTY, "laptop", made)


def test_a_device_is_enrolled_once(people: Installation, alice: AccountRecord) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    with pytest.raises(Conflict):
        enrol(people, alice, device)


def test_the_passkey_of_a_disabled_account_opens_nothing(
    lab: Lab, people: Installation, operator: Actor, alice: AccountRecord
) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    lab.accounts.set_disabled(operator, "alice", disabled=True)
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=answer(people, device)), HERE)


def test_a_removed_passkey_opens_nothing_and_the_password_is_enough_again(
    people: Installation, alice: AccountRecord
) -> None:
    device = Authenticator()
    enrol(people, alice, device)
    people.passkeys.remove(alice.actor, people.second_factors.state(alice).passkeys[0].id)
    with pytest.raises(NotAuthenticated):
        people.signing_in.with_passkey(proof(credential=answer(people, device)), HERE)
    assert people.signing_in.with_password("alice", PASSWORD, HERE).is_complete
    with pytest.raises(NotFound):
        people.passkeys.remove(alice.actor, 1)


def test_a_passkey_needs_a_name(people: Installation, alice: AccountRecord) -> None:
    with pytest.raises(InvalidInput) as caught:
        enrol(people, alice, Authenticator(), " ")
    assert caught.value.findings[0].pointer == "/label"


def test_no_more_than_twenty_passkeys_are_kept(people: Installation, alice: AccountRecord) -> None:
    for number in range(20):
        enrol(people, alice, Authenticator(credential_id=b"device %9d" % number))
    with pytest.raises(InvalidInput):
        enrol(people, alice, Authenticator())
