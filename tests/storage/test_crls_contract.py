"""The contracts of CRL and responder stores, for the fakes, SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.event import listen

from ca_service.authority.audit.events import Event
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.revocation.records import (
    CRLBytes,
    CRLEntries,
    CRLRecord,
    CRLState,
    ResponderRecord,
    RevocationRecord,
    State,
    Transition,
)
from ca_service.authority.revocation.store import CRLStore, ResponderStore, RevocationStore
from ca_service.errors import Conflict
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON
from tests.support.revocation import revocation_record

ISSUER = "intermediate-g1"
DAY = timedelta(days=1)
Shelves = tuple[RevocationStore, CRLStore]


def listed(number: int, **changes: object) -> CRLRecord:
    """A list of this number."""
    record = CRLRecord(ISSUER, number, NOON, NOON + 3 * DAY, NOON + DAY, 0, 0)
    return replace(record, **changes)  # type: ignore[arg-type]


def add(crls: CRLStore, record: CRLRecord, data: CRLBytes | None = None) -> CRLRecord:
    """Publish it."""
    crls.add_crl(record, data or CRLBytes(b"full", b"delta"), event(record.issuer_id, Event.CRL_PUBLISHED))
    return record


def revoke(revocations: RevocationStore, state: State = State.REVOKED, **changes: object) -> RevocationRecord:
    """Revoke something."""
    leaf = certificate_record()
    record = revocation_record(leaf, state=state, entry_der=leaf.serial_number.encode(), **changes)
    return revocations.change([Transition(None, record, event())])[0]


def test_the_newest_list_is_found_with_its_bytes(shelves: Shelves) -> None:
    _, crls = shelves
    assert (crls.find_newest(ISSUER), crls.find_base(ISSUER, NOON), crls.read_crl(ISSUER, 1)) == (None, None, None)
    add(crls, listed(9))
    newest = add(crls, listed(2**150, count=7, version=3), CRLBytes(b"newer"))
    assert crls.find_newest(ISSUER) == newest
    assert crls.read_crl(ISSUER, 2**150) == CRLBytes(b"newer")
    assert crls.find_newest("intermediate-g2") is None


def test_the_state_names_the_newest_list_and_counts_the_changes(shelves: Shelves) -> None:
    revocations, crls = shelves
    assert crls.find_state(ISSUER) == CRLState(None, 0)
    add(crls, listed(9))
    add(crls, listed(2**150))
    revoke(revocations)
    revoke(revocations)
    assert crls.find_state(ISSUER) == CRLState(2**150, 2)
    assert crls.find_state("intermediate-g2") == CRLState(None, 0)


def test_of_older_lists_the_bytes_are_forgotten(shelves: Shelves) -> None:
    _, crls = shelves
    add(crls, listed(1))
    add(crls, listed(2))
    assert crls.read_crl(ISSUER, 1) is None


@pytest.mark.parametrize("number", [4, 5])
def test_a_number_that_is_not_higher_is_refused(shelves: Shelves, number: int) -> None:
    _, crls = shelves
    add(crls, listed(5))
    with pytest.raises(Conflict) as caught:
        add(crls, listed(number))
    assert caught.value.rule == "crl.number"
    assert crls.read_crl(ISSUER, 5) == CRLBytes(b"full", b"delta")


def test_the_base_is_the_oldest_list_that_has_not_lapsed(shelves: Shelves) -> None:
    _, crls = shelves
    add(crls, listed(1))
    second = add(crls, listed(2, this_update=NOON + 2 * DAY, next_update=NOON + 5 * DAY))
    add(crls, listed(3, this_update=NOON + 4 * DAY, next_update=NOON + 7 * DAY))
    assert crls.find_base(ISSUER, NOON + 4 * DAY) == second
    assert crls.find_base(ISSUER, NOON + 7 * DAY) is None
    assert crls.find_base("intermediate-g2", NOON) is None


def test_a_list_from_the_future_is_no_base(shelves: Shelves) -> None:
    _, crls = shelves
    ahead = NOON + 45 * DAY
    add(crls, listed(1, this_update=ahead, next_update=ahead + 7 * DAY))
    assert crls.find_base(ISSUER, NOON) is None
    assert crls.find_base(ISSUER, ahead) is not None


def test_a_list_has_what_is_revoked_or_on_hold_of_its_issuer(shelves: Shelves) -> None:
    revocations, crls = shelves
    gone, held = revoke(revocations), revoke(revocations, State.HELD)
    revoke(revocations, State.RELEASED)
    revoke(revocations, issuer_id="intermediate-g2")
    found = crls.read_entries(ISSUER, None)
    assert found.count == 2
    assert found.der in (gone.entry_der + held.entry_der, held.entry_der + gone.entry_der)
    assert crls.read_entries("intermediate-g3", None) == CRLEntries(b"", 0)


@pytest.mark.parametrize("entry_der", [b"\x00", b"0\x00\xff\xfe", b"\xc3(", b"\xed\xa0\x80\x00", bytes(range(256))])
def test_entries_come_back_as_they_are_though_they_are_no_text(shelves: Shelves, entry_der: bytes) -> None:
    revocations, crls = shelves
    for _ in range(2):
        leaf = certificate_record()
        record = revocation_record(leaf, entry_der=entry_der)
        revocations.change([Transition(None, record, event())])
    assert crls.read_entries(ISSUER, None) == CRLEntries(entry_der * 2, 2)


class UntilNUL:
    """The group_concat of an old SQLite, which ended the result at the first NUL."""

    def __init__(self) -> None:
        self._found = b""

    def step(self, *value_and_separator: Any) -> None:
        self._found += value_and_separator[0]

    def finalize(self) -> str:
        return self._found.partition(b"\0")[0].decode()


@pytest.mark.parametrize("shelves", ["sqlite"], indirect=True)
def test_an_sqlite_that_ends_text_at_a_nul_lists_all_entries_too(
    shelves: Shelves, issued_under: SQLiteDatabase
) -> None:
    revocations, crls = shelves
    for entry_der in (b"one\0", b"two"):
        record = revocation_record(certificate_record(), entry_der=entry_der)
        revocations.change([Transition(None, record, event())])

    def replace_function(connection: sqlite3.Connection, _record: object) -> None:
        old: Any = UntilNUL
        connection.create_aggregate("group_concat", 2, old)

    listen(issued_under.engine, "connect", replace_function)
    issued_under.close()
    found = crls.read_entries(ISSUER, None)
    assert (sorted(found.der), found.count) == (sorted(b"one\0two"), 2)


def test_an_expired_certificate_is_left_out_when_a_list_after_its_end_has_told_of_it(shelves: Shelves) -> None:
    revocations, crls = shelves
    gone = revoke(revocations, not_after=NOON)
    told, untold = listed(1, this_update=NOON + DAY, version=1), listed(1, this_update=NOON + DAY, version=0)
    at_its_end = listed(1, this_update=NOON, version=1)
    assert crls.read_entries(ISSUER, told) == CRLEntries(b"", 0)
    for base in (untold, at_its_end):
        assert crls.read_entries(ISSUER, base) == CRLEntries(gone.entry_der, 1)


def test_a_delta_has_what_was_changed_since_releases_included(shelves: Shelves) -> None:
    revocations, crls = shelves
    revoke(revocations)
    changed = [revoke(revocations).entry_der, revoke(revocations, State.RELEASED).entry_der]
    assert sorted(crls.list_changes(ISSUER, 1)) == sorted(changed)
    assert crls.list_changes(ISSUER, 3) == []


def test_what_a_list_says_of_authorities_is_stored_with_it_or_not_at_all(shelves: Shelves) -> None:
    revocations, crls = shelves
    record = revocation_record(certificate_record())
    crls.add_crl(listed(1), CRLBytes(b"x"), event(), transitions=[Transition(None, record, event())])
    found = revocations.find_revocation(ISSUER, record.serial_number)
    assert found == replace(record, version=1)
    with pytest.raises(Conflict):
        crls.add_crl(listed(2), CRLBytes(b"x"), event(), transitions=[Transition(None, record, event())])
    assert crls.find_newest(ISSUER) == listed(1)


# Signers of OCSP answers


def responder(serial_number: str, **changes: object) -> ResponderRecord:
    """A signer."""
    record = ResponderRecord(ISSUER, serial_number, "ocsp", NOON, NOON + DAY, b"der")
    return replace(record, **changes)  # type: ignore[arg-type]


def test_the_signer_that_lasts_longest_is_the_one(signers: tuple[Ledger, ResponderStore]) -> None:
    _, store = signers
    assert store.find_responder(ISSUER, NOON) is None
    longest = responder("2" * 40, not_after=NOON + 2 * DAY)
    for each in (responder("1" * 40), longest, responder("3" * 40, issuer_id="intermediate-g2")):
        store.add_responder(each, event(kind=Event.RESPONDER_CERTIFIED))
    assert store.find_responder(ISSUER, NOON) == longest


def test_a_signer_from_the_future_is_not_there(signers: tuple[Ledger, ResponderStore]) -> None:
    _, store = signers
    usual = responder("1" * 40, not_before=NOON + timedelta(minutes=5))
    later = responder("2" * 40, not_before=NOON + timedelta(minutes=5, seconds=1), not_after=NOON + 300 * DAY)
    for each in (later, usual):
        store.add_responder(each, event(kind=Event.RESPONDER_CERTIFIED))
    assert store.find_responder(ISSUER, NOON) == usual
    assert store.find_responder(ISSUER, NOON + timedelta(seconds=1)) == later


def test_leaves_and_signers_were_issued_by_their_issuer_and_nobody_else(signers: tuple[Ledger, ResponderStore]) -> None:
    ledger, store = signers
    leaf = certificate_record()
    ledger.record([leaf], [event()], always_new=True, replay=None)
    store.add_responder(responder("1" * 40), event())
    asked = [(ISSUER, leaf.serial_number), (ISSUER, "1" * 40), (ISSUER, "2" * 40)]
    assert [store.was_issued(*each) for each in asked] == [True, True, False]
    assert not store.was_issued("intermediate-g2", leaf.serial_number)


def test_one_at_a_time_is_let_in(shelves: Shelves, signers: tuple[Ledger, ResponderStore]) -> None:
    for store in (shelves[1], signers[1]):
        with store.exclusively(ISSUER):
            pass
        with store.exclusively(ISSUER):
            pass
