"""Accounts and tokens on fakes, and two people with one."""

from __future__ import annotations

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.people.tokens import Tokens
from tests.support.factories import PASSWORD, Lab


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
