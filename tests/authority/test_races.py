"""Two who do the same at the same moment: exactly one of them does it, and the other is told what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ca_service.authority.applications.records import Application, ApplicationQuery, State
from ca_service.authority.installation import Installation
from ca_service.authority.permissions import Actor
from ca_service.authority.records import CertificateQuery
from ca_service.settings import Settings
from ca_service.storage.applications import SQLApplicationStore
from ca_service.storage.database import Database
from tests.authority import racing
from tests.support.factories import OPERATOR, event
from tests.support.requests import UCCX_PUBLISHER

Race = Callable[[Path, racing.Work, Sequence[Any]], list[str]]
either_way = pytest.mark.parametrize("race", [racing.by_threads, racing.by_processes], ids=["threads", "processes"])


@either_way
def test_two_who_issue_the_same_request_get_the_same_certificate(
    installation: Installation, settings: Settings, operator: Actor, race: Race
) -> None:
    first, second = race(settings.instance_path, racing.issue, [UCCX_PUBLISHER.data] * 2)
    stored = installation.issuance.list_certificates(operator, CertificateQuery()).items
    assert first == second
    assert [record.serial_number for record in stored] == [first]


@either_way
def test_two_who_use_one_idempotency_key_issue_once(
    installation: Installation, settings: Settings, operator: Actor, race: Race
) -> None:
    results = race(settings.instance_path, racing.issue_new_under_a_key, [UCCX_PUBLISHER.data] * 2)
    (stored,) = installation.issuance.list_certificates(operator, CertificateQuery()).items
    assert set(results) <= {stored.serial_number, "idempotency-key.in-use"}
    assert stored.serial_number in results


@either_way
def test_two_who_use_one_setup_link_make_one_administrator(
    installation: Installation, settings: Settings, operator: Actor, race: Race
) -> None:
    secret = installation.accounts.make_setup_link()
    results = race(settings.instance_path, racing.use_setup_link, [(secret, "alice"), (secret, "bob")])
    (account,) = installation.accounts.list_accounts(operator)
    assert sorted(results) == sorted([account.name, "setup-link.invalid"])


@either_way
def test_two_who_initialise_make_one_authority(
    empty_installation: Installation, settings: Settings, race: Race
) -> None:
    empty_installation.schema.upgrade()
    results = race(settings.instance_path, racing.initialise, [None, None])
    assert sorted(results) == ["", "root-g1 intermediate-g1"]
    assert [record.id for record in empty_installation.hierarchy.list_issuers()] == ["root-g1", "intermediate-g1"]


@either_way
def test_two_who_upgrade_the_schema_both_find_it_upgraded(
    empty_installation: Installation, settings: Settings, race: Race
) -> None:
    results = race(settings.instance_path, racing.upgrade, [None, None])
    assert results == [empty_installation.schema.head()] * 2
    assert empty_installation.schema.differences() == []


@pytest.fixture
def waiting(settings: Settings, installation: Installation) -> Application:
    """A request that waits."""
    racing.submit(racing.open_at(settings.instance_path), UCCX_PUBLISHER.data)
    return installation.applications.get(OPERATOR, 1)


@either_way
def test_two_who_submit_the_same_request_have_one_application(
    installation: Installation, settings: Settings, race: Race
) -> None:
    assert race(settings.instance_path, racing.submit, [UCCX_PUBLISHER.data] * 2) == ["1", "1"]
    assert len(installation.applications.list_applications(OPERATOR, ApplicationQuery()).items) == 1


@either_way
def test_of_two_who_approve_one_wins_and_the_other_is_told(
    installation: Installation, settings: Settings, waiting: Application, race: Race
) -> None:
    results = race(settings.instance_path, racing.approve, [11, 12])
    (record,) = installation.issuance.list_certificates(OPERATOR, CertificateQuery()).items
    assert sorted(results) == sorted([record.serial_number, "application.decided"])
    found = installation.applications.get(OPERATOR, waiting.id)
    assert found.decided_by_id == (11, 12)[results.index(record.serial_number)]


@either_way
def test_two_who_finish_what_is_approved_issue_once(
    installation: Installation, settings: Settings, waiting: Application, race: Race
) -> None:
    approved = waiting.decided(State.APPROVED, OPERATOR, waiting.submitted_at, "")
    store = SQLApplicationStore(Database(settings.instance_path / "ca.sqlite3"))
    assert store.move(approved, State.SUBMITTED, event())
    race(settings.instance_path, racing.finish, [None, None])
    (record,) = installation.issuance.list_certificates(OPERATOR, CertificateQuery()).items
    assert installation.applications.get(OPERATOR, waiting.id).serial_number == record.serial_number
