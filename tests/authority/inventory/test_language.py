"""What can be typed above a list, and what is told where it makes no sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.authority.inventory.language import KEYS, MAX_LENGTH, parse
from ca_service.authority.inventory.store import Condition, Filter, Status
from ca_service.errors import InvalidInput
from tests.support.fakes import NOON

EVERYTHING = Filter(NOON)


def midnight(day: str) -> datetime:
    """The beginning of this day in UTC."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "  ", "\t\n", '""', '" "'])
def test_nothing_typed_lets_everything_through(text: str) -> None:
    assert parse(text, NOON) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("UCCX1 Lab", ("uccx1", "lab")),
        ('"Contact  Centre" x', ("contact  centre", "x")),
        ("4F:1C:00:aa", ("4f:1c:00:aa",)),
        ("2001:db8::1", ("2001:db8::1",)),
        ("fe:dc", ("fe:dc",)),
        ("::1", ("::1",)),
        ("CN=uccx1 O=Beispiel", ("cn=uccx1", "o=beispiel")),
        ("DNS:uccx1 IP:10.0.0.1 email:a@b uri:x", ("dns:uccx1", "ip:10.0.0.1", "email:a@b", "uri:x")),
        ("https://ca.example.com", ("https://ca.example.com",)),
        ('"status:active"', ("status:active",)),
        ('"expires<30d', ('"expires<30d',)),
        ('a"b', ('a"b',)),
        ("1=1 -- <x>", ("1=1", "--", "<x>")),
    ],
)
def test_what_is_no_filter_is_looked_for_as_it_is(text: str, words: tuple[str, ...]) -> None:
    assert parse(text, NOON) == replace(EVERYTHING, words=words)


@pytest.mark.parametrize(
    ("text", "begin", "before"),
    [
        ("expires<30d", None, NOON + timedelta(days=30)),
        ("expires<=30d", None, NOON + timedelta(days=30, seconds=1)),
        ("expires>30d", NOON + timedelta(days=30, seconds=1), None),
        ("expires>=30D", NOON + timedelta(days=30), None),
        ("EXPIRES<6w", None, NOON + timedelta(weeks=6)),
        ("expires>-2w", NOON - timedelta(weeks=2) + timedelta(seconds=1), None),
        ("expires<2027-01-31", None, midnight("2027-01-31")),
        ("expires<=2027-01-31", None, midnight("2027-02-01")),
        ("expires>2027-01-31", midnight("2027-02-01"), None),
        ("expires>=2027-01-31", midnight("2027-01-31"), None),
        ('expires<"30d"', None, NOON + timedelta(days=30)),
        ("expires<30d expires<9d expires>=1d expires>=0d", NOON + timedelta(days=1), NOON + timedelta(days=9)),
    ],
)
def test_an_end_is_a_span(text: str, begin: datetime | None, before: datetime | None) -> None:
    assert parse(text, NOON) == replace(EVERYTHING, ends_from=begin, ends_before=before)


def test_statuses_are_alternatives_within_a_word_and_narrow_from_word_to_word() -> None:
    assert parse("status:active", NOON).statuses == frozenset({Status.ACTIVE})
    assert parse("status=Held,REVOKED", NOON).statuses == frozenset({Status.HELD, Status.REVOKED})
    assert parse("status:held,revoked status:revoked,active", NOON).statuses == frozenset({Status.REVOKED})
    assert parse("status:held status:active", NOON).statuses == frozenset()


@pytest.mark.parametrize("text", ["ab" * 17, "ab" * 20])
def test_a_beginning_or_a_whole_serial_number_is_a_word(text: str) -> None:
    assert parse(text, NOON) == replace(EVERYTHING, words=(text,))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("profile:vos", Condition("profile", ("vos",))),
        ("profile:vos,server", Condition("profile", ("vos", "server"))),
        ("cluster:Lab", Condition("cluster", ("lab",), is_part=True)),
        ('cluster="Lab A"', Condition("cluster", ("lab a",))),
        ('Cluster:"Lab A,Lab B"', Condition("cluster", ("lab a", "lab b"), is_part=True)),
        ("host:*.example.com", Condition("host", ("*.example.com",), is_part=True)),
        ("by=anna", Condition("by", ("anna",))),
        ("by:cli:root", Condition("by", ("cli:root",), is_part=True)),
        ("issuer:g1", Condition("issuer", ("g1",), is_part=True)),
        ("serial:AB:CD", Condition("serial", ("abcd",), is_part=True)),
        ("serial=1", Condition("serial", ("1".zfill(40),))),
        ("51" * 19, Condition("serial", ("51" * 19, "00" + "51" * 19), is_part=True)),
        (
            "5:" + "AB:" * 18 + "CD",
            Condition("serial", ("5" + "ab" * 18 + "cd", "05" + "ab" * 18 + "cd"), is_part=True),
        ),
        ("serial:" + "51" * 19, Condition("serial", ("51" * 19, "00" + "51" * 19), is_part=True)),
    ],
)
def test_other_filters_are_conditions(text: str, condition: Condition) -> None:
    assert parse(text, NOON) == replace(EVERYTHING, conditions=(condition,))


@pytest.mark.parametrize(
    ("text", "rule", "told"),
    [
        ("state:active", "filter.unknown", "state"),
        ("expire<30d", "filter.unknown", "expires, status"),
        ("days>30", "filter.unknown", "days"),
        ("status:valid", "filter.value", "active, expired, revoked, held"),
        ("status:active,valid", "filter.value", "active, expired, revoked, held"),
        ("status:", "filter.value", "status"),
        ("status:,", "filter.value", "status"),
        ("status<active", "filter.operator", "status"),
        ("host>=a", "filter.operator", "host"),
        ("profile:root", "filter.value", "vos, server"),
        ('cluster:""', "filter.value", "cluster"),
        ("serial:xyz", "filter.value", "hexadecimal"),
        ("serial:" + "a" * 41, "filter.value", "hexadecimal"),
        ("serial=:", "filter.value", "hexadecimal"),
        ("expires:30d", "filter.expires", "expires<30d"),
        ("expires<", "filter.expires", "expires<"),
        ("expires<30", "filter.expires", "30d"),
        ("expires<30m", "filter.expires", "30d"),
        ("expires<2027-02-30", "filter.expires", "2027-02-30"),
        ("expires<=9999-12-31", "filter.expires", "9999"),
        ("expires<٣d", "filter.expires", "expires"),
        ("x" * (MAX_LENGTH + 1), "filter.too-long", "201"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_to_write(text: str, rule: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, NOON)
    (finding,) = caught.value.findings
    assert (finding.rule, finding.pointer) == (rule, "/q")
    assert told in f"{finding.detail} {finding.remedy}"


def test_every_wrong_word_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("state:x uccx status:y expires<z", NOON)
    assert [found.rule for found in caught.value.findings] == ["filter.unknown", "filter.value", "filter.expires"]


WORDS = st.sampled_from(KEYS) | st.text(max_size=8)
TYPED = st.lists(
    st.tuples(WORDS, st.sampled_from(["", ":", "=", "<", ">=", ' "', '"', " "]), st.text(max_size=12)).map("".join),
    max_size=6,
).map(" ".join)


@given(text=TYPED | st.text(max_size=60))
def test_whatever_is_typed_is_a_filter_or_refused_with_a_remedy(text: str) -> None:
    try:
        found = parse(text, NOON)
    except InvalidInput as error:
        assert all(each.rule.startswith("filter.") and each.remedy for each in error.findings)  # noqa: PT017
    else:
        assert found.at == NOON
        assert all(word == word.lower() and word.encode() for word in found.words)
