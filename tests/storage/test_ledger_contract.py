"""The contract of certificate stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from ca_service.authority.audit.store import EventStore
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.idempotency import Replay
from ca_service.authority.issuance.store import Ledger
from ca_service.errors import Conflict
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON
from tests.support.record import newest

SAME: Final[dict[str, Any]] = {"request_fingerprint": "same", "key_fingerprint": "key"}


def add(ledger: Ledger, *records: CertificateRecord, always_new: bool = False) -> tuple[CertificateRecord, ...]:
    """Record these, each with its event."""
    events = [event(record.serial_number) for record in records]
    return ledger.record(records, events, always_new=always_new, replay=None)


def answer(*records: CertificateRecord, key: str = "key", created: bool = True) -> Replay:
    """Return the answer to store for these certificates."""
    return Replay("somebody", key, "digest", tuple(record.serial_number for record in records), created, NOON)


def test_what_was_recorded_is_found_unchanged(ledger: Ledger) -> None:
    record = certificate_record(names=("DNS:a.example.com", "IP:2001:db8::1"))
    assert add(ledger, record) == (record,)
    assert ledger.find_certificate(record.serial_number) == record


def test_what_was_not_recorded_is_not_found(ledger: Ledger) -> None:
    assert ledger.find_certificate("00" * 20) is None


def test_events_are_recorded_with_certificates(ledger: Ledger, events: EventStore) -> None:
    first, second = certificate_record(), certificate_record()
    add(ledger, first, second)
    assert newest(events, 2) == (event(second.serial_number), event(first.serial_number))


# The same request again


def test_the_newest_certificate_that_is_valid_is_found_for_its_request(ledger: Ledger) -> None:
    older = certificate_record(**SAME)
    newer = certificate_record(**SAME, not_after=NOON + timedelta(days=1))
    add(ledger, older, newer, always_new=True)
    known = ledger.look_up(["key"], [])
    assert known.find_reissuable("same", "vos", "intermediate-g1", NOON) == newer
    assert known.find_reissuable("same", "vos", "intermediate-g1", newer.not_after) == newer
    assert known.find_reissuable("same", "vos", "intermediate-g1", NOON + timedelta(days=2)) == older
    assert known.find_reissuable("same", "vos", "intermediate-g1", NOON + timedelta(days=999)) is None


@pytest.mark.parametrize(
    "other",
    [("other", "vos", "intermediate-g1"), ("same", "server", "intermediate-g1"), ("same", "vos", "intermediate-g2")],
)
def test_another_request_profile_or_issuer_is_another_certificate(ledger: Ledger, other: tuple[str, str, str]) -> None:
    add(ledger, certificate_record(**SAME))
    assert ledger.look_up(["key"], []).find_reissuable(*other, NOON) is None


def test_whoever_recorded_first_for_a_request_wins(ledger: Ledger, events: EventStore) -> None:
    first = certificate_record(request_fingerprint="same")
    second, own = certificate_record(request_fingerprint="same"), certificate_record()
    add(ledger, first)
    assert add(ledger, second, own) == (first, own)
    assert ledger.find_certificate(second.serial_number) is None
    assert event(second.serial_number) not in newest(events, 9)


def test_both_are_kept_where_a_new_one_was_asked_for(ledger: Ledger) -> None:
    first, second = (certificate_record(request_fingerprint="same") for _ in range(2))
    add(ledger, first)
    assert add(ledger, second, always_new=True) == (second,)


def test_an_ended_certificate_does_not_win(ledger: Ledger) -> None:
    ended = certificate_record(request_fingerprint="same", not_after=NOON - timedelta(seconds=1))
    fresh = certificate_record(request_fingerprint="same")
    add(ledger, ended)
    assert add(ledger, fresh) == (fresh,)


def test_certificates_with_a_key_are_looked_up_newest_first_also_when_they_have_ended(ledger: Ledger) -> None:
    ended = certificate_record(key_fingerprint="same", not_after=NOON - timedelta(seconds=1))
    first, second = (certificate_record(key_fingerprint="same", not_after=NOON) for _ in range(2))
    add(ledger, first, ended, second, certificate_record())
    known = ledger.look_up(["same"], [])
    assert known.certificates == known.with_key("same") == (second, ended, first)
    assert [known.is_good(each, NOON) for each in known.certificates] == [True, False, True]
    assert ledger.look_up(["other"], []).certificates == ()
    assert ledger.look_up([], []).certificates == ()


def test_the_keys_of_a_whole_submission_are_looked_up_at_once(ledger: Ledger) -> None:
    made = [certificate_record(key_fingerprint=f"key {number}") for number in range(3)]
    add(ledger, *made)
    known = ledger.look_up([*(f"key {number}" for number in range(1200))], [])
    assert known.certificates == tuple(reversed(made))
    assert known.with_key("key 1") == (made[1],)


# Idempotency-Key


def test_an_answer_is_remembered_for_its_account_and_key(ledger: Ledger) -> None:
    record = certificate_record()
    ledger.record([record], [event()], always_new=False, replay=answer(record))
    assert ledger.find_replay("somebody", "key") == answer(record)
    assert ledger.find_replay("somebody", "other") is None
    assert ledger.find_replay("somebody else", "key") is None


def test_the_answer_that_is_remembered_is_the_one_that_was_given(ledger: Ledger) -> None:
    before, winner = certificate_record(), certificate_record(request_fingerprint="same")
    loser = certificate_record(request_fingerprint="same")
    add(ledger, before, winner)
    ledger.record([loser], [event()], always_new=False, replay=answer(before, loser))
    assert ledger.find_replay("somebody", "key") == answer(before, winner, created=False)


def test_an_answer_that_created_something_says_so(ledger: Ledger) -> None:
    winner, own = certificate_record(request_fingerprint="same"), certificate_record()
    loser = certificate_record(request_fingerprint="same")
    add(ledger, winner)
    ledger.record([loser, own], [event(), event()], always_new=False, replay=answer(loser, own, created=False))
    assert ledger.find_replay("somebody", "key") == answer(winner, own)


def test_a_key_that_was_used_meanwhile_undoes_the_whole_submission(ledger: Ledger, events: EventStore) -> None:
    first, second = certificate_record(), certificate_record()
    ledger.record([first], [event()], always_new=True, replay=answer(first))
    with pytest.raises(Conflict) as caught:
        ledger.record([second], [event("second")], always_new=True, replay=answer(second))
    assert caught.value.rule == "idempotency-key.in-use"
    assert ledger.find_certificate(second.serial_number) is None
    assert event("second") not in newest(events, 9)
    assert ledger.find_replay("somebody", "key") == answer(first)


# What is forgotten


def test_answers_are_forgotten_when_they_are_old(ledger: Ledger) -> None:
    first, second = certificate_record(), certificate_record()
    ledger.record([first], [event()], always_new=False, replay=answer(first, key="old"))
    newer = replace(answer(second, key="new"), at=NOON + timedelta(days=1))
    ledger.record([second], [event()], always_new=False, replay=newer)
    assert ledger.prune_replays(NOON + timedelta(days=1)) == 1
    assert ledger.find_replay("somebody", "old") is None
    assert ledger.find_replay("somebody", "new") == newer
    assert ledger.prune_replays(NOON + timedelta(days=1)) == 0
