"""People, passwords and the set-up link."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ca_service.authority.access.credentials import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    checked_account_name,
)
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.authority.people.tokens import Tokens
from ca_service.errors import Conflict, InvalidInput, NotAllowed, NotAuthenticated, NotFound
from tests.support.factories import PASSWORD, Lab
from tests.support.fakes import FixedClock, InMemoryAccountStore
from tests.support.people import can_sign_in

OTHER_PASSWORD = "another long password"


def events(lab: Lab) -> list[AuditEvent]:
    """What was recorded."""
    assert isinstance(lab.account_store, InMemoryAccountStore)
    return lab.account_store.events


# The set-up link


def test_the_setup_link_makes_the_first_administrator(lab: Lab) -> None:
    accounts = lab.accounts
    secret = accounts.make_setup_link() or ""
    accounts.check_setup_link(secret)
    account = accounts.create_first(secret, "Alice", PASSWORD)
    assert (account.name, account.role) == ("alice", Role.ADMINISTRATOR)
    assert can_sign_in(lab.signing_in, "alice", PASSWORD)


def test_the_setup_link_works_once(accounts: Accounts) -> None:
    secret = accounts.make_setup_link() or ""
    accounts.create_first(secret, "alice", PASSWORD)
    with pytest.raises(NotFound) as caught:
        accounts.create_first(secret, "bob", PASSWORD)
    assert caught.value.rule == "setup-link.invalid"
    assert "Sign in" in caught.value.findings[0].remedy
    assert "Start the service" not in caught.value.findings[0].remedy


def test_a_newer_setup_link_ends_the_older(accounts: Accounts) -> None:
    older, newer = accounts.make_setup_link() or "", accounts.make_setup_link() or ""
    accounts.check_setup_link(newer)
    with pytest.raises(NotFound):
        accounts.check_setup_link(older)


def test_the_setup_link_ends_after_a_day(accounts: Accounts, clock: FixedClock) -> None:
    secret = accounts.make_setup_link() or ""
    clock.advance(hours=24, seconds=-1)
    accounts.check_setup_link(secret)
    clock.advance(seconds=1)
    with pytest.raises(NotFound):
        accounts.check_setup_link(secret)


@pytest.mark.parametrize("secret", ["", "x", "\udc80"])
def test_a_secret_that_was_not_handed_out_opens_nothing(accounts: Accounts, secret: str) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            accounts.check_setup_link(secret)
        accounts.make_setup_link()


def test_there_is_no_setup_link_once_there_is_an_account(accounts: Accounts, operator: Actor) -> None:
    open_link = accounts.make_setup_link() or ""
    accounts.create(operator, "alice", Role.AUDITOR, PASSWORD)
    assert accounts.make_setup_link() is None
    with pytest.raises(NotFound):
        accounts.check_setup_link(open_link)


def test_a_bad_password_does_not_use_up_the_setup_link(accounts: Accounts) -> None:
    secret = accounts.make_setup_link() or ""
    with pytest.raises(InvalidInput):
        accounts.create_first(secret, "alice", "short")
    accounts.check_setup_link(secret)


# Accounts


def test_accounts_are_listed_by_name(accounts: Accounts, operator: Actor, bob: AccountRecord) -> None:
    alice = accounts.create(operator, "alice", Role.AUDITOR, PASSWORD)
    assert accounts.list_accounts(operator) == (alice, bob)


def test_a_name_is_taken_once_however_it_is_written(accounts: Accounts, operator: Actor, alice: AccountRecord) -> None:
    with pytest.raises(Conflict) as caught:
        accounts.create(operator, " ALICE ", Role.AUDITOR, PASSWORD)
    assert caught.value.rule == "account.exists"
    assert accounts.get("Alice ") == alice


@pytest.mark.parametrize("name", ["a", "alice", "a.b-c_d", "alice@example.com", "7", "x" * 64])
def test_a_plain_account_name_can_be_used(name: str) -> None:
    assert checked_account_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "a b", ".a", "a.", "ä", "x" * 65, "a\nb", "\udc80", "a/b"])
def test_an_account_name_that_would_trouble_is_refused(accounts: Accounts, operator: Actor, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.create(operator, name, Role.AUDITOR, PASSWORD)
    assert caught.value.rule == "account.name"


@pytest.mark.parametrize("name", ["operator", "Anonymous"])
def test_nobody_can_be_called_what_the_log_calls_others(accounts: Accounts, operator: Actor, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.create(operator, name, Role.AUDITOR, PASSWORD)
    assert caught.value.rule == "account.reserved"


@pytest.mark.parametrize(
    "password", ["", "x" * (MIN_PASSWORD - 1), "x" * (MAX_PASSWORD + 1), "my name is Alice", "ALICE-ALICE-ALICE"]
)
def test_a_weak_password_is_refused(accounts: Accounts, operator: Actor, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.create(operator, "alice", Role.AUDITOR, password)
    assert (caught.value.rule, caught.value.findings[0].pointer) == ("password.weak", "/password")
    assert accounts.list_accounts(operator) == ()


@pytest.mark.parametrize("password", ["x" * MIN_PASSWORD, "x" * MAX_PASSWORD, "päß wörd 漢字 🔑🔑", "\udc80" * 12])
def test_any_other_password_can_be_used(lab: Lab, operator: Actor, password: str) -> None:
    lab.accounts.create(operator, "alice", Role.AUDITOR, password)
    assert can_sign_in(lab.signing_in, "alice", password)


def test_a_short_account_name_may_stand_in_the_password(accounts: Accounts, operator: Actor) -> None:
    assert accounts.create(operator, "bob", Role.AUDITOR, "bobbing for apples")


@pytest.mark.parametrize("name", ["nobody", "", "\udc80", "x" * 10_000])
def test_an_unknown_account_is_not_found(accounts: Accounts, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        accounts.get(name)
    assert caught.value.rule == "account.unknown"


# Changing


def test_an_administrator_sets_a_new_password_in_place_of_the_old(
    lab: Lab, operator: Actor, alice: AccountRecord
) -> None:
    lab.accounts.set_password(operator, alice.name, OTHER_PASSWORD)
    assert can_sign_in(lab.signing_in, "alice", OTHER_PASSWORD)
    assert not can_sign_in(lab.signing_in, "alice", PASSWORD)


def test_nobody_but_an_administrator_changes_what_is_anothers(
    accounts: Accounts, tokens: Tokens, alice: AccountRecord, bob: AccountRecord
) -> None:
    token = tokens.create(bob.actor, "bob", "own", 1)
    for act in (
        lambda: accounts.set_password(alice.actor, "bob", OTHER_PASSWORD),
        lambda: tokens.create(alice.actor, "bob", "x", 1),
        lambda: tokens.list_of(alice.actor, "bob"),
        lambda: tokens.revoke(alice.actor, "bob", token.record.id),
        lambda: tokens.list_of(alice.actor, "nobody"),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_an_administrator_is_told_that_an_account_is_unknown(accounts: Accounts, operator: Actor) -> None:
    with pytest.raises(NotFound):
        accounts.set_password(operator, "nobody", PASSWORD)


def test_a_disabled_account_is_locked_out_at_every_door_until_it_is_enabled(
    lab: Lab, operator: Actor, alice: AccountRecord
) -> None:
    token = lab.tokens.create(alice.actor, "alice", "script", 1)
    secret = lab.sessions.open(alice, "password", Visit()).secret
    lab.accounts.set_disabled(operator, "alice", disabled=True)
    assert lab.sessions.find(secret) is None
    assert not can_sign_in(lab.signing_in, "alice", PASSWORD)
    with pytest.raises(NotAuthenticated):
        lab.tokens.authenticate(token.secret)
    lab.accounts.set_disabled(operator, "alice", disabled=False)
    assert can_sign_in(lab.signing_in, "alice", PASSWORD)
    assert lab.sessions.find(secret) is None


def test_nobody_locks_out_the_own_account(accounts: Accounts, operator: Actor) -> None:
    administrator = accounts.create(operator, "root", Role.ADMINISTRATOR, PASSWORD)
    with pytest.raises(Conflict) as caught:
        accounts.set_disabled(administrator.actor, "root", disabled=True)
    assert caught.value.rule == "account.own"


def test_nobody_changes_the_own_role(accounts: Accounts, operator: Actor) -> None:
    administrator = accounts.create(operator, "root", Role.ADMINISTRATOR, PASSWORD)
    with pytest.raises(Conflict) as caught:
        accounts.set_role(administrator.actor, "root", Role.AUDITOR)
    assert caught.value.rule == "account.own"


def test_another_role_ends_the_sessions_and_is_recorded(lab: Lab, operator: Actor, alice: AccountRecord) -> None:
    secret = lab.sessions.open(alice, "password", Visit()).secret
    changed = lab.accounts.set_role(operator, "alice", Role.AUDITOR)
    assert lab.accounts.get("alice") == changed
    assert lab.sessions.find(secret) is None
    assert (events(lab)[-1].event, events(lab)[-1].details) == (Event.ACCOUNT_CHANGED, {"role": "auditor"})


@pytest.mark.parametrize(
    "lose",
    [
        lambda accounts, actor: accounts.set_disabled(actor, "root", disabled=True),
        lambda accounts, actor: accounts.set_role(actor, "root", Role.REQUESTER),
    ],
)
def test_the_last_administrator_who_can_sign_in_is_kept(
    lab: Lab, operator: Actor, lose: Callable[[Accounts, Actor], object]
) -> None:
    lab.accounts.create(operator, "root", Role.ADMINISTRATOR, PASSWORD)
    lab.links.invite(operator, "carol", Role.ADMINISTRATOR)  # has no password yet
    with pytest.raises(Conflict) as caught:
        lose(lab.accounts, operator)
    assert caught.value.rule == "account.last-administrator"
    lab.accounts.create(operator, "rita", Role.ADMINISTRATOR, PASSWORD)
    assert lose(lab.accounts, operator)


def test_changes_are_recorded(lab: Lab, operator: Actor, alice: AccountRecord) -> None:
    lab.accounts.set_password(operator, alice.name, OTHER_PASSWORD)
    lab.accounts.set_disabled(operator, alice.name, disabled=True)
    assert [(event.event, event.subject) for event in events(lab)] == [
        (Event.ACCOUNT_CREATED, "alice"),
        (Event.PASSWORD_CHANGED, "alice"),
        (Event.ACCOUNT_CHANGED, "alice"),
    ]
