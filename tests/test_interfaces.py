"""One signing path: what one interface refuses, every other interface refuses by the same rule.

Every kind of refusal runs here, through page, API and command line, and in tests/pki; no other test repeats them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from tests.api.refusals import found_by_api, refused_by_api
from tests.cli.command_line import found_by_cli, refused_by_cli
from tests.support import pkcs10, requests
from tests.support.factories import OPERATOR, PASSWORD, cheap_hasher
from tests.support.instances import write_ready
from tests.support.pkcs10 import Recipe
from tests.support.refused_requests import REFUSALS, SAME_KEY_TWICE
from tests.support.request_records import NOBODY_WAITS
from tests.support.requests import SOCIALMINER, Request
from tests.web.refusals import forbidden_by_page, refused_by_page
from tests.web.visitor import Visitor, sign_in


@dataclass(frozen=True, slots=True)
class House:
    """An installation with its interfaces, and a requester at each of them."""

    installation: Installation
    app: Flask
    visitor: Visitor
    token: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One for all refusals: none of them changes anything."""
    settings = settings_module.load(NOBODY_WAITS, tmp_path_factory.mktemp("house") / "instance").settings
    write_ready(settings.instance_path)
    installation = open_installation(settings, cheap_hasher())
    for role in (Role.REQUESTER, Role.AUDITOR):
        installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
    app = create_app(settings, installation)
    return House(installation, app, sign_in(app), token_of(installation, Role.REQUESTER))


@pytest.fixture(autouse=True)
def nothing_is_issued(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A refusal leaves neither a certificate nor a file in the current folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    assert not list(here.iterdir())
    assert not house.installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates


def token_of(installation: Installation, role: Role) -> str:
    """A token of the account that is called after its role."""
    return installation.tokens.create(OPERATOR, role.value, "test", 1).secret


def assert_refused_by_every_interface(house: House, data: bytes, rule: str) -> None:
    """Submit the same CSR to each of the three, and have it checked by each."""
    client = house.app.test_client()
    assert refused_by_page(house.visitor.client, data) == rule
    assert refused_by_api(client, house.token, data) == rule
    assert refused_by_cli(data, house.installation) == rule
    assert found_by_api(client, house.token, data) == rule
    assert rule in found_by_cli(data, house.installation)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_every_interface_refuses_by_the_same_rule(house: House, refusal: Request) -> None:
    assert refusal.rule
    assert_refused_by_every_interface(house, refusal.data, refusal.rule)


@pytest.mark.parametrize("days", [0, 826])
def test_every_interface_refuses_a_lifetime_out_of_range(house: House, days: int) -> None:
    asked = {"validity_days": days}
    assert refused_by_page(house.visitor.client, SOCIALMINER.data, options=asked) == "validity.range"
    assert refused_by_api(house.app.test_client(), house.token, SOCIALMINER.data, options=asked) == "validity.range"
    assert refused_by_cli(SOCIALMINER.data, house.installation, f"--days={days}") == "validity.range"


@pytest.mark.parametrize("profile", ["nope", "root"])
def test_every_interface_refuses_a_profile_that_is_not_for_leaves(house: House, profile: str) -> None:
    asked = {"profile": profile}
    assert refused_by_page(house.visitor.client, SOCIALMINER.data, options=asked) == "profile.unknown"
    assert refused_by_api(house.app.test_client(), house.token, SOCIALMINER.data, options=asked) == "profile.unknown"
    assert refused_by_cli(SOCIALMINER.data, house.installation, f"--profile={profile}") == "profile.unknown"


def test_every_interface_refuses_two_requests_with_one_key(house: House, tmp_path: Path) -> None:
    one, other = (request.data for request in SAME_KEY_TWICE)
    file = tmp_path / "other.csr"
    file.write_bytes(other)
    assert refused_by_page(house.visitor.client, one, other) == "csr.repeated"
    assert refused_by_api(house.app.test_client(), house.token, one, other) == "csr.repeated"
    assert refused_by_cli(one, house.installation, str(file)) == "csr.repeated"


def test_every_interface_refuses_the_key_of_the_authority(house: House) -> None:
    hierarchy = house.installation.hierarchy
    key = hierarchy.signing_key(hierarchy.active())
    assert_refused_by_every_interface(
        house, leaf_request(key, requests.subject("node1-EC.example.com")), "csr.key.authority"
    )


@pytest.mark.parametrize("place", [0, 1], ids=["intermediate", "root"])
def test_every_interface_refuses_the_name_of_the_authority(house: House, place: int) -> None:
    name = house.installation.hierarchy.active().chain[place].subject
    data = leaf_request(requests.key("pretender"), name.public_bytes())
    assert_refused_by_every_interface(house, data, "subject.authority")


def test_pages_and_api_let_no_auditor_issue(house: House) -> None:
    """Whoever runs the command on the machine is always an administrator, so that it has no such refusal."""
    token = token_of(house.installation, Role.AUDITOR)
    auditor = sign_in(house.app, Role.AUDITOR)
    assert forbidden_by_page(auditor.client, SOCIALMINER.data) == "permission.missing"
    assert refused_by_api(house.app.test_client(), token, SOCIALMINER.data) == "permission.missing"


def leaf_request(key: ec.EllipticCurvePrivateKey, subject: bytes) -> bytes:
    """A request that is good but for whose key or name it has."""
    return pkcs10.pem(Recipe(key, subject, (pkcs10.hosts("node1.example.com"),)).der())
