"""An exported record holds as it is, and no byte of it can be another one."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.authority.audit.entries import EVERYTHING, EventQuery
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.exporting import Exporter
from ca_service.authority.audit.seals import Sealing, canonical, seal_hash
from ca_service.authority.audit.verifying import MAX_LINE, Anchor, Expected, verify
from ca_service.errors import Refused
from tests.support.fakes import NOON, FixedClock, InMemoryKeyStore
from tests.support.record import InMemoryEventStore
from tests.support.sealed import exported, sealed_record

Lines = list[bytes]


@cache
def whole() -> tuple[bytes, ...]:
    """A record of nine events in seals of 2, 1 and 6."""
    return tuple(exported(*sealed_record(9, 2, 1)))


@cache
def long() -> tuple[bytes, ...]:
    """A record of 1,500 events in three seals."""
    return tuple(exported(*sealed_record(1_500, 500, 300)))


@cache
def large() -> tuple[bytes, ...]:
    """A record of 10,000 events."""
    return tuple(exported(*sealed_record(10_000)))


def refusal(lines: Lines | tuple[bytes, ...], expected: Expected | None = None) -> Refused:
    """How these lines are refused."""
    with pytest.raises(Refused) as caught:
        verify(lines, expected or Expected())
    return caught.value


def rule(lines: Lines | tuple[bytes, ...], expected: Expected | None = None) -> str:
    return refusal(lines, expected).rule


def place(kind: str, number: int = 0) -> int:
    """Where the lines of this kind stand."""
    return [at for at, line in enumerate(whole()) if json.loads(line)["type"] == kind][number]


def changed(at: int, change: Callable[[Any], object]) -> Lines:
    """The record with one line changed, and written as we write it."""
    document = json.loads(whole()[at])
    change(document)
    return [*whole()[:at], canonical(document) + b"\n", *whole()[at + 1 :]]


def named(error: Refused) -> object:
    """The event that is named."""
    return error.findings[0].values.get("id")


# What holds


def test_a_record_holds_as_it_is() -> None:
    events, sealing = sealed_record(9, 2, 1)
    checked = verify(exported(events, sealing))
    assert (checked.events, checked.seals, checked.complete) == (9, 3, True)
    assert checked.head == Anchor(3, seal_hash(events.seals[-1]).hex())
    assert checked.key == json.loads(exported(events, sealing)[0])["key"]["fingerprint"]


def test_ten_thousand_events_are_exported_and_verified_in_seconds() -> None:
    start = time.perf_counter()
    assert verify(large()).events == 10_000
    assert time.perf_counter() - start < 20


def test_events_that_are_not_sealed_yet_are_not_in_it() -> None:
    events, sealing = sealed_record(3)
    events.add_event(AuditEvent(NOON, Event.SIGNED_IN, "vera", "vera"))
    assert verify(exported(events, sealing)).events == 3


def test_what_is_sealed_while_the_record_is_exported_does_not_disturb_it() -> None:
    events, sealing = sealed_record(3)
    lines, seen = Exporter(events, sealing, FixedClock()).lines(EVERYTHING), list[bytes]()
    for number, line in enumerate(lines):
        seen.append(line)
        events.add_event(AuditEvent(NOON, Event.SIGNED_IN, "vera", f"later {number}"))
        sealing.seal_pending()
    assert verify(seen).events == 3
    events.rows.append(replace(events.rows[-1], id=99, seal=99))
    assert rule(exported(events, sealing)) == "audit.event"


@settings(max_examples=60)
@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.text() | st.integers(-(2**53), 2**53), max_size=4
    ),
)
def test_whatever_an_event_says_can_be_sealed_and_verified(subject: str, actor: str, details: Any) -> None:
    events = InMemoryEventStore()
    for said in (details, details | {"id": "\ud800 \x00 \u2028"}):
        events.add_event(AuditEvent(NOON + timedelta(microseconds=7), Event.SIGNED_IN, actor, subject, said))
    sealing = Sealing(events, InMemoryKeyStore(), FixedClock())
    sealing.seal_pending()
    assert verify(exported(events, sealing)).events == 2


# One byte


@pytest.mark.parametrize("number", range(9))
def test_the_first_event_that_was_changed_is_named(number: int) -> None:
    at = place("event", number)
    error = refusal(changed(at, lambda line: line["event"].update(actor="somebody else")))
    assert (error.rule, named(error)) == ("audit.event", number + 1)
    assert f"Event {number + 1} was changed or moved" in str(error)


def test_any_byte_that_is_another_one_is_found_and_the_event_of_its_line_named() -> None:
    lines = list(whole())
    chance = random.Random(4)  # noqa: S311 - a test that is the same each time
    for at, line in enumerate(lines):
        event = json.loads(line).get("event", {}).get("id")
        for position in chance.sample(range(len(line)), min(len(line), 150)):
            byte = chance.choice([line[position] ^ 0x20, line[position] ^ 1, 0x20, 0x0A, 0x30, 0xFF])
            if byte != line[position]:
                spoiled = [*lines[:at], line[:position] + bytes([byte]) + line[position + 1 :], *lines[at + 1 :]]
                error = refusal(spoiled)
                if b'"id":' in line and -1 <= position - line.index(b'"id":') <= len('"id":1'):
                    continue  # the number itself
                assert named(error) == event, (error, line, position, byte)


@pytest.mark.parametrize("seed", range(12))
def test_a_byte_that_is_changed_anywhere_in_a_long_record_is_found(seed: int) -> None:
    chance, lines = random.Random(seed), long()  # noqa: S311 - a test that is the same each time
    at = chance.randrange(len(lines))
    line = bytearray(lines[at])
    line[chance.randrange(len(line))] ^= 1 << chance.randrange(8)
    refusal([*lines[:at], bytes(line), *lines[at + 1 :]])


@pytest.mark.parametrize("kind", ["header", "seal", "event", "end"])
@pytest.mark.parametrize("blank", [(b'":', b'": '), (b",", b", "), (b"}\n", b"} \n"), (b"\n", b"\r\n"), (b"{", b" {")])
def test_blanks_between_members_are_a_change_as_well(kind: str, blank: tuple[bytes, bytes]) -> None:
    at = place(kind)
    refusal([*whole()[:at], whole()[at].replace(*blank, 1), *whole()[at + 1 :]])


# Lines


@pytest.mark.parametrize("at", range(14))
def test_a_line_that_is_missing_is_found(at: int) -> None:
    assert len(whole()) == 14
    error = refusal([*whole()[:at], *whole()[at + 1 :]])
    if at == place("event", 4):
        assert "An event is missing after event 4: position 1 of seal 3" in str(error)
    if at == place("event", 3):
        assert "After" in str(error) or "first event of seal 3 is missing" in str(error)


@pytest.mark.parametrize("at", range(14))
def test_a_line_that_stands_there_twice_is_found(at: int) -> None:
    refusal([*whole()[: at + 1], *whole()[at:]])


@pytest.mark.parametrize("at", range(13))
def test_two_lines_that_are_swapped_are_found(at: int) -> None:
    lines = list(whole())
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    refusal(lines)


@pytest.mark.parametrize("more", [b"{}\n", b"\n", b"x", b'{"type":"event"}\n', b"\xff\n", b"[" * 5000 + b"\n"])
def test_nothing_can_follow_the_end(more: bytes) -> None:
    refusal([*whole(), more])


@pytest.mark.parametrize(
    "lines",
    [[], [b""], [b"\n"], [b"[]\n"], [b"{}\n"], [b"null\n"], [b"[" * 100_000], [b"1" * 5000 + b"\n"], [b"x" * MAX_LINE]],
)
def test_what_is_no_record_is_refused(lines: Lines) -> None:
    assert rule(lines).startswith("audit.")


def test_a_file_that_was_cut_off_is_told_so() -> None:
    for at in range(1, len(whole())):
        assert rule(whole()[:at]) == "audit.truncated"


def change_header(**changes: object) -> Lines:
    return changed(0, lambda header: header.update(changes))


@pytest.mark.parametrize(
    "lines",
    [
        change_header(complete=False),
        change_header(at="2026-11-23T12:00:01Z"),
        change_header(filter={"actor": "vera"}),
        change_header(v=2),
        change_header(format="other"),
        change_header(key={}),
        change_header(more=1),
        changed(0, lambda header: header["key"].update(public_key="00")),
        changed(0, lambda header: header["key"].update(id="audit-seal-2")),
        changed(0, lambda header: header["head"].update(number=2)),
        changed(place("seal"), lambda seal: seal.update(count=3)),
        changed(place("seal"), lambda seal: seal.update(previous="1" * 64)),
        changed(place("seal"), lambda seal: seal.update(signature="00" * 70)),
        changed(place("event"), lambda line: line.update(position=True)),
        changed(place("event"), lambda line: line["path"].append("0" * 64)),
        changed(place("event"), lambda line: line["path"].clear()),
        changed(place("event"), lambda line: line["event"]["details"].update(x=[1])),
        changed(place("event"), lambda line: line.update(seal=3)),
        changed(place("end"), lambda end: end.update(events=8)),
        changed(place("end"), lambda end: end.update(signature="00" * 70)),
    ],
)
def test_a_member_that_says_something_else_is_found(lines: Lines) -> None:
    refusal(lines)


# Somebody who writes it all anew


def other_record(count: int = 9) -> Lines:
    """The same events, sealed by a key of somebody else."""
    return exported(*sealed_record(count, 2, 1))


def test_a_record_that_was_written_anew_is_found_by_whoever_kept_a_seal_or_the_key() -> None:
    kept = verify(whole())
    forged = other_record()
    assert verify(forged).events == 9
    assert rule(forged, Expected(kept.head)) == "audit.anchor-rewritten"
    assert rule(forged, Expected(key=kept.key)) == "audit.key"
    assert verify(whole(), Expected(kept.head, kept.key)) == kept


def test_lines_of_another_record_do_not_fit() -> None:
    for at, (ours, theirs) in enumerate(zip(whole(), other_record(), strict=True)):
        if ours != theirs:
            refusal([*whole()[:at], theirs, *whole()[at + 1 :]])


def test_an_end_that_was_cut_off_before_it_was_exported_is_found_by_whoever_kept_the_newest_seal() -> None:
    events, sealing = sealed_record(9, 2, 1)
    head = verify(exported(events, sealing)).head
    events.seals.pop()
    del events.rows[3:]
    assert verify(exported(events, sealing)).events == 3  # honest: a chain looks whole without its end
    assert rule(exported(events, sealing), Expected(head)) == "audit.anchor"


def test_an_older_anchor_is_found_inside() -> None:
    events, sealing = sealed_record(9, 2, 1)
    older = Anchor(1, seal_hash(events.seals[0]).hex())
    assert verify(exported(events, sealing), Expected(older)).events == 9
    assert rule(exported(events, sealing), Expected(replace(older, hash="0" * 64))) == "audit.anchor-rewritten"


# What stands in the store


def stored(change: Callable[[InMemoryEventStore], object]) -> Refused:
    """How a record is refused whose store somebody has changed."""
    events, sealing = sealed_record(9, 2, 1)
    change(events)
    lines = list(Exporter(events, sealing, FixedClock()).lines(EVERYTHING, is_ended=False))
    with pytest.raises(Refused) as caught:
        verify(lines, is_ended=False)
    with pytest.raises(Refused) as also:
        verify(exported(events, sealing))
    assert also.value.rule == caught.value.rule
    return caught.value


def swap(events: InMemoryEventStore) -> None:
    one, other = events.rows[4], events.rows[5]
    events.rows[4], events.rows[5] = (
        replace(other, id=one.id, position=one.position),
        replace(one, id=other.id, position=other.position),
    )


@pytest.mark.parametrize(
    ("change", "found", "number"),
    [
        (lambda events: events.rows.__setitem__(4, replace(events.rows[4], subject="x")), "audit.event", 5),
        (lambda events: events.rows.__setitem__(4, replace(events.rows[4], position=3)), "audit.missing", None),
        (lambda events: events.rows.__setitem__(4, replace(events.rows[4], seal=2)), "audit.event", 5),
        (lambda events: events.rows.__setitem__(4, replace(events.rows[4], seal=None)), "audit.missing", None),
        (lambda events: events.rows.__setitem__(4, replace(events.rows[4], position=99)), "audit.missing", None),
        (lambda events: events.rows.__setitem__(8, replace(events.rows[8], seal=9)), "audit.event", 9),
        (lambda events: events.rows.pop(4), "audit.missing", None),
        (lambda events: events.rows.pop(), "audit.missing", None),
        (lambda events: events.rows.append(replace(events.rows[8], id=10, position=6)), "audit.event", 10),
        (lambda events: events.rows.append(replace(events.rows[8], id=10, position=4)), "audit.event", 10),
        (lambda events: events.rows.append(replace(events.rows[8], id=10, seal=4, position=0)), "audit.event", 10),
        (swap, "audit.event", 5),
        (lambda events: events.seals.pop(1), "audit.seal-missing", None),
        (lambda events: events.seals.__setitem__(1, replace(events.seals[1], last=4)), "audit.seal-signature", None),
        (lambda events: events.seals.__setitem__(1, replace(events.seals[1], leaves=b"x" * 32)), None, None),
        (lambda events: events.seals.pop(), "audit.event", 4),
    ],
)  # fmt: skip
def test_what_was_changed_in_the_store_is_found(
    change: Callable[[InMemoryEventStore], object], found: str | None, number: int | None
) -> None:
    if found is None:  # a single leaf has no path: what is kept beside it is never looked at
        events, sealing = sealed_record(9, 2, 1)
        change(events)
        assert verify(exported(events, sealing)).events == 9
        return
    error = stored(change)
    assert (error.rule, named(error)) == (found, number)


# A part of it


def part(query: EventQuery) -> Lines:
    events, sealing = sealed_record(9, 2, 1)
    return exported(events, sealing, query)


def test_a_part_proves_what_it_holds_and_says_that_it_is_a_part() -> None:
    lines = part(EventQuery(subject="thing 4"))
    checked = verify(lines)
    assert (checked.events, checked.seals, checked.complete) == (1, 1, False)
    assert json.loads(lines[0])["filter"] == {"subject": "thing 4"}


@pytest.mark.parametrize("text", ["thing 1", "somebody", "nowhere"])
def test_a_part_that_is_changed_is_found(text: str) -> None:
    lines = part(EventQuery(text=text))
    verify(lines)
    for at, line in enumerate(lines):
        for position in range(0, len(line), 37):
            refusal(
                [*lines[:at], line[:position] + bytes([line[position] ^ 1]) + line[position + 1 :], *lines[at + 1 :]]
            )
        refusal([*lines[:at], *lines[at + 1 :]])


def test_a_part_has_the_newest_seal_as_its_anchor_but_no_older_one() -> None:
    events, sealing = sealed_record(9, 2, 1)
    lines = exported(events, sealing, EventQuery(subject="thing 0"))
    newest, middle = (Anchor(seal.number, seal_hash(seal).hex()) for seal in (events.seals[2], events.seals[1]))
    assert verify(lines, Expected(newest)).events == 1
    assert rule(lines, Expected(middle)) == "audit.anchor"


def test_a_time_with_a_fraction_is_sealed_with_it() -> None:
    events, sealing = sealed_record(0)
    events.add_event(AuditEvent(NOON + timedelta(microseconds=5), Event.SIGNED_IN, "vera", "vera"))
    sealing.seal_pending()
    assert json.loads(exported(events, sealing)[2])["event"]["at"] == "2026-11-23T12:00:00.000005Z"
