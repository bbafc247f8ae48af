"""Somebody who can sign in, and what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.installation import Installation
from ca_service.authority.people.records import AccountRecord
from tests.support.factories import PASSWORD, Lab


@pytest.fixture
def people(lab: Lab) -> Installation:
    """Signing in on fakes."""
    return lab


@pytest.fixture
def alice(lab: Lab, operator: Actor) -> AccountRecord:
    """A requester."""
    return lab.accounts.create(operator, "alice", Role.REQUESTER, PASSWORD)


@pytest.fixture
def recorded(lab: Lab) -> Callable[[], list[AuditEvent]]:
    """All events of signing in, by the store that keeps them."""

    def events() -> list[AuditEvent]:
        edges: Any = lab.edges
        stores = (edges.accounts, edges.attempts, edges.sessions, edges.factors)
        return [event for store in stores for event in store.events]

    return events
