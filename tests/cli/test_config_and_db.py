"""`config` and `db`: the settings that count, and the version of the database."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace

import pytest

from ca_service.storage.migrating import HEAD
from tests.cli.command_line import CommandLine


def test_every_setting_has_value_and_origin(ca: CommandLine) -> None:
    environ = {"CA_SERVICE_SERVER__PORT": "9443", "CA_SERVICE_WEB__SECRET_KEY": "s" * 40}
    found = replace(ca, environ=environ).answer("config", "show")["settings"]
    by_key = {setting["key"]: (setting["value"], setting["origin"]) for setting in found}
    assert by_key["server.port"] == ("9443", "CA_SERVICE_SERVER__PORT")
    assert by_key["web.secret_key"] == ("********", "CA_SERVICE_WEB__SECRET_KEY")
    assert by_key["policy.max_days"] == ("825", "default")


def test_the_settings_are_a_table_for_people(ca: CommandLine) -> None:
    header, *lines = ca("config", "show").stdout.splitlines()
    assert header.split() == ["setting", "value", "from"]
    assert ["server.port", "8080", "default"] in [line.split() for line in lines]


def test_an_unknown_setting_is_an_error_that_names_it(ca: CommandLine) -> None:
    wrong = replace(ca, environ={"CA_SERVICE_SERVER__PROT": "1"})
    assert wrong.rule("config", "show", code=1) == "settings.unknown-key"


def test_upgrade_tells_from_where_to_where(new_ca: CommandLine) -> None:
    assert new_ca.answer("db", "upgrade") == {"before": None, "after": HEAD}
    assert new_ca("db", "upgrade").stdout == f"Up to date: {HEAD}.\n"


def test_upgrade_of_nothing_says_so(new_ca: CommandLine) -> None:
    assert new_ca("db", "upgrade").stdout == f"Upgraded from nothing to {HEAD}.\n"


def test_current_tells_what_there_is_and_what_is_needed(new_ca: CommandLine) -> None:
    assert new_ca("db", "current").stdout == f"none (needed: {HEAD})\n"
    new_ca("db", "upgrade")
    assert new_ca.answer("db", "current") == {"current": HEAD, "needed": HEAD}


@pytest.mark.usefixtures("newer")
def test_a_newer_database_is_not_upgraded(ca: CommandLine) -> None:
    assert ca.rule("db", "upgrade", code=1) == "schema.new"
    assert ca.answer("db", "current")["current"] == "9999"


def test_a_good_database_is_as_expected(ca: CommandLine) -> None:
    assert ca("db", "check").stdout == f"As expected: {HEAD}.\n"
    assert ca.answer("db", "check")["differences"] == []


def test_a_database_that_was_changed_by_hand_is_told(ca: CommandLine) -> None:
    with contextlib.closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("ALTER TABLE account ADD COLUMN nickname TEXT")
    assert ca.rule("db", "check", code=1) == "schema.differs"


def test_an_old_database_is_told_to_be_upgraded(new_ca: CommandLine) -> None:
    new_ca.folder.mkdir(mode=0o700)
    (new_ca.folder / "ca.sqlite3").touch()
    assert new_ca.rule("db", "check", code=1) == "schema.old"
