"""What a ledger promises, kept by the fake and by SQLite."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service.authority.grants import Grant
from ca_service.authority.ports import Ledger
from ca_service.authority.record.store import EventStore
from ca_service.authority.records import CertificateQuery, CertificateRecord, Replay, Sort
from ca_service.errors import Conflict, InvalidInput
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON
from tests.support.record import newest

SORTS: tuple[Sort, ...] = ("newest", "oldest", "expires", "host")


def add(ledger: Ledger, *records: CertificateRecord, always_new: bool = False) -> tuple[CertificateRecord, ...]:
    """Record these, each with its event."""
    events = [event(record.serial_number) for record in records]
    return ledger.record(records, events, always_new=always_new, replay=None)


def answer(*records: CertificateRecord, key: str = "key", created: bool = True) -> Replay:
    """What is to be remembered of these."""
    return Replay("somebody", key, "digest", tuple(record.serial_number for record in records), created, NOON)


def walk(ledger: Ledger, sort: Sort, limit: int, text: str = "", grant: Grant | None = None) -> list[str]:
    """The serial numbers of all pages."""
    found, cursor = [], ""
    while True:
        query = CertificateQuery(text=text, sort=sort, cursor=cursor, limit=limit, grant=grant)
        page = ledger.list_certificates(query)
        assert 0 < len(page.items) <= limit
        found += [record.serial_number for record in page.items]
        cursor = page.next_cursor
        if not cursor:
            return found


def test_what_was_recorded_is_found_unchanged(ledger: Ledger) -> None:
    record = certificate_record(names=("DNS:a.example.com", "IP:2001:db8::1"))
    assert add(ledger, record) == (record,)
    assert ledger.find_certificate(record.serial_number) == record


def test_what_was_not_recorded_is_not_found(ledger: Ledger) -> None:
    assert ledger.find_certificate("00" * 20) is None
    assert ledger.list_certificates(CertificateQuery()).items == ()


def test_events_are_recorded_with_certificates(ledger: Ledger, events: EventStore) -> None:
    first, second = certificate_record(), certificate_record()
    add(ledger, first, second)
    assert newest(events, 2) == (event(second.serial_number), event(first.serial_number))


# The same request again


def test_the_newest_certificate_that_is_valid_is_found_for_its_request(ledger: Ledger) -> None:
    older = certificate_record(request_fingerprint="same")
    newer = certificate_record(request_fingerprint="same", not_after=NOON + timedelta(days=1))
    add(ledger, older, newer, always_new=True)
    assert ledger.find_reissuable("same", "vos", "intermediate-g1", NOON) == newer
    assert ledger.find_reissuable("same", "vos", "intermediate-g1", newer.not_after) == newer
    assert ledger.find_reissuable("same", "vos", "intermediate-g1", NOON + timedelta(days=2)) == older
    assert ledger.find_reissuable("same", "vos", "intermediate-g1", NOON + timedelta(days=999)) is None


@pytest.mark.parametrize(
    "other",
    [("other", "vos", "intermediate-g1"), ("same", "server", "intermediate-g1"), ("same", "vos", "intermediate-g2")],
)
def test_another_request_profile_or_issuer_is_another_certificate(ledger: Ledger, other: tuple[str, str, str]) -> None:
    add(ledger, certificate_record(request_fingerprint="same"))
    assert ledger.find_reissuable(*other, NOON) is None


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


def test_certificates_with_a_key_are_listed_newest_first_while_they_are_valid(ledger: Ledger) -> None:
    ended = certificate_record(key_fingerprint="same", not_after=NOON - timedelta(seconds=1))
    first, second = (certificate_record(key_fingerprint="same", not_after=NOON) for _ in range(2))
    add(ledger, first, ended, second, certificate_record())
    assert ledger.list_by_key("same", NOON) == (second, first)
    assert ledger.list_by_key("other", NOON) == ()


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


# Pages


def _many(ledger: Ledger) -> list[CertificateRecord]:
    """Seven certificates with ties in host and end."""
    records = [
        certificate_record(host=host, not_after=NOON + timedelta(days=days))
        for host, days in [("b", 3), ("a", 1), ("b", 1), ("c", 2), ("a", 2), ("b", 1), ("a", 3)]
    ]
    add(ledger, *records)
    return records


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_every_certificate_once_and_in_order(ledger: Ledger, sort: Sort, limit: int) -> None:
    records = list(enumerate(_many(ledger)))
    expected = {
        "newest": sorted(records, key=lambda row: -row[0]),
        "oldest": records,
        "expires": sorted(records, key=lambda row: (row[1].not_after, row[0])),
        "host": sorted(records, key=lambda row: (row[1].host, row[0])),
    }[sort]
    assert walk(ledger, sort, limit) == [record.serial_number for _, record in expected]


def test_a_page_that_takes_the_last_certificate_has_no_next(ledger: Ledger) -> None:
    add(ledger, certificate_record(), certificate_record())
    assert ledger.list_certificates(CertificateQuery(limit=2)).next_cursor == ""


@pytest.mark.parametrize(("asked", "got"), [(-1, 1), (0, 1), (10**9, 3)])
def test_the_length_of_a_page_has_limits(ledger: Ledger, asked: int, got: int) -> None:
    add(ledger, *(certificate_record() for _ in range(3)))
    assert len(ledger.list_certificates(CertificateQuery(limit=asked)).items) == got


@pytest.mark.parametrize("sort", SORTS)
def test_what_is_recorded_between_two_pages_disturbs_neither(ledger: Ledger, sort: Sort) -> None:
    records = _many(ledger)
    page = ledger.list_certificates(CertificateQuery(sort="newest", limit=4))
    rest = ledger.list_certificates(CertificateQuery(sort="newest", cursor=page.next_cursor, limit=4))
    assert {*page.items, *rest.items} == set(records)
    assert len(walk(ledger, sort, 2)) == len(records)


@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_belongs_to_its_sort(ledger: Ledger, sort: Sort) -> None:
    _many(ledger)
    cursor = ledger.list_certificates(CertificateQuery(sort=sort, limit=2)).next_cursor
    for other in set(SORTS) - {sort}:
        with pytest.raises(InvalidInput) as caught:
            ledger.list_certificates(CertificateQuery(sort=other, cursor=cursor))
        assert caught.value.rule == "list.cursor"


# Search


@pytest.mark.parametrize(
    "text",
    [
        "uccx1.example.com",
        "UCCX1",
        "  uccx1 ",
        "O=Beispiel & Söhne".upper(),
        "2001:db8::1",
        "ab" * 20,
        "ABAB",
        "ab:ab:ab",
    ],
)
def test_a_certificate_is_found_by_name_subject_address_or_start_of_its_serial_number(
    ledger: Ledger, text: str
) -> None:
    wanted = certificate_record(
        serial_number="ab" * 20,
        host="uccx1.example.com",
        subject="O=Beispiel & Söhne, CN=uccx1-EC.example.com",
        names=("DNS:uccx1.example.com", "IP:2001:db8::1"),
    )
    add(ledger, certificate_record(), wanted, certificate_record())
    assert ledger.list_certificates(CertificateQuery(text=text)).items == (wanted,)


@pytest.mark.parametrize(
    "text", ["%", "_", "node_", "%node%", "\\", "'", "' OR 1=1 --", "/", "dns:", "*", "\x00", "[a-z]"]
)
def test_nothing_in_a_search_has_a_meaning_of_its_own(ledger: Ledger, text: str) -> None:
    add(ledger, certificate_record(), certificate_record())
    assert ledger.list_certificates(CertificateQuery(text=text)).items == ()


@pytest.mark.parametrize("text", ["%", "_", "'", "\\", "/"])
def test_a_special_character_is_found_where_it_stands(ledger: Ledger, text: str) -> None:
    wanted = certificate_record(subject=f"CN=a{text}b")
    add(ledger, certificate_record(), wanted)
    assert ledger.list_certificates(CertificateQuery(text=f"a{text}b")).items == (wanted,)


def test_the_middle_of_a_serial_number_is_not_searched(ledger: Ledger) -> None:
    add(ledger, certificate_record(serial_number="12" + "cd" * 19))
    assert ledger.list_certificates(CertificateQuery(text="cdcdcd")).items == ()


def test_an_empty_search_lists_all(ledger: Ledger) -> None:
    records = _many(ledger)
    assert len(walk(ledger, "newest", 3, text="  ")) == len(records)


def test_a_search_goes_on_over_pages(ledger: Ledger) -> None:
    wanted = [certificate_record(host=f"wanted{number}") for number in range(5)]
    add(ledger, *wanted[:2], certificate_record(), *wanted[2:], certificate_record())
    assert walk(ledger, "oldest", 2, text="wanted") == [record.serial_number for record in wanted]


# With a token that may not see all


@pytest.mark.parametrize("sort", SORTS)
def test_a_list_behind_a_grant_is_as_if_there_were_no_other_certificates(ledger: Ledger, sort: Sort) -> None:
    ours = [certificate_record(names=(f"DNS:n{number}.uc.example.com",)) for number in range(5)]
    others = [certificate_record(names=(f"DNS:n{number}.example.com",), host=f"n{number}") for number in range(5)]
    server = certificate_record(profile="server", names=("DNS:n9.uc.example.com",))
    add(ledger, server, *(record for pair in zip(ours, others, strict=True) for record in pair))
    grant = Grant(1, frozenset(("read",)), ("*.uc.example.com",), ("vos",))
    expected = {record.serial_number for record in ours}
    for limit in (1, 2, 5, 50):  # no page is empty, none is shorter than it has to be
        found = walk(ledger, sort, limit, grant=grant)
        assert set(found) == expected
        assert len(found) == len(expected)


@pytest.mark.parametrize("pattern", ["10.0.0.5", "10.0.0.0/24", "2001:db8::5", "2001:db8::/32", "uccx1.example.com"])
def test_a_certificate_is_listed_by_whichever_name_the_grant_covers(ledger: Ledger, pattern: str) -> None:
    ours = [
        certificate_record(names=(name,))
        for name in ("IP:10.0.0.5", "IP:2001:db8::5", "DNS:UCCX1.example.com", "DNS:other.example.com")
    ]
    add(ledger, *ours)
    grant = Grant(1, frozenset(), (pattern,))
    expected = [record.serial_number for record in ours if grant.sees(record.profile, record.names, record.host)]
    assert len(expected) == 1
    assert walk(ledger, "newest", 1, grant=grant) == expected


def test_a_grant_without_bounds_sees_everything(ledger: Ledger) -> None:
    add(ledger, *(certificate_record() for _ in range(3)))
    assert len(walk(ledger, "newest", 2, grant=Grant(1, frozenset()))) == 3


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
