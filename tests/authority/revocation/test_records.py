"""The values of revoking: a confirmation, a usable key, a typed time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ca_service.authority.revocation.consequences import of_releasing
from ca_service.authority.revocation.records import (
    Change,
    Effect,
    Outcome,
    RevocationRecord,
    RevocationStatus,
    Selection,
    State,
    require_usable_key,
)
from ca_service.authority.revocation.selecting import read_invalid_since
from ca_service.errors import Conflict, InvalidInput
from ca_service.pki.reasons import Reason
from tests.support.factories import certificate_record
from tests.support.fakes import NOON

RECORD = RevocationRecord(
    "intermediate-g1", "1", State.REVOKED, Reason.SUPERSEDED, NOON, NOON, "vera", NOON + timedelta(days=9), b""
)


def released(*hosts: str) -> Outcome:
    """The certificates of these hosts are released."""
    statuses = [RevocationStatus(certificate_record(host=host), RECORD) for host in hosts]
    return Outcome(tuple(Change(each, Effect.RELEASE, replace(RECORD, state=State.RELEASED)) for each in statuses))


def test_the_revocation_after_a_change_is_the_new_one_or_the_one_before() -> None:
    status = RevocationStatus(certificate_record(), RECORD)
    held = replace(RECORD, state=State.HELD)
    assert Change(status, Effect.HOLD, held).revocation == held
    assert Change(status, Effect.ALREADY).revocation == RECORD
    assert Change(replace(status, revocation=None), Effect.EXPIRED).state_text == "good"


@pytest.mark.parametrize(
    ("hosts", "wanted"), [(["a.example.com", "a.example.com"], "a.example.com"), (["a.example.com", "b"], "2")]
)
def test_only_the_text_of_the_confirmation_confirms(hosts: list[str], wanted: str) -> None:
    outcome = released(*hosts)
    outcome.require_confirmation(f" {wanted.upper()} ")
    with pytest.raises(InvalidInput, match=f"exactly: {wanted}") as caught:
        outcome.require_confirmation("yes")
    assert caught.value.rule == "confirmation.wrong"


@pytest.mark.parametrize(("count", "shown"), [(5, "h0, h1, h2, h3, h4"), (6, "h0, h1, h2, h3, h4 and 1 more")])
def test_five_hosts_are_named_and_the_others_counted(count: int, shown: str) -> None:
    [said] = of_releasing(released(*(f"h{number}" for number in range(count))))
    assert f"of {shown} are valid" in said.detail


@pytest.mark.parametrize(
    ("state", "reason", "is_usable"),
    [
        (State.REVOKED, Reason.SUPERSEDED, True),
        (State.REVOKED, Reason.KEY_COMPROMISE, False),
        (State.HELD, Reason.CERTIFICATE_HOLD, False),
        (State.RELEASED, Reason.REMOVE_FROM_CRL, True),
    ],
)
def test_a_key_is_usable_unless_it_is_lost_or_on_hold(state: State, reason: Reason, is_usable: bool) -> None:
    found = [RECORD, replace(RECORD, state=state, reason=reason)]
    if is_usable:
        require_usable_key(found)
        return
    with pytest.raises(Conflict) as caught:
        require_usable_key(found)
    assert caught.value.rule == "csr.key.revoked-meanwhile"


@pytest.mark.parametrize("text", ["2026-11-20T10:00:00.9+01:00", "2026-11-20T09:00:00", " 2026-11-20T09:00Z "])
def test_a_moment_is_read_to_the_second_in_utc_unless_it_says_otherwise(text: str) -> None:
    assert read_invalid_since(text) == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", " "])
def test_no_text_is_no_moment(text: str) -> None:
    assert read_invalid_since(text) is None


@pytest.mark.parametrize("text", ["yesterday", "0001-01-01T00:00:00+09:00", "x" * 99])
def test_what_is_no_moment_is_refused_and_shown_up_to_60_characters(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_invalid_since(text)
    assert caught.value.rule == "revocation.invalid-since"
    assert "x" * 61 not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "is_meant"),
    [("UCCX1.example.com", True), ("example.com", True), ("10.0.0.5", True), ("a@example.com", False), ("", False)],
)
def test_a_host_means_the_certificates_with_its_name_or_address(host: str, is_meant: bool) -> None:
    names = ("DNS:Example.com", "IP:10.0.0.5", "email:a@example.com")
    record = certificate_record(host="uccx1.example.com", names=names)
    assert Selection(host=host).means(record) == is_meant
