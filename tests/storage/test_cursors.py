"""Cursors: ours come back as they were, and nobody else's are read."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.authority.inventory.filters import Filter
from ca_service.authority.inventory.store import Sort
from ca_service.errors import InvalidInput
from ca_service.storage import cursors
from ca_service.storage.database import Database
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.ledger import SQLLedger
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON

SORTS: tuple[Sort, ...] = ("newest", "oldest", "expires", "host")


def forged(text: str) -> str:
    """A cursor as we would write it, with this in it."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("sort", "value"),
    [("expires", NOON), ("host", "uccx1.example.com"), ("host", ""), ("host", "a b  c"), ("host", "ä" * 100)],
)
def test_a_cursor_of_ours_comes_back(sort: Sort, value: object) -> None:
    assert cursors.read(cursors.write(sort, value, 7), sort) == (value, 7)  # type: ignore[arg-type]


def test_the_cursor_of_the_longest_host_comes_back() -> None:
    host = "x" * 253
    assert cursors.read(cursors.write("host", host, 2**31 - 1), "host") == (host, 2**31 - 1)


@pytest.mark.parametrize(
    "cursor",
    ["x", "=", "%", "ä", "\x00", "a" * 601, "[" * 500, forged(" "), forged("newest"), forged("newest 1"),
     forged("newest x 1"), forged("newest -1 1"), forged(f"newest {2**31} 1"), forged("newest 1e3 1"),
     forged("NEWEST 1 1"), forged(" newest 1 1"), forged('["newest", 1, 1]'), forged("' OR 1=1 -- 1 1"),
     base64.urlsafe_b64encode(b"newest \xff 1").decode()],
)  # fmt: skip
def test_a_forged_cursor_is_refused(issued_under: Database, cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SQLInventoryStore(issued_under).list_certificates(Filter(NOON), "newest", cursor, 50)
    assert (caught.value.rule, caught.value.findings[0].pointer) == ("list.cursor", "/cursor")


@pytest.mark.parametrize("value", ["", "x", "1e9", "9" * 30, "-" + "9" * 30, "nan", "2026-01-01"])
def test_a_forged_time_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput):
        cursors.read(forged(f"expires 1 {value}"), "expires")


@given(cursor=st.text(max_size=40) | st.binary(max_size=40).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_no_cursor_raises_anything_but_its_refusal(cursor: str) -> None:
    for sort in SORTS:
        try:
            cursors.read(cursor, sort)
        except InvalidInput as error:
            assert error.rule == "list.cursor"  # noqa: PT017 - most are refused, and none may crash


@pytest.mark.parametrize("sort", ["host", "expires"])
@pytest.mark.parametrize("value", ["0", "253402300799", "1"])
def test_a_forged_cursor_of_the_right_form_shows_nothing_but_the_list(
    issued_under: Database, sort: Sort, value: str
) -> None:
    ledger = SQLLedger(issued_under)
    records = [certificate_record(not_after=NOON + timedelta(days=day)) for day in range(3)]
    ledger.record(records, [event()] * 3, always_new=True, replay=None)
    page = SQLInventoryStore(issued_under).list_certificates(Filter(NOON), sort, forged(f"{sort} 1 {value}"), 50)
    assert set(page.certificates) <= set(records)
