"""Authenticator apps, recovery codes, links and what an administrator resets."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.installation import Installation
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.errors import Conflict, InvalidInput, NotFound, NotReady
from tests.support.factories import PASSWORD, Lab
from tests.support.fakes import FixedClock
from tests.support.people import InMemorySecretBox, can_sign_in, code_of, proof

HERE = Visit("192.0.2.1", "Browser/1")
Events = Callable[[], list[AuditEvent]]


def with_app(people: Installation, account: AccountRecord, clock: FixedClock) -> tuple[str, tuple[str, ...]]:
    """(secret, recovery codes) of somebody who has an app now."""
    secret = people.second_factors.offer_app(account.actor).secret
    return secret, people.second_factors.confirm_app(account.actor, code_of(secret, clock()))


def test_the_picture_names_us_and_the_account(people: Installation, alice: AccountRecord) -> None:
    offer = people.second_factors.offer_app(alice.actor)
    parts = urlsplit(offer.uri)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/ca_service:alice")
    assert parse_qs(parts.query) == {"secret": [offer.secret], "issuer": ["ca_service"]}
    assert people.second_factors.pending_app(alice.actor) == offer


def test_the_secret_is_kept_sealed(lab: Lab, people: Installation, alice: AccountRecord) -> None:
    secret = people.second_factors.offer_app(alice.actor).secret
    found = lab.edges.factors.find_totp(alice.id)
    assert found
    assert secret.encode() not in found.sealed


def test_an_offer_protects_nothing_until_a_code_confirms_it(
    people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    older = people.second_factors.offer_app(alice.actor).secret
    newer = people.second_factors.offer_app(alice.actor).secret
    assert people.signing_in.with_password("alice", PASSWORD, HERE).is_complete
    for code in ("", "000000", code_of(older, clock())):
        with pytest.raises(InvalidInput) as caught:
            people.second_factors.confirm_app(alice.actor, code)
        assert caught.value.rule == "totp.code"
    assert len(people.second_factors.confirm_app(alice.actor, code_of(newer, clock()))) == 10
    assert people.second_factors.pending_app(alice.actor) is None
    assert not people.signing_in.with_password("alice", PASSWORD, HERE).is_complete


def test_the_code_that_confirmed_signs_nobody_in(people: Installation, alice: AccountRecord, clock: FixedClock) -> None:
    secret, _ = with_app(people, alice, clock)
    assert people.second_factors.use_code(alice, code_of(secret, clock()), "") == ""


def test_an_app_is_replaced_only_after_it_was_removed(
    people: Installation, alice: AccountRecord, clock: FixedClock, recorded: Events
) -> None:
    with_app(people, alice, clock)
    with pytest.raises(Conflict) as caught:
        people.second_factors.offer_app(alice.actor)
    assert caught.value.rule == "totp.enrolled"
    with pytest.raises(Conflict):
        people.second_factors.confirm_app(alice.actor, "000000")
    people.second_factors.remove_app(alice.actor)
    assert not people.second_factors.state(alice).has_factor
    assert people.second_factors.state(alice).codes_left == 0
    kinds = [event.event for event in recorded() if "factor" in event.event]
    assert kinds == [Event.FACTOR_ADDED, Event.FACTOR_REMOVED]


def test_new_recovery_codes_replace_the_old(people: Installation, alice: AccountRecord, clock: FixedClock) -> None:
    with pytest.raises(Conflict):
        people.second_factors.new_codes(alice.actor)
    _, old = with_app(people, alice, clock)
    new = people.second_factors.new_codes(alice.actor)
    assert not set(old) & set(new)
    assert people.second_factors.use_code(alice, old[0], "") == ""
    assert people.second_factors.use_code(alice, new[0], "") == "recovery code"
    assert people.second_factors.state(alice).codes_left == 9


def test_without_its_key_a_restored_database_says_what_to_do_and_recovery_codes_still_work(
    lab: Lab, people: Installation, alice: AccountRecord, clock: FixedClock
) -> None:
    secret, codes = with_app(people, alice, clock)
    secret_box = lab.edges.secret_box
    assert isinstance(secret_box, InMemorySecretBox)
    secret_box.is_lost = True
    with pytest.raises(NotReady):
        people.second_factors.use_code(alice, code_of(secret, clock()), "")
    assert people.second_factors.use_code(alice, codes[0], "") == "recovery code"


def test_a_role_that_needs_a_second_factor_lacks_it_until_one_is_confirmed(operator: Actor, clock: FixedClock) -> None:
    lab = Lab(clock=clock, second_factor_required_of=(Role.ADMINISTRATOR,))
    root = lab.accounts.create(operator, "root", Role.ADMINISTRATOR, PASSWORD)
    bob = lab.accounts.create(operator, "bob", Role.REQUESTER, PASSWORD)
    secret = lab.second_factors.offer_app(root.actor).secret
    assert [lab.second_factors.is_lacking(each) for each in (root, bob)] == [True, False]
    lab.second_factors.confirm_app(root.actor, code_of(secret, clock()))
    assert not lab.second_factors.is_lacking(root)


# Links


def test_somebody_who_is_invited_chooses_the_password(people: Installation, operator: Actor, recorded: Events) -> None:
    made = people.links.invite(operator, "Carol", Role.APPROVER)
    assert (made.account.name, made.account.role) == ("carol", Role.APPROVER)
    assert not can_sign_in(people.signing_in, "carol", "")
    assert people.links.check(made.secret) == made.account
    people.links.use(made.secret, PASSWORD, "192.0.2.1")
    assert can_sign_in(people.signing_in, "carol", PASSWORD)
    with pytest.raises(NotFound):
        people.links.use(made.secret, "another long password", "")
    assert not can_sign_in(people.signing_in, "carol", "another long password")
    chosen = next(event for event in recorded() if event.event is Event.PASSWORD_CHANGED)
    assert (chosen.actor, chosen.origin) == ("carol", "192.0.2.1")
    assert made.secret not in str(recorded())


@pytest.mark.parametrize("name", ["alice", " ALICE"])
@pytest.mark.usefixtures("alice")
def test_nobody_is_invited_under_a_name_that_is_taken(people: Installation, operator: Actor, name: str) -> None:
    with pytest.raises(Conflict):
        people.links.invite(operator, name, Role.REQUESTER)


def test_a_weak_password_does_not_use_the_link_up(people: Installation, operator: Actor) -> None:
    made = people.links.invite(operator, "carol", Role.APPROVER)
    with pytest.raises(InvalidInput):
        people.links.use(made.secret, "short", "")
    assert people.links.check(made.secret)


def test_a_link_ends_after_a_day_with_a_newer_one_and_with_the_account(
    lab: Lab, people: Installation, operator: Actor, clock: FixedClock
) -> None:
    first, other = (people.links.invite(operator, name, Role.APPROVER).secret for name in ("carol", "dora"))
    newer = people.rescue.reset(operator, "carol").secret
    lab.accounts.set_disabled(operator, "dora", disabled=True)
    for secret in (first, other, "", "\udc80"):
        with pytest.raises(NotFound):
            people.links.check(secret)
    clock.advance(hours=24, seconds=-1)
    assert people.links.check(newer)
    clock.advance(seconds=1)
    with pytest.raises(NotFound):
        people.links.check(newer)


# Reset


def test_a_reset_voids_everything_that_opened_the_account_and_gives_a_link(
    lab: Lab, people: Installation, operator: Actor, alice: AccountRecord, clock: FixedClock
) -> None:
    _, codes = with_app(people, alice, clock)
    pending = people.signing_in.with_password("alice", PASSWORD, HERE)
    entered = people.signing_in.second_step(pending.secret, proof(code=codes[0]), HERE)
    for _ in range(5):
        assert not can_sign_in(people.signing_in, "alice", "wrong")

    made = people.rescue.reset(operator, "alice")

    account = lab.accounts.get("alice")
    assert people.sessions.find(entered.secret) is None
    assert not people.sessions.knows(account, Visit(browser=entered.browser))
    assert not people.second_factors.state(account).has_factor
    assert not can_sign_in(people.signing_in, "alice", PASSWORD)
    people.links.use(made.secret, "another long password", "")
    assert can_sign_in(people.signing_in, "alice", "another long password")


def test_nobody_resets_the_own_account(lab: Lab, people: Installation, operator: Actor) -> None:
    root = lab.accounts.create(operator, "root", Role.ADMINISTRATOR, PASSWORD)
    with pytest.raises(Conflict) as caught:
        people.rescue.reset(root.actor, "root")
    assert caught.value.rule == "account.own"


def test_lost_second_factors_are_removed_and_sessions_end(
    people: Installation, operator: Actor, alice: AccountRecord, clock: FixedClock
) -> None:
    with_app(people, alice, clock)
    secret = people.sessions.open(alice, "password", HERE).secret
    people.rescue.reset_factors(operator, "alice")
    assert people.sessions.find(secret) is None
    assert people.signing_in.with_password("alice", PASSWORD, HERE).is_complete
