"""Two who do the same at the same moment: exactly one of them does it, and the other is told what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ca_service import settings as settings_module
from ca_service.authority.installation import Installation
from ca_service.authority.permissions import Actor
from ca_service.authority.records import CertificateQuery
from ca_service.authority.registration import Options
from ca_service.pki.reasons import Reason
from ca_service.settings import Settings
from tests.authority import racing
from tests.support.requests import UCCX_PUBLISHER

Race = Callable[[Path, racing.Work, Sequence[Any]], list[str]]
either_way = pytest.mark.parametrize("race", [racing.by_threads, racing.by_processes], ids=["threads", "processes"])


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, on either database."""
    url = request.getfixturevalue("empty_postgresql_url") if request.param == "postgresql" else ""
    monkeypatch.setenv(racing.DATABASE_URL, url)  # also for the processes that race
    return settings_module.load({racing.DATABASE_URL: url}, tmp_path / "instance").settings


@either_way
def test_two_who_issue_the_same_request_get_the_same_certificate(
    installation: Installation, settings: Settings, operator: Actor, race: Race
) -> None:
    first, second = race(settings.instance_path, racing.issue, [UCCX_PUBLISHER.data] * 2)
    stored = installation.inventory.list_certificates(operator, CertificateQuery()).certificates
    assert first == second
    assert [record.serial_number for record in stored] == [first]


@either_way
def test_two_who_use_one_idempotency_key_issue_once(
    installation: Installation, settings: Settings, operator: Actor, race: Race
) -> None:
    results = race(settings.instance_path, racing.issue_new_under_a_key, [UCCX_PUBLISHER.data] * 2)
    (stored,) = installation.inventory.list_certificates(operator, CertificateQuery()).certificates
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


@either_way
def test_of_two_who_revoke_the_same_one_wins_and_the_other_is_told(
    installation: Installation, settings: Settings, operator: Actor, race: Race
) -> None:
    leaf = installation.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).certificates[0]
    reasons = (Reason.KEY_COMPROMISE, Reason.SUPERSEDED)
    results = race(settings.instance_path, racing.revoke, [(leaf.serial_number, reason) for reason in reasons])
    found = installation.revocation.find(operator, leaf.serial_number)
    assert found is not None
    winner, loser = (results[reasons.index(found.reason)], results[1 - reasons.index(found.reason)])
    assert winner == "revoke"
    assert loser in ("revocation.changed", "final")
    assert found.version == 1


@either_way
def test_two_who_fetch_a_list_that_is_due_get_the_same_list(
    installation: Installation, settings: Settings, race: Race
) -> None:
    first, second = race(settings.instance_path, racing.fetch_list, [None, None])
    assert first == second == installation.publishing.current("intermediate-g1").digest


@either_way
def test_no_number_of_a_list_is_used_twice(settings: Settings, installation: Installation, race: Race) -> None:
    results = race(settings.instance_path, racing.publish_lists, [None, None])
    numbers = [int(number) for result in results for number in result.split()]
    assert len(set(numbers)) == 10
    assert all(result.split() == sorted(result.split()) for result in results)
    assert installation.publishing.current("intermediate-g1").record.number == max(numbers)


@either_way
def test_two_who_need_a_signer_of_ocsp_answers_make_one(
    installation: Installation, settings: Settings, race: Race
) -> None:
    first, second = race(settings.instance_path, racing.make_responder, [None, None])
    assert first == second
    assert installation.responders.renew_due() == 0
