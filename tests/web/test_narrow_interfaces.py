"""Each interface receives the part of an installation that it needs, and no more."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import ca_service
from ca_service.authority.installation import APIServices, PublicServices, narrow
from tests.support.factories import Lab

_ACCOUNTS = {"accounts", "sessions", "signing_in", "second_factors", "passkeys", "links", "rescue", "single_sign_on"}
_KEYS = {"root_key", "external", "creation", "rollover", "crl_importer", "authority_revocation"}


@pytest.mark.parametrize("part", [PublicServices, APIServices])
def test_neither_scripts_nor_the_public_reach_accounts_or_the_root_key(lab: Lab, part: type[PublicServices]) -> None:
    received = narrow(lab, part)
    assert not [name for name in _ACCOUNTS | _KEYS if hasattr(received, name)]


def test_the_public_reaches_nothing_that_issues_or_revokes(lab: Lab) -> None:
    received = narrow(lab, PublicServices)
    assert not [
        name for name in ("issuance", "requests", "revocation", "renewal", "audit_log") if hasattr(received, name)
    ]


def test_an_interface_receives_the_same_use_cases(lab: Lab) -> None:
    received = narrow(lab, APIServices)
    assert all(getattr(received, each.name) is getattr(lab, each.name) for each in fields(APIServices))


@pytest.mark.parametrize("folder", ["public", "api"])
def test_no_view_of_a_narrow_interface_takes_the_whole_installation(folder: str) -> None:
    modules = Path(str(ca_service.__file__)).parent.glob(f"web/{folder}/*.py")
    assert not [module.name for module in modules if "installation()" in module.read_text(encoding="utf-8")]
