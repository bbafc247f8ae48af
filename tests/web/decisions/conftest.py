"""An installation with the rules of the defaults: what a requester submits waits, what an approver submits does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ca_service import settings as settings_module
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.settings import Settings
from tests.web.conftest import Made, copied
from tests.web.visitor import Visitor


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return the default settings with their approval rules."""
    return settings_module.load({}, settings.instance_path).settings


@pytest.fixture
def installation(made: Made, settings: Settings) -> Installation:
    """Return an installation for one test."""
    return copied(made, settings)


@pytest.fixture
def approver(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a signed-in approver."""
    return signed_in(Role.APPROVER)
