"""Two machines with one database, where each has a copy of the instance folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ca_service import settings as settings_module
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.errors import CAServiceError, KeystoreError
from ca_service.settings import Settings
from tests.authority import racing
from tests.support.factories import OPERATOR, PLAN
from tests.support.requests import UCCX_PUBLISHER


@pytest.fixture
def settings(tmp_path: Path, empty_postgresql_url: str) -> Settings:
    """The defaults, on PostgreSQL."""
    return settings_module.load({racing.DATABASE_URL: empty_postgresql_url}, tmp_path / "instance").settings


def add_keys(installation: Installation) -> None:
    """Let the service add the keys that it needs: of the OCSP signer, and of the audit log."""
    assert installation.responders.renew_due() == 1
    assert installation.sealing.seal_pending()


def test_a_machine_with_a_copy_of_all_keys_signs_as_the_first_one_does(
    installation: Installation, settings: Settings, empty_postgresql_url: str, tmp_path: Path
) -> None:
    add_keys(installation)
    copy = shutil.copytree(settings.instance_path, tmp_path / "copy")
    with racing.open_at(copy, empty_postgresql_url) as other:
        assert other.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).created
        assert other.sealing.seal_pending()
        [issuer] = installation.responders.issuers()
        signers = [each.responders.current(issuer).certificate for each in (installation, other)]
    assert signers[0] == signers[1]


@pytest.mark.parametrize("is_copied_before", [True, False])
def test_a_machine_signs_with_the_next_intermediate_if_its_key_was_requested_and_copied_before(
    installation: Installation, settings: Settings, empty_postgresql_url: str, tmp_path: Path, is_copied_before: bool
) -> None:
    if is_copied_before:
        installation.external.request_intermediate(OPERATOR, "", PLAN.intermediate_curve, is_next=True)
    copy = shutil.copytree(settings.instance_path, tmp_path / "copy")
    installation.rollover.perform(OPERATOR, replace(PLAN, name=""))
    with racing.open_at(copy, empty_postgresql_url) as other:
        if is_copied_before:
            [issued] = other.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
            assert issued.issuer_id == "intermediate-g2"
        else:
            with pytest.raises(KeystoreError):
                other.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())


@pytest.mark.fault(
    "keys and files", "A machine has a copy of the keys without a newer one", "neither seals nor signs OCSP responses"
)
def test_a_machine_whose_copy_is_older_than_the_keys_neither_seals_nor_signs_ocsp_responses(
    installation: Installation, settings: Settings, empty_postgresql_url: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(settings.instance_path, tmp_path / "copy")
    add_keys(installation)
    with racing.open_at(copy, empty_postgresql_url) as other:
        other.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
        [issuer] = other.responders.issuers()
        for use in (other.sealing.seal_pending, lambda: other.responders.current(issuer)):
            with pytest.raises(CAServiceError) as caught:
                use()
            assert caught.value.rule == "key.missing"
