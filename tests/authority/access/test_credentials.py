"""Names, passwords, labels and days: what can be used, up to the last character."""

from __future__ import annotations

import pytest

from ca_service.authority.access.credentials import (
    checked_account_name,
    checked_label,
    checked_password,
    checked_token_days,
    kept_name,
    loggable_name,
    password_bytes,
)
from ca_service.errors import InvalidInput


@pytest.mark.parametrize("length", [12, 200])
def test_a_password_of_12_to_200_characters_can_be_used(length: int) -> None:
    assert checked_password("alice", "x" * length) == "x" * length


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "x" * 11), ("alice", "x" * 201), ("anna", "I am ANNA, the first"), ("alice", "alice in the woods")],
)
def test_a_password_that_is_too_short_too_long_or_has_the_name_is_refused(name: str, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_password(name, password)
    assert caught.value.rule == "password.weak"


def test_a_name_of_three_characters_may_be_in_a_password() -> None:
    assert checked_password("bob", "a boat is bobbing") == "a boat is bobbing"


def test_a_password_is_cut_just_above_the_longest() -> None:
    assert password_bytes("x" * 300) == b"x" * 201


@pytest.mark.parametrize("typed", ["", "-a", "a b", "a" * 65])
def test_a_name_that_cannot_be_is_refused_and_shown_up_to_64_characters(typed: str) -> None:
    assert kept_name(typed) is None
    with pytest.raises(InvalidInput) as caught:
        checked_account_name(typed)
    assert caught.value.rule == "account.name"
    assert f"\u201c{typed[:64]}\u201d cannot" in str(caught.value)


@pytest.mark.parametrize("typed", ["anonymous", " Operator "])
def test_a_name_of_the_audit_log_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_account_name(typed)
    assert caught.value.rule == "account.reserved"


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [(" Alice ", "alice"), ("a" * 11, "a" * 11), ("a" * 12, "(not recorded)"), ("correct horse", "(not recorded)")],
)
def test_what_may_be_a_password_is_not_recorded_as_a_name(typed: str, recorded: str) -> None:
    assert loggable_name(typed) == recorded


@pytest.mark.parametrize("label", ["x", "x" * 60])
def test_a_label_of_1_to_60_characters_can_be_used(label: str) -> None:
    assert checked_label(f" {label} ") == label


@pytest.mark.parametrize("label", ["", " ", "x" * 61, "a\nb"])
def test_any_other_label_is_refused(label: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_label(label)
    assert caught.value.rule == "token.label"


@pytest.mark.parametrize(("days", "expected"), [(1, 1), (365, 365), (" 30 ", 30)])
def test_a_token_can_be_valid_for_1_to_365_days(days: int | str, expected: int) -> None:
    assert checked_token_days(days) == expected


@pytest.mark.parametrize("days", [0, 366, -1, "", "0", "366", "1.5", "x" * 30])
def test_any_other_number_of_days_is_refused(days: int | str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_token_days(days)
    assert caught.value.rule == "token.days"
    assert f"\u201c{str(days)[:20]}\u201d days" in str(caught.value)
