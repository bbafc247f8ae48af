"""Every change is recorded in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ca_service.authority.audit.events import Event
from ca_service.authority.people.records import SetupLink
from ca_service.errors import CAServiceError
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.issuers import SQLIssuerStore
from tests.support.factories import account_record, event, issuer_record, token_record
from tests.support.fakes import NOON
from tests.support.record import newest

Change = Callable[[SQLAccountStore], object]
ALICE = replace(account_record("alice"), id=1)
CHANGES: dict[Event, Change] = {
    Event.ACCOUNT_CREATED: lambda store: store.add_account(account_record("bob"), event("x", Event.ACCOUNT_CREATED)),
    Event.ACCOUNT_CHANGED: lambda store: store.update_account(
        replace(ALICE, session_epoch=1), event("x", Event.ACCOUNT_CHANGED)
    ),
    Event.TOKEN_CREATED: lambda store: store.add_token(token_record(1), event("x", Event.TOKEN_CREATED), at_most=9),
    Event.TOKEN_REVOKED: lambda store: store.revoke_tokens([(1, event("x", Event.TOKEN_REVOKED))]),
    Event.SETUP_LINK_MADE: lambda store: store.save_setup_link(
        SetupLink("hash", NOON), event("x", Event.SETUP_LINK_MADE)
    ),
    Event.SIGN_IN_FAILED: lambda store: store.add_event(event("x", Event.SIGN_IN_FAILED)),
}


def test_a_new_mail_address_is_recorded(database: Database, store: SQLAccountStore) -> None:
    store.set_mail_address(1, "alice@example.com", event("x", Event.ACCOUNT_CHANGED))
    assert newest(SQLEventStore(database), 1) == (event("x", Event.ACCOUNT_CHANGED),)


@pytest.fixture
def store(database: Database) -> SQLAccountStore:
    """A store with an account in it."""
    store = SQLAccountStore(database)
    store.add_account(ALICE, event())
    store.add_token(token_record(1), event(), at_most=9)
    return store


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_to_accounts_is_recorded(database: Database, store: SQLAccountStore, kind: Event) -> None:
    CHANGES[kind](store)
    assert newest(SQLEventStore(database), 1) == (event("x", kind),)


def test_a_change_to_the_authority_is_recorded(database: Database) -> None:
    SQLIssuerStore(database).save_issuers([issuer_record()], event("x", Event.AUTHORITY_CREATED))
    assert newest(SQLEventStore(database), 1) == (event("x", Event.AUTHORITY_CREATED),)


@pytest.mark.parametrize(
    "refused",
    [
        lambda store: store.add_account(account_record("alice"), event("x")),
        lambda store: store.add_account(account_record("bob"), event("x"), setup_hash="gone"),
        lambda store: store.update_account(replace(ALICE, session_epoch=7), event("x")),
    ],
)
def test_a_change_that_is_refused_is_not_recorded(database: Database, store: SQLAccountStore, refused: Change) -> None:
    with pytest.raises(CAServiceError):
        refused(store)
    assert newest(SQLEventStore(database), 1) == (event(),)
