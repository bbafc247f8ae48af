"""An authority without rules, and a request that waits there."""

from __future__ import annotations

import pytest

from ca_service.authority.issuance.records import RequestRecord
from tests.authority.issuance.requests.people import ANNA, submitted
from tests.support.factories import Lab
from tests.support.fakes import FixedClock


@pytest.fixture
def lab(clock: FixedClock) -> Lab:
    """An authority in which a person decides about everything."""
    return Lab(clock=clock, rules=()).initialised()


@pytest.fixture
def waiting(lab: Lab) -> RequestRecord:
    """What a requester has submitted."""
    return submitted(lab, ANNA)
