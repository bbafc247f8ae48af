"""The pages on PostgreSQL: what SQLite puts up with is no fault there either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher
from tests.support.requests import THREE_NODES
from tests.web.visitor import visit


@pytest.fixture
def app(tmp_path: Path, postgresql_url: str) -> Iterator[Flask]:
    """An installation on PostgreSQL, with an administrator and three certificates."""
    settings = settings_module.load({"CA_SERVICE_DATABASE__URL": postgresql_url}, tmp_path / "instance").settings
    installation = open_installation(settings, cheap_hasher())
    installation.creation.initialise(OPERATOR, PLAN)
    installation.accounts.create(OPERATOR, "anna", Role.ADMINISTRATOR, PASSWORD)
    installation.issuance.issue(OPERATOR, [request.data for request in THREE_NODES], Options())
    yield create_app(settings, installation)
    installation.close()


def test_no_address_is_a_fault(app: Flask) -> None:
    anna = visit(app)
    anna.sign_in("anna", PASSWORD)
    expected = {
        "/certificates": 200,
        "/certificates?q=uccx&sort=host": 200,
        "/certificates?q=%00a%00": 200,
        "/certificates?q=host:%00": 200,
        "/certificates?q=cluster:x+by:%25": 200,
        "/certificates?q=status:x": 400,
        "/certificates?cursor=bmV3ZXN0IDIxNDc0ODM2NDcgMQ": 200,
        "/certificates?cursor=bmV3ZXN0IDIxNDc0ODM2NDggMQ": 400,
        "/certificates/%00": 404,
        "/certificates/expiry?q=uccx": 200,
        "/certificates.csv": 200,
        "/clusters?q=%00": 200,
        "/clusters/2147483647": 404,
        "/clusters/2147483648": 404,
        "/account": 200,
        "/authority": 200,
    }
    assert {path: anna.get(path).status_code for path in expected} == expected


def test_a_name_with_a_nul_does_not_sign_in_and_is_no_fault(app: Flask) -> None:
    stranger = visit(app)
    answer = stranger.post("/sign-in", data={"name": "an\x00na", "password": "x\x00"})
    assert answer.status_code < 500
    assert stranger.get("/account").status_code != 200
