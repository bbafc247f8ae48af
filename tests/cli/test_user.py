"""`user`: the accounts of people and scripts."""

from __future__ import annotations

import pytest

from ca_service.authority.installation import Installation
from ca_service.authority.people.records import Visit
from tests.cli.command_line import CommandLine, Keyboard
from tests.support.factories import PASSWORD
from tests.support.people import can_sign_in

_TYPED = PASSWORD.encode() + b"\n"


@pytest.fixture
def vera(ca: CommandLine) -> str:
    """Another administrator."""
    ca.answer("user", "create", "vera", "--role", "administrator", "--password-stdin", data=_TYPED)
    return "vera"


@pytest.fixture
def anna(ca: CommandLine) -> str:
    """An administrator."""
    ca.answer("user", "create", "anna", "--role", "administrator", "--password-stdin", data=_TYPED)
    return "anna"


def _can_sign_in(ca: CommandLine, name: str, password: str) -> bool:
    with ca.opened() as installation:
        return can_sign_in(installation.signing_in, name, password)


def test_an_account_can_sign_in_with_the_password_from_standard_input(ca: CommandLine) -> None:
    answer = ca.answer("user", "create", "Anna", "--role", "administrator", "--password-stdin", data=_TYPED)
    assert answer == {
        "name": "anna",
        "role": "administrator",
        "created_at": answer["created_at"],
        "disabled_at": None,
        "mail_address": "",
    }
    assert _can_sign_in(ca, "anna", PASSWORD)


def test_an_account_may_do_little_unless_more_is_said(ca: CommandLine) -> None:
    assert ca("user", "create", "bob", "--password-stdin", data=_TYPED).stdout == "Created bob (requester).\n"


def test_at_a_terminal_the_password_is_typed_twice(ca: CommandLine) -> None:
    result = ca("user", "create", "anna", data=Keyboard(_TYPED * 2))
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert _can_sign_in(ca, "anna", PASSWORD)


def test_a_password_that_is_not_typed_to_its_end_creates_nothing(ca: CommandLine) -> None:
    assert ca("user", "create", "anna", data=Keyboard(_TYPED)).exit_code == 1
    assert ca.answer("user", "list") == {"accounts": []}


def test_without_a_terminal_the_password_has_to_be_piped_in(ca: CommandLine) -> None:
    assert ca.rule("user", "create", "anna", data=_TYPED, code=2) == "password.missing"


@pytest.mark.parametrize(
    ("data", "rule"),
    [(b"short", "password.weak"), (b"", "password.weak"), (b"\xff" * 20, "password.encoding")],
)
def test_a_password_that_cannot_be_used_is_a_usage_error(ca: CommandLine, data: bytes, rule: str) -> None:
    assert ca.rule("user", "create", "anna", "--password-stdin", data=data, code=2) == rule


def test_a_name_that_cannot_be_used_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("user", "create", "an na", "--password-stdin", data=_TYPED, code=2) == "account.name"


def test_a_role_that_does_not_exist_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("user", "create", "anna", "--role", "king", code=2) == "usage"


def test_a_name_that_is_taken_is_a_conflict(ca: CommandLine, anna: str) -> None:
    assert ca.rule("user", "create", anna, "--password-stdin", data=_TYPED, code=1) == "account.exists"


def test_the_list_names_everybody(ca: CommandLine, anna: str) -> None:
    header, line = ca("user", "list").stdout.splitlines()
    assert header.split() == ["name", "role", "created", "mail", "state"]
    assert (line.split()[:2], line.split()[-1]) == ([anna, "administrator"], "active")
    assert [account["name"] for account in ca.answer("user", "list")["accounts"]] == [anna]


def test_an_empty_list_says_so(ca: CommandLine) -> None:
    assert ca("user", "list").stdout == "There are no accounts yet.\n"


def test_a_new_password_replaces_the_old_one(ca: CommandLine, anna: str) -> None:
    result = ca("user", "password", anna, "--password-stdin", data=b"four other random words\r\n")
    assert result.stdout == "anna has a new password.\n"
    assert _can_sign_in(ca, anna, "four other random words")


def test_a_password_for_nobody_is_an_error_before_it_is_typed(ca: CommandLine) -> None:
    assert ca.rule("user", "password", "nobody", code=1) == "account.unknown"


@pytest.mark.usefixtures("vera")
def test_a_disabled_account_is_told_in_the_list_until_it_is_enabled(ca: CommandLine, anna: str) -> None:
    assert ca.answer("user", "disable", anna)["disabled_at"] is not None
    assert ca("user", "list").stdout.splitlines()[1].split()[-1] == "disabled"
    assert ca("user", "enable", anna).stdout == "anna can sign in again.\n"
    assert _can_sign_in(ca, anna, PASSWORD)


@pytest.mark.usefixtures("vera")
def test_disabling_says_what_it_does(ca: CommandLine, anna: str) -> None:
    assert ca("user", "disable", anna).stdout == "anna is disabled.\n"


@pytest.mark.parametrize("command", ["disable", "enable"])
def test_nobody_cannot_be_locked_out_or_in(ca: CommandLine, command: str) -> None:
    assert ca.rule("user", command, "nobody", code=1) == "account.unknown"


def test_the_last_administrator_is_not_locked_out(ca: CommandLine, anna: str) -> None:
    assert ca.rule("user", "disable", anna, code=1) == "account.last-administrator"
    assert ca.rule("user", "role", anna, "auditor", code=1) == "account.last-administrator"


@pytest.mark.usefixtures("vera")
def test_a_role_is_changed(ca: CommandLine, anna: str) -> None:
    assert ca.answer("user", "role", anna, "auditor")["role"] == "auditor"
    assert ca("user", "role", anna, "approver").stdout == "anna is approver now.\n"


def test_a_mail_address_is_set_with_the_account_and_later(ca: CommandLine) -> None:
    made = ca.answer("user", "create", "bob", "--mail", "bob@example.com", "--password-stdin", data=_TYPED)
    assert made["mail_address"] == "bob@example.com"
    assert "bob@example.com" in ca("user", "list").stdout
    assert ca("user", "mail", "bob", "b@example.com").stdout == "Messages for bob go to b@example.com.\n"
    assert ca("user", "mail", "bob", "").stdout == "bob gets no mail.\n"
    assert ca.rule("user", "mail", "bob", "b@example.com\nBcc: x@example.com", code=2) == "account.mail"


@pytest.mark.parametrize("command", ["unlock", "reset", "sessions"])
def test_nobody_cannot_be_helped(ca: CommandLine, command: str) -> None:
    assert ca.rule("user", command, "nobody", code=1) == "account.unknown"


def test_a_wait_after_failed_attempts_is_ended(ca: CommandLine, opened: Installation, anna: str) -> None:
    for _ in range(6):
        assert not can_sign_in(opened.signing_in, anna, "wrong")
    assert not can_sign_in(opened.signing_in, anna, PASSWORD)
    assert ca("user", "unlock", "Anna").stdout == "anna can try again immediately.\n"
    assert can_sign_in(opened.signing_in, anna, PASSWORD)


def test_a_reset_prints_a_link_with_which_a_new_password_is_chosen(
    ca: CommandLine, opened: Installation, anna: str
) -> None:
    answer = ca.answer("user", "reset", anna)
    address, _, secret = answer["url"].rpartition("/")
    assert (address, answer["name"]) == ("http://127.0.0.1:8080/welcome", anna)
    assert not can_sign_in(opened.signing_in, anna, PASSWORD)
    assert ca("user", "list").stdout.splitlines()[1].endswith("no password yet")
    result = ca("user", "reset", anna)
    newer = result.stdout.strip().rpartition("/")[2]
    assert "once, within 24 hours" in result.stderr
    assert newer != secret
    opened.links.use(newer, "four other random words", "")
    assert can_sign_in(opened.signing_in, anna, "four other random words")


def test_sessions_are_listed_and_ended(ca: CommandLine, opened: Installation, anna: str) -> None:
    assert ca("user", "sessions", anna).stdout == "anna is signed in nowhere.\n"
    opened.signing_in.with_password(anna, PASSWORD, Visit("192.0.2.1", "Browser\x1b[31m/1"))
    [found] = ca.answer("user", "sessions", anna)["sessions"]
    assert (found["address"], found["method"], found["user_agent"]) == ("192.0.2.1", "password", "Browser[31m/1")
    header, line, said = ca("user", "sessions", anna, "--end").stdout.splitlines()
    assert (header.split()[0], line.split()[-1], said) == ("signed", "Browser[31m/1", "All sessions of anna are ended.")
    assert ca.answer("user", "sessions", anna) == {"sessions": [], "ended": False}
