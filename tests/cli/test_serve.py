"""`serve`: everything that has to be there before the first request."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import Result

from ca_service.storage.events import SQLEventStore
from ca_service.storage.migrating import HEAD
from ca_service.storage.sqlite import SQLiteDatabase
from tests.cli.command_line import CommandLine
from tests.support.factories import PASSWORD, event


class Listening:
    """A server that only counts how often it was started."""

    def __init__(self) -> None:
        self.starts = 0

    def __call__(self) -> None:
        """Serve, and end at once."""
        self.starts += 1


@pytest.fixture
def server() -> Listening:
    """Nothing that listens."""
    return Listening()


def _serve(ca: CommandLine, server: Listening, *options: str) -> Result:
    return replace(ca, on_serve=server)("serve", *options)


def test_the_first_start_makes_everything_and_prints_the_set_up_link(new_ca: CommandLine, server: Listening) -> None:
    result = _serve(new_ca, server)
    assert result.exit_code == 0
    assert server.starts == 1
    assert f"Database upgraded from nothing to {HEAD}." in result.stderr
    assert "Created the intermediate of" in result.stderr
    [link] = [line.strip() for line in result.stdout.splitlines() if "/setup/" in line]
    assert link.startswith("http://127.0.0.1:8080/setup/")
    with new_ca.opened() as installation:
        installation.accounts.check_setup_link(link.rpartition("/")[2])
    assert "Serving on http://127.0.0.1:8080" in result.stdout


def test_a_later_start_with_an_account_prints_no_link_and_changes_nothing(ca: CommandLine, server: Listening) -> None:
    ca("user", "create", "anna", "--role", "administrator", "--password-stdin", data=PASSWORD.encode())
    before = ca.answer("ca", "show")
    result = _serve(ca, server)
    assert result.stdout == "Serving on http://127.0.0.1:8080 - stop with Ctrl-C.\n"
    assert result.stderr == ""
    assert ca.answer("ca", "show") == before


def test_json_tells_where_it_serves_and_the_link(ca: CommandLine, server: Listening) -> None:
    answer = json.loads(_serve(ca, server, "--host", "localhost", "--port", "9090", "--json").stdout)
    assert answer["url"] == "http://localhost:9090"
    assert answer["setup_url"].startswith("http://localhost:9090/setup/")
    assert (answer["created"], answer["is_pending"]) == ([], False)


def test_an_authority_of_another_name_than_in_the_settings_is_served(ca: CommandLine, server: Listening) -> None:
    other = replace(ca, environ={"CA_SERVICE_AUTHORITY__NAME": "Other Lab"})
    assert _serve(other, server).exit_code == 0
    assert server.starts == 1


def test_a_pending_intermediate_is_left_alone_and_told(new_ca: CommandLine, server: Listening) -> None:
    new_ca("ca", "request", "--name", "Example Lab")
    result = _serve(new_ca, server)
    assert result.exit_code == 0
    assert "Nothing can be signed yet" in result.stdout
    assert [record["role"] for record in _authorities(new_ca)] == ["intermediate"]
    assert server.starts == 1


def _authorities(ca: CommandLine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(ca("ca", "show", "--json").stdout)["authorities"]
    return found


@pytest.mark.usefixtures("newer")
def test_a_newer_database_is_not_served(ca: CommandLine, server: Listening) -> None:
    result = _serve(ca, server, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["errors"][0]["rule"] == "schema.new"
    assert server.starts == 0


def test_settings_that_cannot_be_are_told_before_anything_is_made(new_ca: CommandLine) -> None:
    wrong = replace(new_ca, environ={"CA_SERVICE_SERVER__HOST": "192.0.2.1"})
    assert wrong.rule("serve", code=1) == "settings.contradiction"
    assert not new_ca.folder.exists()


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_an_impossible_port_is_a_usage_error(ca: CommandLine, port: str) -> None:
    assert ca.rule("serve", "--port", port, code=2) == "usage"


@pytest.mark.fault("keys and files", "A key file is damaged", "`serve` prints it and starts")
def test_a_damaged_key_file_is_a_warning_at_the_start(ca: CommandLine, server: Listening) -> None:
    _serve(ca, server)
    (ca.folder / "keys" / "intermediate-g1.key.pem").write_bytes(b"")
    result = _serve(ca, server)
    assert (result.exit_code, server.starts) == (0, 2)
    assert "error: The private key intermediate-g1 cannot be decrypted" in result.stderr


@pytest.mark.fault("clock", "The clock is an hour or more behind the audit log", "`serve` prints it and starts")
def test_a_clock_behind_the_audit_log_is_a_warning_at_the_start_and_the_service_starts(
    ca: CommandLine, server: Listening
) -> None:
    with ca.opened() as installation:
        latest = installation.clock() + timedelta(days=365)
    SQLEventStore(SQLiteDatabase(ca.folder / "ca.sqlite3")).add_event(replace(event(), at=latest))
    result = _serve(ca, server)
    assert (result.exit_code, server.starts) == (0, 1)
    assert result.stderr.startswith("error: The clock says ")
    assert f"an event from {latest:%Y-%m-%dT%H:%M:%SZ}" in result.stderr
    assert "ca-service doctor --confirm-clock" in result.stderr
