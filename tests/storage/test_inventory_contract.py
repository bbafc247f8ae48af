"""The contract of inventory stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import chain, permutations, product

import pytest

from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.language import parse
from ca_service.authority.inventory.store import Place, Sort, Status
from ca_service.authority.revocation.records import State
from ca_service.errors import InvalidInput
from tests.support.factories import certificate_record, event, issuer_record
from tests.support.fakes import NOON
from tests.support.house import House

SORTS: tuple[Sort, ...] = ("newest", "oldest", "expires", "host")


def walk(house: House, sort: Sort, limit: int, text: str = "", grant: Grant | None = None) -> list[str]:
    """The serial numbers of all pages."""
    found, cursor = list[str](), ""
    while True:
        page = house.page(text, sort=sort, cursor=cursor, limit=limit, grant=grant)
        assert 0 < len(page.items) <= limit
        found += [record.serial_number for record in page.certificates]
        cursor = page.next_cursor
        if not cursor:
            return found


# Pages


def _many(house: House) -> list[CertificateRecord]:
    """Seven certificates with ties in host and end."""
    records = [
        certificate_record(host=host, not_after=NOON + timedelta(days=days))
        for host, days in [("b", 3), ("a", 1), ("b", 1), ("c", 2), ("a", 2), ("b", 1), ("a", 3)]
    ]
    house.add(*records)
    return records


def test_pages_hold_every_certificate_once_and_in_order(house: House) -> None:
    records = list(enumerate(_many(house)))
    ordered: dict[Sort, list[tuple[int, CertificateRecord]]] = {
        "newest": sorted(records, key=lambda row: -row[0]),
        "oldest": records,
        "expires": sorted(records, key=lambda row: (row[1].not_after, row[0])),
        "expires-desc": sorted(records, key=lambda row: (row[1].not_after, row[0]), reverse=True),
        "host": sorted(records, key=lambda row: (row[1].host, row[0])),
        "host-desc": sorted(records, key=lambda row: (row[1].host, row[0]), reverse=True),
    }
    serials = {sort: [record.serial_number for _, record in rows] for sort, rows in ordered.items()}
    for limit in (1, 2, 3, 6, 7, 8):
        assert {sort: walk(house, sort, limit) for sort in serials} == serials, limit


def test_a_page_that_takes_the_last_certificate_has_no_next(house: House) -> None:
    house.add(certificate_record(), certificate_record())
    assert house.page(limit=2).next_cursor == ""


def test_the_length_of_a_page_has_limits(house: House) -> None:
    house.add(*(certificate_record() for _ in range(3)))
    lengths = {-1: 1, 0: 1, 10**9: 3}
    assert {limit: len(house.page(limit=limit).certificates) for limit in lengths} == lengths


def test_two_pages_are_whole(house: House) -> None:
    records = _many(house)
    page = house.page(sort="newest", limit=4)
    rest = house.page(sort="newest", cursor=page.next_cursor, limit=4)
    assert {*page.certificates, *rest.certificates} == set(records)


def test_a_cursor_belongs_to_its_sort(house: House) -> None:
    _many(house)
    for sort, other in permutations(SORTS, 2):
        cursor = house.page(sort=sort, limit=2).next_cursor
        with pytest.raises(InvalidInput) as caught:
            house.page(sort=other, cursor=cursor)
        assert caught.value.rule == "list.cursor", (sort, other)


# Search


def test_a_certificate_is_found_by_name_subject_address_or_start_of_its_serial_number(house: House) -> None:
    wanted = certificate_record(
        serial_number="ab" * 20,
        host="uccx1.example.com",
        subject="O=Beispiel & Söhne, CN=uccx1-EC.example.com",
        names=("DNS:uccx1.example.com", "IP:2001:db8::1"),
    )
    house.add(certificate_record(), wanted, certificate_record())
    names = ("uccx1.example.com", "UCCX1", "  uccx1 ", "O=Beispiel & Söhne".upper(), "2001:db8::1")
    find_each(house, {text: [wanted] for text in (*names, "ab" * 20, "ABAB", "ab:ab:ab")})


def find_each(house: House, expected: Mapping[str, list[CertificateRecord]]) -> None:
    """Search for each of these texts; fails with all that find something else."""
    assert {text: house.found(text) for text in expected} == expected


def test_nothing_in_a_search_has_a_meaning_of_its_own(house: House) -> None:
    house.add(certificate_record(), certificate_record())
    texts = ("%", "_", "node_", "%node%", "\\", "'", "' OR 1=1 --", "/", "dns:", "*", "\x00", "[a-z]")
    find_each(house, {text: [] for text in texts})


def test_a_special_character_is_found_where_it_stands(house: House) -> None:
    wanted = {f"a{text}b": [certificate_record(subject=f"CN=a{text}b")] for text in ("%", "_", "'", "\\", "/")}
    house.add(certificate_record(), *chain(*wanted.values()))
    find_each(house, wanted)


def test_the_middle_of_a_serial_number_is_not_searched(house: House) -> None:
    house.add(certificate_record(serial_number="12" + "cd" * 19))
    assert house.found("cdcdcd") == []


def test_an_empty_search_lists_all(house: House) -> None:
    records = _many(house)
    assert len(walk(house, "newest", 3, text="  ")) == len(records)


def test_a_search_goes_on_over_pages(house: House) -> None:
    wanted = [certificate_record(host=f"wanted{number}") for number in range(5)]
    house.add(*wanted[:2], certificate_record(), *wanted[2:], certificate_record())
    assert walk(house, "oldest", 2, text="wanted") == [record.serial_number for record in wanted]


def test_short_words_begin_the_host(house: House) -> None:
    wanted = certificate_record(host="Node3.example.com", subject="CN=uccx-red", names=())
    others = [certificate_record(host=host, subject="CN=node-no", names=()) for host in ("zno", "mn", "o", "uccx")]
    house.add(*others[:2], wanted, *others[2:])
    texts = ("no", "n", "No", "n no", "host:no", "host:n", "host:xx,no", "host:xxx,n")
    expected = {(text, sort): (wanted,) for text in texts for sort in SORTS}
    assert {(text, sort): house.page(text=text, sort=sort).certificates for text, sort in expected} == expected


def test_a_short_word_is_a_whole_host_too(house: House) -> None:
    wanted = certificate_record(host="n", subject="CN=zzz", names=())
    house.add(certificate_record(host="m", subject="CN=zzz", names=()), wanted)
    assert house.found("n") == house.found("host=n") == [wanted]
    assert house.found("nx") == house.found("z") == []


def test_words_beside_a_longer_one_may_be_short_and_each_narrows_the_list(house: House) -> None:
    wanted = certificate_record(host="node3.example.com", subject="CN=uccx-red, O=ö")
    other = certificate_record(serial_number="f" * 40, host="zzz", subject="CN=xx", names=())
    house.add(other, wanted)
    texts = ("node3 ed", "red -", "uccx ö", "node3 3", "node uccx", "uccx node3", '"node3.example"')
    find_each(house, {text: [wanted] for text in texts})


def test_quotation_marks_keep_words_together(house: House) -> None:
    together, apart = (certificate_record(subject=f"CN={text}") for text in ("contact centre", "centre contact"))
    house.add(together, apart)
    assert house.found('"contact centre"') == [together]
    assert house.found("contact centre") == [together, apart]


def test_no_word_upsets_the_index(house: House) -> None:
    record = certificate_record(host="zzz", subject="CN=zzz", names=())
    house.add(record)
    texts = ('"', 'a"b', "'x", "a*", "NEAR(a", "AND", "\ud800", "\x00\x00\x00x")
    find_each(house, {'""': [record]} | {text: [] for text in texts})


# Filters


def test_the_end_narrows_the_list(house: House) -> None:
    past, soon, late = (certificate_record(not_after=NOON + timedelta(days=days)) for days in (-3, 20, 40))
    house.add(late, past, soon)
    assert house.found("expires<30d") == [past, soon]
    assert house.found("expires<30d expires>=0d") == [soon]
    assert house.found("expires>5w") == [late]
    assert house.found("expires>=2026-12-13 expires<=2026-12-13") == [soon]
    assert house.found("expires>2026-12-13") == [late]
    assert house.found("expires<2026-12-13") == [past]
    assert house.found("expires>-1w expires<-1d") == [past]


def test_the_last_second_of_a_certificate_is_its_end(house: House) -> None:
    last, ended = (certificate_record(not_after=NOON + timedelta(seconds=seconds)) for seconds in (0, -1))
    house.add(last, ended)
    assert house.found("status:active") == [last]
    assert house.found("status:expired") == [ended]


def test_a_status_is_what_a_certificate_is_worth(house: House) -> None:
    active, ended, bad, held, both, released = (certificate_record() for _ in range(6))
    ended, both = (certificate_record(not_after=NOON - timedelta(days=1)) for _ in range(2))
    house.add(active, ended, bad, held, both, released)
    for record, state in [(bad, State.REVOKED), (held, State.HELD), (both, State.REVOKED), (released, State.HELD)]:
        house.revoke(record, state)
    house.revoke(released, State.RELEASED)
    assert house.found("status:active") == [active, released]
    assert house.found("status:expired") == [ended]
    assert house.found("status:revoked") == [bad, both]
    assert house.found("status:held") == [held]
    assert house.found("status:held,revoked") == [bad, held, both]
    assert house.found("status:held status:revoked") == []
    assert {item.certificate: item.status for item in house.page().items} == {
        active: Status.ACTIVE,
        released: Status.ACTIVE,
        ended: Status.EXPIRED,
        bad: Status.REVOKED,
        both: Status.REVOKED,
        held: Status.HELD,
    }


FILTERS: dict[str, list[int]] = {
    "profile:server": [1],
    "profile:vos,server": [0, 1, 2],
    "issuer:g2": [1],
    "issuer:second": [1],
    "issuer=intermediate-g1": [0, 2],
    "issuer=intermediate": [],
    "host:UCCX": [0, 1],
    "host:uccx1,sm": [0, 2],
    "host=uccx1.example.com": [0],
    "host=uccx1": [],
    "by:ann": [0, 1],
    "by=ann": [1],
    "by:bob": [2],
    "serial:AB": [0],
    "serial:ab:ab,cd": [0, 1],
    "serial=cd": [],
    "serial=ef": [2],
    "cluster:lab": [0, 2],
    "cluster:LAB": [0, 2],
    'cluster="Lab A"': [0],
    "cluster=lab": [],
    "cluster:nowhere": [],
    "cluster:lab uccx": [0],
}


def test_filters_find_what_they_name(house: House) -> None:
    house.issuers.save_issuers([issuer_record("intermediate-g2", name="Second Lab")], event())
    records = [
        certificate_record(serial_number="ab" * 20, host="UCCX1.example.com", issued_by="anna"),
        certificate_record(
            serial_number="cd" * 20,
            host="uccx2.example.com",
            issued_by="ann",
            profile="server",
            issuer_id="intermediate-g2",
        ),
        certificate_record(serial_number="ef".zfill(40), host="sm1.example.com", issued_by="cli:bob"),
    ]
    house.add(*records)
    house.place(records[0], "Lab A")
    house.place(records[2], "Lab B")
    find_each(house, {text: [records[number] for number in numbers] for text, numbers in FILTERS.items()})


def test_a_filter_goes_on_over_pages(house: House) -> None:
    records = [certificate_record(not_after=NOON + timedelta(days=days % 3)) for days in range(9)]
    house.add(*records)
    wanted = {each.serial_number for each in records if each.not_after < NOON + timedelta(days=2)}
    for sort in SORTS:
        assert sorted(walk(house, sort, 2, "expires<2d status:active")) == sorted(wanted), sort


# What comes to its end


def test_ends_are_counted_between_bounds_without_what_is_revoked(house: House) -> None:
    records = [certificate_record(not_after=NOON + timedelta(days=days)) for days in (-1, 0, 1, 1, 2, 3, 9)]
    house.add(*records)
    bounds = [NOON + timedelta(days=days) for days in range(4)]
    assert house.store.count_ends(parse("", NOON), bounds) == (1, 2, 1)
    house.revoke(records[2])
    house.revoke(records[4], State.HELD)
    assert house.store.count_ends(parse("", NOON), bounds) == (1, 1, 0)
    house.revoke(records[4], State.RELEASED)
    assert house.store.count_ends(parse("status:revoked", NOON), bounds) == (1, 1, 1)
    assert house.store.count_ends(parse(f"serial:{records[3].serial_number}", NOON), bounds) == (0, 1, 0)


def test_counting_stops_where_it_is_told_to(house: House) -> None:
    house.add(*(certificate_record() for _ in range(5)))
    assert house.store.count_up_to(parse("status:active", NOON), 9) == 5
    assert house.store.count_up_to(parse("status:active", NOON), 3) == 3
    assert house.store.count_up_to(parse("status:expired", NOON), 3) == 0


def test_a_certificate_stands_in_the_cluster_in_which_its_request_was_placed_last(house: House) -> None:
    record, other = certificate_record(), certificate_record()
    house.add(record, other)
    house.place(record, "first")
    last = house.place(record, "last")
    assert house.store.find_places([record, other]) == {record.serial_number: Place(last.id, "last")}
    assert house.store.find_places([]) == {}


def test_a_certificate_is_replaced_by_a_newer_good_one_for_the_same_host_and_purpose(house: House) -> None:
    old, new = (certificate_record(host="a", purpose="tomcat-ECDSA") for _ in range(2))
    others = [certificate_record(host="b"), certificate_record(host="a", profile="server")]
    others.append(certificate_record(host="a", purpose="CallManager-ECDSA", not_after=NOON + timedelta(days=900)))
    everything = [old, new, *others]
    house.add(*everything)
    assert house.store.find_replaced(everything, NOON) == {old.serial_number}
    assert house.store.find_replaced(everything, new.not_after + timedelta(seconds=1)) == frozenset()
    house.revoke(new)
    assert house.store.find_replaced(everything, NOON) == frozenset()


def test_the_purpose_of_the_slot_counts(house: House) -> None:
    old, new = (certificate_record(host="a", purpose="CallManager-ECDSA") for _ in range(2))
    house.add(old, new)
    house.place(old, "lab")
    assert house.store.find_replaced([old, new], NOON) == frozenset()


# With a token that may not see all


def test_a_list_behind_a_grant_is_as_if_there_were_no_other_certificates(house: House) -> None:
    ours = [certificate_record(names=(f"DNS:n{number}.uc.example.com",)) for number in range(5)]
    others = [certificate_record(names=(f"DNS:n{number}.example.com",), host=f"n{number}") for number in range(5)]
    server = certificate_record(profile="server", names=("DNS:n9.uc.example.com",))
    house.add(server, *(record for pair in zip(ours, others, strict=True) for record in pair))
    grant = Grant(1, frozenset(("read",)), ("*.uc.example.com",), ("vos",))
    expected = {record.serial_number for record in ours}
    for limit, sort in product((1, 2, 5, 50), SORTS):  # no page is empty, none is shorter than it has to be
        found = walk(house, sort, limit, grant=grant)
        assert set(found) == expected, (limit, sort)
        assert len(found) == len(expected), (limit, sort)


def test_a_certificate_is_listed_by_whichever_name_the_grant_covers(house: House) -> None:
    ours = [
        certificate_record(names=(name,))
        for name in ("IP:10.0.0.5", "IP:2001:db8::5", "DNS:UCCX1.example.com", "DNS:other.example.com")
    ]
    house.add(*ours)
    for pattern in ("10.0.0.5", "10.0.0.0/24", "2001:db8::5", "2001:db8::/32", "uccx1.example.com"):
        grant = Grant(1, frozenset(), (pattern,))
        expected = [record.serial_number for record in ours if grant.sees(record.profile, record.names, record.host)]
        assert len(expected) == 1
        assert walk(house, "newest", 1, grant=grant) == expected, pattern


def test_a_grant_without_bounds_sees_everything(house: House) -> None:
    house.add(*(certificate_record() for _ in range(3)))
    assert len(walk(house, "newest", 2, grant=Grant(1, frozenset()))) == 3
