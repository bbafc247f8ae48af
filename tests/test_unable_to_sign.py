"""An authority that must not sign: page, API and command line say the same, and nothing is signed or stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from ca_service.app import create_app, open_installation
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.cli.interfaces import Program
from ca_service.errors import HIDDEN
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.settings import Settings
from ca_service.storage.events import SQLEventStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.cli.command_line import run
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher, event
from tests.support.requests import UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import sign_in, upload

_NOW = re.compile(r"The clock says \S+Z")


def another_key(settings: Settings) -> None:
    """Restore a key of another installation: same name, same passphrase."""
    folder = settings.instance_path / "keys"
    keys = EncryptedFileKeyStore(folder, folder / "passphrase", may_create_passphrase=False)
    keys.remove("intermediate-g1")
    keys.generate("intermediate-g1", PLAN.intermediate_curve)


def clock_behind(settings: Settings) -> None:
    """Record an event of next year, as a clock did that was ahead."""
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
    SQLEventStore(SQLiteDatabase(settings.instance_path / "ca.sqlite3")).add_event(replace(event(), at=ahead))


def missing_key(settings: Settings) -> None:
    """Lose the file of a key."""
    next((settings.instance_path / "keys").glob("intermediate-g1.*")).unlink()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing may be signed: what is done to a sound installation, the rule, and words of its text.

    `told` are the words on page and API, where they are not for the operator alone.
    """

    spoil: Callable[[Settings], None]
    rule: str
    text: str
    told: str = ""


FAULTS = {
    "another key": Fault(another_key, "authority.key-foreign", "does not belong to its certificate"),
    "clock behind": Fault(clock_behind, "clock.behind", "No certificate is issued until an operator has checked"),
    "missing key": Fault(missing_key, "key.missing", "intermediate-g1", HIDDEN.problem),
}


@pytest.fixture(params=FAULTS.values(), ids=[*FAULTS])
def fault(request: pytest.FixtureRequest) -> Fault:
    """Each of them."""
    found: Fault = request.param
    return found


@pytest.fixture
def spoiled(installation: Installation, settings: Settings, fault: Fault) -> Installation:
    """The installation with a requester, opened after the fault."""
    installation.accounts.create(OPERATOR, "requester", Role.REQUESTER, PASSWORD)
    installation.close()
    fault.spoil(settings)
    return open_installation(settings, cheap_hasher())


@pytest.fixture(autouse=True)
def nothing_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoiled: Installation) -> None:
    """Work in an empty folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert spoiled


def sign_on_page(installation: Installation, settings: Settings) -> TestResponse:
    """Check a CSR and press the button."""
    visitor = sign_in(create_app(settings, installation))
    return visitor.sign(read(visitor.check(upload(UCCX_PUBLISHER)).text), include="0")


@pytest.mark.fault(
    "keys and files",
    "The key belongs to another certificate, its file is missing, or the clock is behind",
    "page, API and command line refuse by the same rule; nothing is signed",
)
def test_every_interface_says_what_happened_and_how_to_go_on(
    spoiled: Installation, settings: Settings, fault: Fault
) -> None:
    token = spoiled.tokens.create(OPERATOR, "requester", "test", 1).secret
    page = sign_on_page(spoiled, settings)
    api = create_app(settings, spoiled).test_client()
    problem = api.post("/api/v1/certificates", data=UCCX_PUBLISHER.data, headers={"Authorization": f"Bearer {token}"})
    program = Program(
        lambda _path: spoiled, lambda _path: (), lambda *_: pytest.fail("no server"), lambda _: pytest.fail("no lab")
    )
    command = run(program, "sign", "-", data=UCCX_PUBLISHER.data)

    assert (page.status_code, problem.status_code, command.exit_code) == (503, 503, 1)
    assert read(page.text).blocking == [fault.rule]
    [error] = problem.get_json()["errors"]
    assert error["rule"] == fault.rule
    for text in (page.text, error["detail"]):
        assert (fault.told or fault.text) in text
    assert fault.text in command.stderr
    if fault.told:
        assert fault.text not in page.text + problem.text
    else:
        assert _NOW.sub("", error["detail"]) in _NOW.sub("", command.stderr)  # a second may pass between them
        assert error["remedy"] in command.stderr
    assert not spoiled.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    assert not list(Path.cwd().iterdir())
