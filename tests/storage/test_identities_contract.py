"""The contract of identity stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import Event
from ca_service.authority.people.single_sign_on import ExternalIdentity
from ca_service.errors import Conflict
from ca_service.storage.accounts import SQLIdentityStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from tests.storage.conftest import IdentityStores
from tests.support.factories import account_record, event
from tests.support.record import newest

VERA = ExternalIdentity("https://idp.example.com", "1")


def test_an_identity_that_nobody_has_is_not_found(identity_stores: IdentityStores) -> None:
    assert identity_stores.identities.find_account(VERA) is None


def test_an_account_is_found_by_issuer_and_subject_and_by_nothing_less(identity_stores: IdentityStores) -> None:
    added = identity_stores.identities.add_account(VERA, account_record("vera", role=Role.AUDITOR), event())
    assert identity_stores.identities.find_account(VERA) == added == identity_stores.accounts.find_account("vera")
    for other in (replace(VERA, subject="2"), replace(VERA, issuer="https://other.example")):
        assert identity_stores.identities.find_account(other) is None


def test_it_is_known_which_accounts_belong_to_an_identity(identity_stores: IdentityStores) -> None:
    local = identity_stores.accounts.add_account(account_record("local"), event())
    external = identity_stores.identities.add_account(VERA, account_record("vera"), event())
    assert [identity_stores.identities.has_identity(each.id) for each in (local, external)] == [False, True]


def test_a_change_of_the_account_shows(identity_stores: IdentityStores) -> None:
    added = identity_stores.identities.add_account(VERA, account_record("vera"), event())
    changed = replace(added, role=Role.APPROVER, session_epoch=1)
    identity_stores.accounts.update_account(changed, event())
    assert identity_stores.identities.find_account(VERA) == changed


def test_of_two_first_sign_ins_at_once_both_get_the_first_account(identity_stores: IdentityStores) -> None:
    first = identity_stores.identities.add_account(VERA, account_record("vera"), event())
    assert identity_stores.identities.add_account(VERA, account_record("vera"), event()) == first
    assert identity_stores.identities.add_account(VERA, account_record("else"), event()) == first
    assert identity_stores.accounts.count_accounts() == 1


def test_a_name_that_a_local_account_has_is_not_taken_over(identity_stores: IdentityStores) -> None:
    local = identity_stores.accounts.add_account(account_record("vera"), event())
    with pytest.raises(Conflict) as caught:
        identity_stores.identities.add_account(VERA, account_record("vera", role=Role.ADMINISTRATOR), event())
    assert caught.value.rule == "oidc.name-taken"
    assert identity_stores.identities.find_account(VERA) is None
    assert identity_stores.accounts.list_accounts() == (local,)


def test_the_event_is_written_with_the_account(database: Database) -> None:
    SQLIdentityStore(database).add_account(VERA, account_record("vera"), event("vera", Event.ACCOUNT_CREATED))
    assert newest(SQLEventStore(database), 9) == (event("vera", Event.ACCOUNT_CREATED),)
