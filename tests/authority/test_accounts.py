"""People, passwords and the set-up link."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ca_service.authority.accounts import Accounts
from ca_service.authority.audit import AuditEvent, Event
from ca_service.authority.credentials import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    checked_account_name,
    loggable_name,
)
from ca_service.authority.permissions import Actor, Role
from ca_service.authority.records import AccountRecord
from ca_service.authority.tokens import Tokens
from ca_service.errors import Conflict, InvalidInput, NotAllowed, NotAuthenticated, NotFound
from tests.support.factories import PASSWORD, Lab
from tests.support.fakes import FixedClock, InMemoryAccountStore

OTHER_PASSWORD = "another long password"


@pytest.fixture
def accounts(lab: Lab) -> Accounts:
    """Accounts on a fake store."""
    return lab.accounts


@pytest.fixture
def tokens(lab: Lab) -> Tokens:
    """Their tokens."""
    return lab.tokens


@pytest.fixture
def alice(accounts: Accounts, operator: Actor) -> AccountRecord:
    """A requester."""
    return accounts.create(operator, "alice", Role.REQUESTER, PASSWORD)


@pytest.fixture
def bob(accounts: Accounts, operator: Actor) -> AccountRecord:
    """Another requester."""
    return accounts.create(operator, "bob", Role.REQUESTER, PASSWORD)


def events(lab: Lab) -> list[AuditEvent]:
    """What was recorded."""
    assert isinstance(lab.account_store, InMemoryAccountStore)
    return lab.account_store.events


# The set-up link


def test_the_setup_link_makes_the_first_administrator(accounts: Accounts) -> None:
    secret = accounts.make_setup_link() or ""
    accounts.check_setup_link(secret)
    account = accounts.create_first(secret, "Alice", PASSWORD)
    assert (account.name, account.role) == ("alice", Role.ADMINISTRATOR)
    assert accounts.sign_in("alice", PASSWORD) == account


def test_the_setup_link_works_once(accounts: Accounts) -> None:
    secret = accounts.make_setup_link() or ""
    accounts.create_first(secret, "alice", PASSWORD)
    with pytest.raises(NotFound) as caught:
        accounts.create_first(secret, "bob", PASSWORD)
    assert caught.value.rule == "setup-link.invalid"
    assert "Sign in" in caught.value.findings[0].mend
    assert "Start the service" not in caught.value.findings[0].mend


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
def test_any_other_password_can_be_used(accounts: Accounts, operator: Actor, password: str) -> None:
    account = accounts.create(operator, "alice", Role.AUDITOR, password)
    assert accounts.sign_in("alice", password) == account


def test_a_short_account_name_may_stand_in_the_password(accounts: Accounts, operator: Actor) -> None:
    assert accounts.create(operator, "bob", Role.AUDITOR, "bobbing for apples")


@pytest.mark.parametrize("name", ["nobody", "", "\udc80", "x" * 10_000])
def test_an_unknown_account_is_not_found(accounts: Accounts, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        accounts.get(name)
    assert caught.value.rule == "account.unknown"


# Signing in


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", OTHER_PASSWORD), ("alice", ""), ("nobody", PASSWORD), ("", ""), ("\udc80", "\udc80"),
     ("alice", PASSWORD + "x" * 10_000)],
)  # fmt: skip
def test_a_wrong_name_or_password_is_refused_without_saying_which(
    accounts: Accounts, alice: AccountRecord, name: str, password: str
) -> None:
    assert alice.disabled_at is None
    with pytest.raises(NotAuthenticated) as caught:
        accounts.sign_in(name, password)
    assert (caught.value.rule, str(caught.value)[:26]) == ("sign-in.wrong", "Name or password is wrong.")


def test_a_password_hash_that_is_none_opens_nothing(lab: Lab, alice: AccountRecord) -> None:
    broken = replace(alice, password_hash="!", session_epoch=1)
    lab.account_store.update_account(broken, events(lab)[0])
    with pytest.raises(NotAuthenticated):
        lab.accounts.sign_in("alice", PASSWORD)


def test_signing_in_and_failing_to_are_recorded(lab: Lab, alice: AccountRecord) -> None:
    lab.accounts.sign_in("Alice", PASSWORD)
    for name in ("alice", "eve", "correct horse"):
        with pytest.raises(NotAuthenticated):
            lab.accounts.sign_in(name, "wrong")
    assert [(event.event, event.actor, event.subject) for event in events(lab)[1:]] == [
        (Event.SIGNED_IN, alice.name, alice.name),
        (Event.SIGN_IN_FAILED, "anonymous", "alice"),
        (Event.SIGN_IN_FAILED, "anonymous", "eve"),
        (Event.SIGN_IN_FAILED, "anonymous", "(not recorded)"),
    ]


@pytest.mark.parametrize(
    ("typed", "recorded"), [("eve", "eve"), ("tr0ub4dor-and-3", "(not recorded)"), ("a b", "(not recorded)")]
)
def test_what_could_be_a_password_is_not_recorded(typed: str, recorded: str) -> None:
    assert loggable_name(typed) == recorded


def test_a_session_counts_until_its_epoch_ends(accounts: Accounts, operator: Actor, alice: AccountRecord) -> None:
    assert accounts.find_session(alice.id, alice.session_epoch) == alice
    changed = accounts.set_password(operator, "alice", OTHER_PASSWORD)
    assert accounts.find_session(alice.id, alice.session_epoch) is None
    assert accounts.find_session(changed.id, changed.session_epoch) == changed
    assert accounts.find_session(999, 0) is None


# Changing


def test_a_new_password_replaces_the_old(accounts: Accounts, alice: AccountRecord) -> None:
    accounts.change_password(alice.actor, PASSWORD, OTHER_PASSWORD)
    assert accounts.sign_in("alice", OTHER_PASSWORD).id == alice.id
    with pytest.raises(NotAuthenticated):
        accounts.sign_in("alice", PASSWORD)


def test_changing_asks_for_the_old_password(accounts: Accounts, alice: AccountRecord) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.change_password(alice.actor, OTHER_PASSWORD, OTHER_PASSWORD)
    assert caught.value.rule == "password.old"
    assert accounts.sign_in("alice", PASSWORD)


def test_a_weak_new_password_is_refused(accounts: Accounts, alice: AccountRecord) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.change_password(alice.actor, PASSWORD, "short")
    assert caught.value.rule == "password.weak"


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
    accounts: Accounts, tokens: Tokens, operator: Actor, alice: AccountRecord
) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1)
    disabled = accounts.set_disabled(operator, "alice", disabled=True)
    assert accounts.find_session(alice.id, disabled.session_epoch) is None
    with pytest.raises(NotAuthenticated):
        accounts.sign_in("alice", PASSWORD)
    with pytest.raises(NotAuthenticated):
        tokens.authenticate(token.secret)
    accounts.set_disabled(operator, "alice", disabled=False)
    assert accounts.sign_in("alice", PASSWORD)
    assert accounts.find_session(alice.id, alice.session_epoch) is None


def test_nobody_locks_out_the_own_account(accounts: Accounts, operator: Actor) -> None:
    administrator = accounts.create(operator, "root", Role.ADMINISTRATOR, PASSWORD)
    with pytest.raises(Conflict) as caught:
        accounts.set_disabled(administrator.actor, "root", disabled=True)
    assert caught.value.rule == "account.own"


def test_changes_are_recorded(lab: Lab, operator: Actor, alice: AccountRecord) -> None:
    lab.accounts.set_password(operator, alice.name, OTHER_PASSWORD)
    lab.accounts.set_disabled(operator, alice.name, disabled=True)
    assert [(event.event, event.subject) for event in events(lab)] == [
        (Event.ACCOUNT_CREATED, "alice"),
        (Event.PASSWORD_CHANGED, "alice"),
        (Event.ACCOUNT_CHANGED, "alice"),
    ]
