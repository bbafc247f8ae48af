"""The profiles are a table; what must hold for each row is tested here."""

from __future__ import annotations

import pytest

from ca_service.errors import InvalidInput
from ca_service.pki import profiles
from ca_service.pki.profiles import Profile

EVERY = pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=lambda profile: profile.name)


@EVERY
def test_the_defaults_are_within_what_the_profile_issues(profile: Profile) -> None:
    assert set(profile.default_key_usage) <= set(profile.key_usage)
    assert set(profile.default_extended_key_usage) <= set(profile.extended_key_usage)
    assert profile.default_days <= profile.max_days


@EVERY
def test_only_authorities_may_sign_certificates(profile: Profile) -> None:
    assert ("keyCertSign" in profile.key_usage) is profile.is_authority


@EVERY
def test_no_default_has_an_encipherment_bit(profile: Profile) -> None:
    assert {"keyEncipherment", "dataEncipherment"}.isdisjoint(profile.default_key_usage)


@EVERY
def test_what_is_issued_on_request_is_within_the_profile_and_no_default(profile: Profile) -> None:
    optional = set(profile.optional_extended_key_usage)
    assert optional <= set(profile.extended_key_usage) - set(profile.default_extended_key_usage)


@pytest.mark.parametrize("profile", profiles.LEAF_PROFILES.values(), ids=lambda profile: profile.name)
def test_no_leaf_lasts_longer_than_825_days(profile: Profile) -> None:
    assert profile.max_days == 825
    assert not profile.is_authority


def test_a_leaf_profile_is_found_by_its_name() -> None:
    assert profiles.get_leaf_profile("vos") is profiles.VOS


@pytest.mark.parametrize("name", ["root", "intermediate", "", "VOS"])
def test_no_other_profile_is_for_leaves(name: str) -> None:
    with pytest.raises(InvalidInput, match="vos, server, client") as refusal:
        profiles.get_leaf_profile(name)
    assert refusal.value.rule == "profile.unknown"
