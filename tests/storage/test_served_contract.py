"""The contract of the store of what ports have presented, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ca_service.authority.fleet.probing import Served, ServedStore
from ca_service.vos.served import Verdict
from tests.support.fakes import NOON

FIRST = Served("a.example.com", 8443, Verdict.SELF_SIGNED, "ab" * 32, "", NOON, NOON)
LATER = NOON + timedelta(hours=1)
OTHER = replace(FIRST, verdict=Verdict.ISSUED, fingerprint="cd" * 32, serial_number="00" * 20, at=LATER, seen_at=LATER)


def test_nothing_is_known_of_a_host_that_was_never_looked_at(served_store: ServedStore) -> None:
    served_store.record([])
    assert served_store.list_served("a.example.com") == ()


def test_the_same_certificate_is_one_entry_that_was_seen_again(served_store: ServedStore) -> None:
    served_store.record([FIRST])
    served_store.record([replace(FIRST, at=LATER, seen_at=LATER)])
    assert served_store.list_served("a.example.com") == (replace(FIRST, seen_at=LATER),)


def test_each_change_is_an_entry_and_the_newest_comes_first(served_store: ServedStore) -> None:
    served_store.record([FIRST, replace(FIRST, port=443), replace(FIRST, host="b.example.com")])
    served_store.record([OTHER])
    found = served_store.list_served("a.example.com")
    assert [(each.port, each.verdict) for each in found] == [
        (8443, Verdict.ISSUED),
        (443, Verdict.SELF_SIGNED),
        (8443, Verdict.SELF_SIGNED),
    ]
    served_store.record([replace(FIRST, at=LATER, seen_at=LATER)])
    assert len(served_store.list_served("a.example.com")) == 4


def test_at_most_a_hundred_entries_are_listed(served_store: ServedStore) -> None:
    for number in range(3):
        served_store.record([replace(FIRST, port=port, fingerprint=f"{number}") for port in range(1, 51)])
    assert len(served_store.list_served("a.example.com")) == 100
