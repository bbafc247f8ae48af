"""One signing path: whatever is refused at one door is refused at every other, by the same rule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.installation import Installation
from ca_service.authority.permissions import Role
from ca_service.authority.records import CertificateQuery
from tests.api.door import refused_by_api
from tests.cli.door import refused_by_cli
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher
from tests.support.refused_requests import REFUSALS
from tests.support.requests import Request
from tests.web.door import refused_by_page
from tests.web.visitor import Visitor, sign_in


@dataclass(frozen=True, slots=True)
class House:
    """An installation with its doors, and somebody who may ask for certificates at each of them."""

    installation: Installation
    app: Flask
    visitor: Visitor
    token: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One for all refusals: none of them leaves anything behind."""
    settings = settings_module.load({}, tmp_path_factory.mktemp("house") / "instance").settings
    installation = open_installation(settings, cheap_hasher())
    installation.schema.upgrade()
    installation.hierarchy.initialise(OPERATOR, PLAN)
    installation.accounts.create(OPERATOR, "requester", Role.REQUESTER, PASSWORD)
    token = installation.accounts.create_token(OPERATOR, "requester", "test", 1).secret
    app = create_app(settings, installation)
    return House(installation, app, sign_in(app), token)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_every_door_refuses_by_the_same_rule(house: House, refusal: Request) -> None:
    assert refused_by_page(house.visitor.client, refusal.data) == refusal.rule
    assert refused_by_api(house.app.test_client(), house.token, refusal.data) == refusal.rule
    assert refused_by_cli(refusal.data, house.installation) == refusal.rule
    assert not house.installation.issuance.list_certificates(OPERATOR, CertificateQuery()).items
