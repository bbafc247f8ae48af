"""`init`: the database and the authority of a new installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ca_service.storage.migrating import HEAD
from tests.cli.command_line import CommandLine


def test_it_makes_an_authority_that_openssl_verifies(
    new_ca: CommandLine, here: Path, openssl: Callable[..., str]
) -> None:
    answer = new_ca.answer("init", "--name", "Example Lab")
    assert answer["created"] is True
    root, intermediate = answer["authorities"]
    (here / "root.pem").write_text(root["certificate"]["pem"])
    (here / "intermediate.pem").write_text(intermediate["certificate"]["pem"])
    assert "OK" in openssl("verify", "-x509_strict", "-CAfile", "root.pem", "intermediate.pem")
    assert root["certificate"]["subject"] == "O=Example Lab, CN=Example Lab EC Root CA G1"
    assert (root["has_key"], intermediate["has_key"], intermediate["is_issuing"]) == (True, True, True)


def test_its_options_win_over_the_settings(new_ca: CommandLine) -> None:
    environ = {"CA_SERVICE_AUTHORITY__NAME": "From Settings", "CA_SERVICE_AUTHORITY__ROOT_CURVE": "P-256"}
    options = ("--intermediate-curve", "P-256", "--root-days", "100", "--intermediate-days", "50")
    root, intermediate = replace(new_ca, environ=environ).answer("init", *options)["authorities"]
    assert root["name"] == "From Settings"
    assert (root["certificate"]["key"], intermediate["certificate"]["key"]) == ("EC P-256", "EC P-256")
    assert root["certificate"]["not_after"] > intermediate["certificate"]["not_after"]


def test_it_tells_what_it_made(new_ca: CommandLine) -> None:
    result = new_ca("init", "--name", "Example Lab", "--root-curve", "P-384")
    assert result.stderr == f"Database upgraded from nothing to {HEAD}.\n"
    assert result.stdout.startswith("Created: root and intermediate.\n")
    assert "subject   O=Example Lab, CN=Example Lab EC Root CA G1\n" in result.stdout


def test_running_it_twice_changes_nothing_and_says_so(ca: CommandLine) -> None:
    before = ca.answer("ca", "show")
    result = ca("init")
    assert result.exit_code == 0
    assert result.stdout.startswith("The authority exists already (Example Lab). Nothing was changed.\n")
    assert ca.answer("ca", "show") == before


def test_another_name_for_an_existing_authority_is_a_conflict(ca: CommandLine) -> None:
    assert ca.rule("init", "--name", "Other Lab", code=1) == "authority.exists"


def test_a_requested_intermediate_is_not_overtaken(new_ca: CommandLine) -> None:
    new_ca("ca", "request", "--name", "Example Lab")
    assert new_ca.rule("init", code=1) == "authority.pending"


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("--name", "Lab \u00e4", "authority.name"),
        ("--root-days", "0", "authority.days"),
        ("--intermediate-days", "99999", "authority.days"),
        ("--root-curve", "P-521", "usage"),
        ("--intermediate-curve", "secp256k1", "usage"),
        ("--root-days", "many", "usage"),
    ],
)
def test_an_impossible_plan_is_a_usage_error(new_ca: CommandLine, option: str, value: str, rule: str) -> None:
    assert new_ca.rule("init", option, value, code=2) == rule


@pytest.mark.usefixtures("newer")
def test_a_newer_database_is_refused(ca: CommandLine) -> None:
    assert ca.rule("init", code=1) == "schema.new"


def test_the_instance_option_chooses_the_folder(new_ca: CommandLine, tmp_path: Path) -> None:
    assert new_ca("--instance", tmp_path / "other", "init").exit_code == 0
    assert (tmp_path / "other" / "keys" / "root-g1.key.pem").exists()
    assert not new_ca.folder.exists()
