"""The contract of account stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.people.records import AccountRecord, SetupLink
from ca_service.authority.people.store import AccountStore
from ca_service.errors import Conflict, NotFound
from tests.support.factories import account_record, event, token_record
from tests.support.fakes import NOON

LINK = SetupLink("hash of the link", NOON + timedelta(days=1))


@pytest.fixture
def alice(account_store: AccountStore) -> AccountRecord:
    """A stored account."""
    return account_store.add_account(account_record("alice", role=Role.AUDITOR), event())


def test_an_account_is_found_by_name_and_number(account_store: AccountStore, alice: AccountRecord) -> None:
    assert account_store.find_account("alice") == account_store.find_account_by_id(alice.id) == alice
    assert alice == replace(account_record("alice", role=Role.AUDITOR), id=alice.id)


def test_an_account_that_there_is_not_is_not_found(account_store: AccountStore) -> None:
    assert account_store.find_account("alice") is None
    assert account_store.find_account_by_id(1) is None


def test_accounts_are_counted_and_listed_by_name(account_store: AccountStore, alice: AccountRecord) -> None:
    carol, bob = (account_store.add_account(account_record(name), event()) for name in ("carol", "bob"))
    assert account_store.list_accounts() == (alice, bob, carol)
    assert account_store.count_accounts() == len({alice.id, bob.id, carol.id}) == 3


def test_the_reachable_have_an_address_and_are_enabled(account_store: AccountStore, alice: AccountRecord) -> None:
    for name, disabled_at in (("bob", None), ("carol", NOON)):
        made = account_record(name, mail_address=f"{name}@example.com", disabled_at=disabled_at)
        account_store.add_account(made, event())
    assert [each.name for each in account_store.list_reachable()] == ["bob"]
    account_store.set_mail_address(alice.id, "alice@example.com", event())
    assert [each.name for each in account_store.list_reachable()] == ["alice", "bob"]


def test_a_name_is_taken_once(account_store: AccountStore, alice: AccountRecord) -> None:
    with pytest.raises(Conflict) as caught:
        account_store.add_account(account_record("alice"), event())
    assert caught.value.rule == "account.exists"
    assert account_store.list_accounts() == (alice,)


def test_a_change_is_kept(account_store: AccountStore, alice: AccountRecord) -> None:
    changed = replace(alice, role=Role.APPROVER, password_hash="other", session_epoch=1, disabled_at=NOON)
    account_store.update_account(changed, event())
    assert account_store.find_account("alice") == changed


def test_a_mail_address_is_kept_beside_a_change_that_was_begun_before(
    account_store: AccountStore, alice: AccountRecord
) -> None:
    account_store.set_mail_address(alice.id, "alice@example.com", event())
    account_store.update_account(replace(alice, role=Role.APPROVER, session_epoch=1), event())
    changed = replace(alice, role=Role.APPROVER, session_epoch=1, mail_address="alice@example.com")
    assert account_store.find_account("alice") == changed


def test_of_two_changes_at_once_the_second_is_refused(account_store: AccountStore, alice: AccountRecord) -> None:
    disabled = replace(alice, session_epoch=1, disabled_at=NOON)
    account_store.update_account(disabled, event())
    with pytest.raises(Conflict) as caught:
        account_store.update_account(replace(alice, session_epoch=1, password_hash="new"), event())
    assert caught.value.rule == "account.changed"
    assert account_store.find_account("alice") == disabled


# The set-up link


def test_the_newest_setup_link_is_the_only_one(account_store: AccountStore) -> None:
    newer = replace(LINK, hash="newer")
    assert account_store.find_setup_link() is None
    account_store.save_setup_link(LINK, event())
    account_store.save_setup_link(newer, event())
    assert account_store.find_setup_link() == newer


def test_a_setup_link_is_used_up_with_the_account_that_it_made(account_store: AccountStore) -> None:
    account_store.save_setup_link(LINK, event())
    account_store.add_account(account_record("alice"), event(), setup_hash=LINK.hash)
    assert account_store.find_setup_link() is None


def test_a_setup_link_that_is_gone_makes_no_account(account_store: AccountStore) -> None:
    account_store.save_setup_link(LINK, event())
    with pytest.raises(NotFound) as caught:
        account_store.add_account(account_record("alice"), event(), setup_hash="another")
    assert caught.value.rule == "setup-link.invalid"
    assert (account_store.count_accounts(), account_store.find_setup_link()) == (0, LINK)


def test_a_setup_link_makes_no_second_account(account_store: AccountStore, alice: AccountRecord) -> None:
    account_store.save_setup_link(LINK, event())
    with pytest.raises(NotFound):
        account_store.add_account(account_record("bob"), event(), setup_hash=LINK.hash)
    assert account_store.list_accounts() == (alice,)


# Tokens


def test_a_token_is_found_by_its_hash(account_store: AccountStore, alice: AccountRecord) -> None:
    given = token_record(alice.id)
    added = account_store.add_token(given, event(), at_most=50)
    assert added == replace(given, id=added.id)
    found = account_store.find_token(given.hash)
    assert found is not None
    assert found[0] == added
    assert found[1].id == added.account_id
    assert account_store.find_token("other") is None


def test_tokens_are_listed_newest_first_by_account(account_store: AccountStore, alice: AccountRecord) -> None:
    bob = account_store.add_account(account_record("bob"), event())
    first, second = (account_store.add_token(token_record(alice.id), event(), at_most=50) for _ in range(2))
    account_store.add_token(token_record(bob.id), event(), at_most=50)
    assert account_store.list_tokens(alice.id) == (second, first)


def test_use_and_revocation_do_not_undo_one_another(account_store: AccountStore, alice: AccountRecord) -> None:
    token = account_store.add_token(token_record(alice.id), event(), at_most=50)
    assert account_store.revoke_tokens([(token.id, event())]) == 1
    account_store.note_token_use(token.id, NOON + timedelta(hours=1))
    assert account_store.list_tokens(alice.id) == (
        replace(token, revoked_at=NOON, last_used_at=NOON + timedelta(hours=1)),
    )


def test_a_token_is_revoked_once(account_store: AccountStore, alice: AccountRecord) -> None:
    first, second = (account_store.add_token(token_record(alice.id), event(), at_most=50) for _ in range(2))
    account_store.revoke_tokens([(first.id, event())])
    later = replace(event(), at=NOON + timedelta(hours=1))
    assert account_store.revoke_tokens([(first.id, later), (second.id, later)]) == 1
    assert [token.revoked_at for token in account_store.list_tokens(alice.id)] == [later.at, NOON]


def test_the_limits_of_a_token_are_kept(account_store: AccountStore, alice: AccountRecord) -> None:
    limits = {"scopes": ("check", "later"), "names": ("*.example.com",), "profiles": ("vos",), "networks": ("::1",)}
    added = account_store.add_token(token_record(alice.id, **limits), event(), at_most=50)
    assert account_store.list_tokens(alice.id) == (added,)
    assert {name: getattr(added, name) for name in limits} == limits


def test_only_valid_tokens_of_the_same_account_count_towards_the_limit(
    account_store: AccountStore, alice: AccountRecord
) -> None:
    bob = account_store.add_account(account_record("bob"), event())
    first = account_store.add_token(token_record(alice.id), event(), at_most=2)
    account_store.add_token(token_record(alice.id, expires_at=NOON), event(), at_most=2)
    account_store.add_token(token_record(bob.id), event(), at_most=2)
    account_store.add_token(token_record(alice.id), event(), at_most=2)
    with pytest.raises(Conflict) as caught:
        account_store.add_token(token_record(alice.id), event(), at_most=2)
    assert caught.value.rule == "token.too-many"
    account_store.revoke_tokens([(first.id, event())])
    assert account_store.add_token(token_record(alice.id), event(), at_most=2)
