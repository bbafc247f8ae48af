"""The contract of revocation stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.revocation.records import RevocationRecord, Selection, State, Transition
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Conflict
from ca_service.pki.reasons import Reason
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON
from tests.support.revocation import revocation_record

Books = tuple[Ledger, RevocationStore]
SHARED = {"request_fingerprint": "a" * 64, "key_fingerprint": "b" * 64}


def issue(books: Books, **changes: object) -> CertificateRecord:
    """A certificate in the ledger."""
    record = certificate_record(**changes)
    books[0].record([record], [event(record.serial_number)], always_new=True, replay=None)
    return record


def put(books: Books, after: RevocationRecord, before: RevocationRecord | None = None) -> RevocationRecord:
    """Store one change with its event."""
    return books[1].change([Transition(before, after, event(after.serial_number, Event.CERTIFICATE_REVOKED))])[0]


def test_what_was_stored_is_found_unchanged_but_for_its_version(books: Books) -> None:
    leaf = issue(books)
    record = revocation_record(leaf, reason=Reason.KEY_COMPROMISE, invalid_since=NOON, note="lost \u00e9")
    stored = put(books, record)
    assert stored == replace(record, version=1)
    assert books[1].find_revocation(leaf.issuer_id, leaf.serial_number) == stored
    assert books[1].revocations_of([leaf.serial_number, "f" * 40]) == {leaf.serial_number: stored}


def test_what_was_not_revoked_is_not_found(books: Books) -> None:
    leaf = issue(books)
    assert books[1].find_revocation(leaf.issuer_id, leaf.serial_number) is None
    assert books[1].revocations_of([leaf.serial_number]) == {}
    assert books[1].revocations_of([]) == {}


def test_a_revocation_belongs_to_its_issuer(books: Books) -> None:
    leaf = issue(books)
    put(books, revocation_record(leaf, issuer_id="intermediate-g2"))
    assert books[1].find_revocation("intermediate-g1", leaf.serial_number) is None
    assert books[1].revocations_of([leaf.serial_number]) == {}


def test_a_change_replaces_what_was_before(books: Books) -> None:
    leaf = issue(books)
    held = put(books, revocation_record(leaf, state=State.HELD, reason=Reason.CERTIFICATE_HOLD))
    released = put(books, replace(held, state=State.RELEASED, changed_by="else"), held)
    assert books[1].find_revocation(leaf.issuer_id, leaf.serial_number) == released
    assert (released.version, released.changed_by) == (2, "else")


def test_each_change_of_an_issuer_has_a_version_of_its_own(books: Books) -> None:
    first, second, third = issue(books), issue(books), issue(books, issuer_id="intermediate-g2")
    assert books[1].version("intermediate-g1") == 0
    versions = [put(books, revocation_record(each)).version for each in (first, second, third)]
    assert versions == [1, 2, 1]
    assert (books[1].version("intermediate-g1"), books[1].version("intermediate-g2")) == (2, 1)


def test_what_is_changed_together_has_one_version(books: Books) -> None:
    leaves = [issue(books), issue(books)]
    stored = books[1].change([Transition(None, revocation_record(each), event()) for each in leaves])
    assert [record.version for record in stored] == [1, 1]


@pytest.mark.parametrize("stale", ["unseen", "seen before"])
def test_who_comes_too_late_changes_nothing(books: Books, stale: str) -> None:
    leaf, other = issue(books), issue(books)
    held = put(books, revocation_record(leaf, state=State.HELD, reason=Reason.CERTIFICATE_HOLD))
    before = None if stale == "unseen" else held
    if before is not None:
        put(books, replace(held, state=State.RELEASED), held)
    wanted = [
        Transition(None, revocation_record(other), event()),
        Transition(before, revocation_record(leaf), event()),
    ]
    with pytest.raises(Conflict) as caught:
        books[1].change(wanted)
    assert caught.value.rule == "revocation.changed"
    assert books[1].revocations_of([other.serial_number]) == {}


def test_certificates_are_selected_by_serial_number_key_and_host(books: Books) -> None:
    by_serial, by_key = issue(books), issue(books, key_fingerprint="c" * 64)
    by_host = issue(books, host="A.example.com")
    by_name = issue(books, names=("DNS:b.example.com", "DNS:a.example.com"))
    issue(books, host="aa.example.com", names=("DNS:a.example.com.example.org",))
    revoked = put(books, revocation_record(by_host))
    found = books[1].list_selected(Selection((by_serial.serial_number,), "c" * 64, "a.example.com"))
    assert [each.certificate for each in found] == [by_serial, by_key, by_host, by_name]
    assert [each.revocation for each in found] == [None, None, revoked, None]


@pytest.mark.parametrize("host", ["uccx1.example.com", "UCCX1.Example.COM"])
def test_a_host_is_selected_in_any_case(books: Books, host: str) -> None:
    leaf = issue(books, host="uccx1.example.com")
    assert [each.certificate for each in books[1].list_selected(Selection(host=host))] == [leaf]


def test_a_host_is_no_pattern(books: Books) -> None:
    issue(books)
    assert books[1].list_selected(Selection(host="%")) == ()
    assert books[1].list_selected(Selection()) == ()


def test_more_can_be_selected_than_a_statement_takes(books: Books) -> None:
    leaf = issue(books)
    serials = (*(f"{number:040x}" for number in range(10**6, 10**6 + 1200)), leaf.serial_number)
    assert [each.certificate for each in books[1].list_selected(Selection(serials))] == [leaf]


# What the ledger makes of it

GONE = pytest.mark.parametrize("state", [State.REVOKED, State.HELD])


@GONE
def test_what_is_not_valid_is_not_handed_out_again(books: Books, state: State) -> None:
    leaf = issue(books, **SHARED)
    put(books, revocation_record(leaf, state=state))
    ledger = books[0]
    known = ledger.look_up(["b" * 64], [])
    assert known.find_reissuable("a" * 64, leaf.profile, leaf.issuer_id, NOON) is None
    assert known.certificates == (leaf,)
    assert not known.is_good(leaf, NOON)
    assert ledger.find_current(leaf.host, NOON) is None
    assert ledger.list_by_requests(["a" * 64]) == (leaf,)  # a slot tells that it is revoked
    assert ledger.find_certificate(leaf.serial_number) == leaf


def test_the_current_certificate_of_a_host_may_be_asked_for_by_purpose(books: Books) -> None:
    first = issue(books, **SHARED, purpose="tomcat-ECDSA")
    second = issue(books, **SHARED, purpose="CallManager-ECDSA", host=first.host)
    ledger = books[0]
    assert ledger.find_current(first.host, NOON) == second
    assert ledger.find_current(first.host, NOON, "tomcat-ECDSA") == first
    assert ledger.find_current(first.host, NOON, "cup-ECDSA") is None


def test_the_current_certificates_of_many_hosts_are_the_newest_good_ones_for_each_purpose(books: Books) -> None:
    older = issue(books, **SHARED, purpose="tomcat-ECDSA")
    newer = issue(books, **SHARED, purpose="tomcat-ECDSA", host=older.host)
    other = issue(books, **SHARED, purpose="CallManager-ECDSA", host=older.host)
    second = issue(books, **SHARED, purpose="tomcat-ECDSA", host="second.example.com")
    issue(books, **SHARED, purpose="tomcat-ECDSA", host="third.example.com")
    hosts, ledger = [older.host, second.host, "none.example.com"], books[0]

    def current(at: datetime) -> set[str]:
        return {each.serial_number for each in ledger.list_current(hosts, at)}

    assert current(NOON) == {newer.serial_number, other.serial_number, second.serial_number}
    put(books, revocation_record(newer))
    assert current(NOON) == {older.serial_number, other.serial_number, second.serial_number}
    assert current(second.not_after + timedelta(seconds=1)) == set()
    assert ledger.list_current([], NOON) == ()


def test_revocations_of_authorities_are_looked_up_by_their_issuer_and_number(books: Books) -> None:
    leaf = issue(books, **SHARED)
    revoked = revocation_record(leaf)
    put(books, revoked)
    link, other = (leaf.issuer_id, leaf.serial_number), ("root-g1", leaf.serial_number)
    assert set(books[0].look_up([], [link, other]).revocations) == {link}
    assert books[0].look_up([], [other]).revocations == {}


def test_what_was_released_is_handed_out_again(books: Books) -> None:
    leaf = issue(books, **SHARED)
    put(books, revocation_record(leaf, state=State.RELEASED))
    ledger = books[0]
    known = ledger.look_up(["b" * 64], [])
    assert known.find_reissuable("a" * 64, leaf.profile, leaf.issuer_id, NOON) == leaf
    assert known.certificates == (leaf,)
    assert known.is_good(leaf, NOON)
    assert ledger.find_current(leaf.host, NOON) == leaf
    assert ledger.list_by_requests(["a" * 64]) == (leaf,)


@pytest.mark.parametrize(
    "found", [{"reason": Reason.KEY_COMPROMISE}, {"state": State.HELD, "reason": Reason.CERTIFICATE_HOLD}]
)
def test_no_certificate_is_recorded_for_a_key_that_was_lost_meanwhile(books: Books, found: dict[str, object]) -> None:
    put(books, revocation_record(issue(books, **SHARED), **found))
    with pytest.raises(Conflict) as caught:
        issue(books, **SHARED)
    assert caught.value.rule == "csr.key.revoked-meanwhile"


@pytest.mark.parametrize(("state", "is_refused"), [(State.REVOKED, True), (State.HELD, True), (State.RELEASED, False)])
def test_no_certificate_is_recorded_below_an_authority_that_was_revoked_meanwhile(
    books: Books, state: State, is_refused: bool
) -> None:
    above = issue(books)  # any certificate stands for that of the authority
    put(books, revocation_record(above, state=state))
    link, leaf = (above.issuer_id, above.serial_number), certificate_record(**SHARED)
    with pytest.raises(Conflict) if is_refused else nullcontext() as caught:
        books[0].record([leaf], [event()], always_new=False, replay=None, authorities=[link])
    assert caught is None or caught.value.rule == "authority.revoked-meanwhile"
    assert (books[0].find_certificate(leaf.serial_number) is None) is is_refused


def test_a_certificate_is_recorded_for_a_key_that_was_released_meanwhile(books: Books) -> None:
    released = revocation_record(issue(books, **SHARED), state=State.RELEASED, reason=Reason.CERTIFICATE_HOLD)
    assert not released.bars_key
    assert not replace(released, reason=Reason.KEY_COMPROMISE).bars_key
    put(books, released)
    issue(books, **SHARED)


def test_a_new_certificate_is_recorded_for_a_request_whose_old_one_was_revoked(books: Books) -> None:
    old = issue(books, **SHARED)
    put(books, revocation_record(old))
    new = certificate_record(**SHARED, issued_at=NOON + timedelta(days=1))
    assert books[0].record([new], [event()], always_new=False, replay=None) == (new,)
