"""`token`: what scripts show instead of a password."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ca_service.authority.installation import Installation
from tests.cli.command_line import CommandLine
from tests.support.factories import PASSWORD


@pytest.fixture
def anna(ca: CommandLine) -> str:
    """Somebody whose tokens these are."""
    ca.answer("user", "create", "anna", "--password-stdin", data=PASSWORD.encode())
    return "anna"


def test_the_token_acts_for_its_account(ca: CommandLine, opened: Installation, anna: str) -> None:
    answer = ca.answer("token", "create", "--account", anna, "--label", "renewal", "--days", "7")
    assert opened.tokens.authenticate(answer["token"]).name == anna
    assert (answer["label"], answer["account"], answer["revoked_at"]) == ("renewal", anna, None)
    assert answer["token"].startswith(answer["prefix"])


def test_standard_output_holds_the_token_alone(ca: CommandLine, anna: str) -> None:
    result = ca("token", "create", "--account", anna)
    assert result.stdout.strip().startswith("ca_")
    assert len(result.stdout.split()) == 1
    assert "Authorization: Bearer" in result.stderr


def test_the_list_shows_no_secret_and_each_state(ca: CommandLine, opened: Installation, anna: str) -> None:
    secrets = [ca.answer("token", "create", "--account", anna)["token"] for _ in range(3)]
    ca("token", "revoke", "--account", anna, "2")
    opened.tokens.authenticate(secrets[0])
    with contextlib.closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("UPDATE token SET expires_at = '2020-01-01 00:00:00' WHERE id = 3")
    result = ca("token", "list", "--account", anna)
    states = {line.split()[0]: line.split()[-1] for line in result.stdout.splitlines()[1:]}
    assert states == {"1": "valid", "2": "revoked", "3": "expired"}
    assert not any(secret in result.stdout for secret in secrets)
    listed = ca.answer("token", "list", "--account", anna)["tokens"]
    assert {token["id"]: token["last_used_at"] is not None for token in listed} == {1: True, 2: False, 3: False}


def test_an_empty_list_says_so(ca: CommandLine, anna: str) -> None:
    assert ca("token", "list", "--account", anna).stdout == "anna has no tokens.\n"


def test_revoking_ends_the_token_and_can_be_repeated(ca: CommandLine, anna: str) -> None:
    token_id = ca.answer("token", "create", "--account", anna)["id"]
    first = ca.answer("token", "revoke", "--account", anna, str(token_id))
    assert first["revoked_at"] is not None
    assert ca("token", "revoke", "--account", anna, str(token_id)).stdout == f"Token {token_id} of anna is revoked.\n"


def test_the_limits_are_kept_and_shown(ca: CommandLine, anna: str) -> None:
    limits = ("--scope", "submit", "--name", "*.uc.example.com", "--profile", "vos", "--network", "10.0.0.0/8")
    made = ca.answer("token", "create", "--account", anna, *limits, "--name", "uccx1.example.com")
    [listed] = ca.answer("token", "list", "--account", anna)["tokens"]
    for found in (made, listed):
        assert (found["scopes"], found["profiles"], found["networks"]) == (["submit"], ["vos"], ["10.0.0.0/8"])
        assert found["names"] == ["*.uc.example.com", "uccx1.example.com"]
    may = "submit; names *.uc.example.com, uccx1.example.com; profiles vos; from 10.0.0.0/8"
    assert may in ca("token", "list", "--account", anna).stdout


def test_scopes_that_the_role_does_not_allow_are_named(ca: CommandLine, anna: str) -> None:
    ca("user", "role", anna, "auditor")
    remark = "The role auditor does not allow all of: submit."
    assert remark in ca("token", "create", "--account", anna).stderr
    assert "does not allow" not in ca("token", "create", "--account", anna, "--scope", "audit").stderr


def test_a_wrong_profile_is_looked_for_at_its_option(ca: CommandLine, anna: str) -> None:
    assert "where  --profile\n" in ca("token", "create", "--account", anna, "--profile", "ocsp").stderr


def test_without_options_a_token_has_the_usual_scopes_and_no_limit(ca: CommandLine, anna: str) -> None:
    made = ca.answer("token", "create", "--account", anna)
    assert made["scopes"] == ["check", "submit", "read"]
    assert (made["names"], made["profiles"], made["networks"]) == ([], [], [])


def test_all_tokens_are_revoked_at_once(ca: CommandLine, anna: str) -> None:
    for _ in range(3):
        ca.answer("token", "create", "--account", anna)
    assert ca.answer("token", "revoke", "--account", anna, "--all") == {"account": anna, "revoked": 3}
    assert ca("token", "revoke", "--account", anna, "--all").stdout == "0 tokens of anna are revoked.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (("create", "--account", "nobody"), 1, "account.unknown"),
        (("list", "--account", "nobody"), 1, "account.unknown"),
        (("revoke", "--account", "anna", "77"), 1, "token.unknown"),
        (("revoke", "--account", "anna", "x"), 2, "usage"),
        (("create", "--account", "anna", "--days", "0"), 2, "token.days"),
        (("create", "--account", "anna", "--days", "9" * 30), 2, "token.days"),
        (("create", "--account", "anna", "--label", ""), 2, "token.label"),
        (("create",), 2, "usage"),
        (("create", "--account", "anna", "--scope", "x"), 2, "token.scope-unknown"),
        (("create", "--account", "anna", "--name", "*"), 2, "token.names"),
        (("create", "--account", "anna", "--profile", "root"), 2, "token.profiles"),
        (("create", "--account", "anna", "--network", "10.0.0.5/8"), 2, "token.networks"),
        (("revoke", "--account", "anna"), 2, "usage"),
        (("revoke", "--account", "anna", "1", "--all"), 2, "usage"),
        (("revoke", "--account", "nobody", "--all"), 1, "account.unknown"),
    ],
)
@pytest.mark.usefixtures("anna")
def test_each_refusal_has_its_rule(ca: CommandLine, arguments: tuple[str, ...], code: int, rule: str) -> None:
    assert ca.rule("token", *arguments, code=code) == rule
