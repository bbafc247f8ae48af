"""IN with any number of values, a part of a text, and pages by keyset with their cursors."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Select, insert, select
from sqlalchemy import event as events

from ca_service.authority.inventory.store import Filter, Sort
from ca_service.authority.revocation.records import Selection
from ca_service.errors import InvalidInput
from ca_service.storage import queries
from ca_service.storage.database import Database
from ca_service.storage.factors import SQLFactorStore
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.notices import SQLNoticeStore
from ca_service.storage.queries import Order, by_age, contain_all, contains, in_batches
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.revocation import SQLRevocationStore
from ca_service.storage.schema import account, application, audit_event, certificate, cluster, outbox
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.conftest import on_both
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON

ORDERS = by_age(certificate.c.id) | {
    "expires": Order("expires", certificate.c.id, certificate.c.not_after),
    "host": Order("host", certificate.c.id, certificate.c.host),
}
PAGED = (account, application, audit_event, certificate, cluster, outbox)
CLUSTERS = by_age(cluster.c.id) | {"name": Order("name", cluster.c.id, cluster.c.name_key)}


def forged(text: str) -> str:
    """A cursor as we would write it, with this in it."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("newest", ""),
        ("oldest", ""),
        ("expires", NOON),
        ("host", "uccx1.example.com"),
        ("host", ""),
        ("host", "a b  c"),
        ("host", "ä" * 100),
    ],
)
def test_a_cursor_of_ours_comes_back(sort: str, value: object) -> None:
    row = SimpleNamespace(id=7, host=value, not_after=value)
    assert ORDERS[sort].read(ORDERS[sort].write(row)) == (value, 7)


def test_the_cursor_of_the_longest_host_comes_back() -> None:
    host = "x" * 253
    cursor = ORDERS["host"].write(SimpleNamespace(id=2**31 - 1, host=host))
    assert ORDERS["host"].read(cursor) == (host, 2**31 - 1)


def test_a_cursor_belongs_to_one_order() -> None:
    row = SimpleNamespace(id=7, host="a", not_after=NOON)
    for name, order in ORDERS.items():
        others = [other for other in ORDERS.values() if other.name != name]
        for other in others:
            with pytest.raises(InvalidInput):
                other.read(order.write(row))


@pytest.mark.parametrize(
    "cursor",
    ["x", "=", "%", "ä", "\x00", "a" * 601, "[" * 500, forged(" "), forged("newest"), forged("newest 1"),
     forged("newest x 1"), forged("newest -1 1"), forged(f"newest {2**31} 1"), forged("newest 1e3 1"),
     forged("NEWEST 1 1"), forged(" newest 1 1"), forged('["newest", 1, 1]'), forged("newest 1 " + "x" * 600),
     forged("' OR 1=1 -- 1 1"),
     base64.urlsafe_b64encode(b"newest \xff 1").decode()],
)  # fmt: skip
def test_a_forged_cursor_is_refused(issued_under: Database, cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SQLInventoryStore(issued_under).list_certificates(Filter(NOON), "newest", cursor, 50)
    assert (caught.value.rule, caught.value.findings[0].pointer) == ("list.cursor", "/cursor")


@pytest.mark.parametrize("value", ["", "x", "1e9", "9" * 30, "-" + "9" * 30, "nan", "2026-01-01"])
def test_a_forged_time_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput):
        ORDERS["expires"].read(forged(f"expires 1 {value}"))


@given(cursor=st.text(max_size=40) | st.binary(max_size=40).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_no_cursor_raises_anything_but_its_refusal(cursor: str) -> None:
    for order in ORDERS.values():
        try:
            order.read(cursor)
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


# Batches


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 33_000])
def test_any_number_of_values_is_found_once_each_however_often_it_is_given(database: Database, count: int) -> None:
    with database.write() as connection:
        connection.execute(insert(cluster), [named(f"c{number}") for number in range(count + 3)])
    wanted = [f"c{number}" for number in range(count)]
    with database.read() as connection:
        found = [
            row.name
            for batch in in_batches(cluster.c.name, wanted * 3)
            for row in connection.execute(select(cluster.c.name).where(batch))
        ]
    assert sorted(found) == sorted(wanted)


def test_no_statement_has_more_variables_than_an_old_sqlite_takes() -> None:
    sizes = [len(batch.compile(compile_kwargs={"render_postcompile": True}).params) for batch in BATCHES]
    assert sizes == [500, 500, 1]


BATCHES = list(in_batches(cluster.c.name, [f"c{number}" for number in range(1001)]))


# A part of a text

TEXTS = ("100% EC", "100 EC", "a_b", "axb", "back\\slash", "backslash", "quote'd", "Großstadt", 'say "no"')


@on_both
@pytest.mark.parametrize("part", [*TEXTS, "%", "_", "\\", "'", '"', "100%", "no match", "%%", "", "st"])
def test_a_part_of_a_text_means_nothing_but_itself(database: Database, part: str) -> None:
    with database.write() as connection:
        connection.execute(insert(cluster), [named(each) for each in TEXTS])
    with database.read() as connection:
        found = connection.execute(select(cluster.c.name).where(contains(cluster.c.name, part))).scalars().all()
    assert sorted(found) == sorted(each for each in TEXTS if part in each)


@on_both
def test_a_nul_is_a_character_like_any_other(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(cluster), [named("a\0b"), named("ab"), named("a b")])
    with database.read() as connection:
        statement = select(cluster.c.id).where(contains(cluster.c.name, "a\0b"))
        assert len(connection.execute(statement).all()) == 1


@on_both
def test_each_word_is_in_one_of_the_columns(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(cluster), [named("one", "x two"), named("two", "three"), named("one two", "")])
    words = contain_all(["one", "two"], cluster.c.name, cluster.c.search_text)
    with database.read() as connection:
        found = connection.execute(select(cluster.c.name).where(*words).order_by(cluster.c.id)).scalars().all()
    assert found == ["one", "one two"]


# Pages


@on_both
@pytest.mark.parametrize("limit", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("name", ["newest", "oldest", "name"])
def test_the_pages_are_the_whole_list_in_its_order(database: Database, name: str, limit: int) -> None:
    keys = ["b", "a", "c", "a", "", "B"]
    with database.write() as connection:
        connection.execute(insert(cluster), [named(f"c{at}", key=f"{key}{at}") for at, key in enumerate(keys)])
    order, seen, cursor = CLUSTERS[name], list[str](), ""
    with database.read() as connection:
        while True:
            found = connection.execute(order.page(select(cluster), cursor, limit)).all()
            page, cursor = order.cut(found, limit)
            assert page
            assert len(page) == limit or not cursor
            seen += [row.name_key for row in page]
            if not cursor:
                break
    stored = [f"{key}{at}" for at, key in enumerate(keys)]
    assert seen == {"oldest": stored, "newest": stored[::-1], "name": sorted(stored)}[name]


@pytest.mark.parametrize(
    ("statement", "order"),
    [
        *((select(each), order) for each in PAGED for order in by_age(each.c.id).values()),
        (select(account), Order("name", account.c.id, account.c.name)),
        (select(certificate.c.id), ORDERS["host"]),
        (select(certificate.c.id), ORDERS["expires"]),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_no_page_is_read_by_sorting_the_table(
    sqlite: SQLiteDatabase, statement: Select[Any], order: Order, is_first: bool
) -> None:
    cursor = "" if is_first else order.write(SimpleNamespace(id=7, name="b", host="b", not_after=NOON))
    with sqlite.read() as connection:
        page = order.page(statement, cursor, 50).compile(connection)
        values = page.construct_params()
        raw = connection.connection.cursor()
        raw.execute(f"EXPLAIN QUERY PLAN {page}", [bound(values[name]) for name in page.positiontup or ()])
        plan = str(raw.fetchall())
    assert "TEMP B-TREE" not in plan, plan
    assert is_first or "SEARCH" in plan, plan


def bound(value: object) -> object:
    """The value as the driver takes it."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def test_rows_with_the_same_value_are_sorted_by_their_number() -> None:
    assert [str(each) for each in ORDERS["host"].columns()] == ["certificate.host", "certificate.id"]


def test_of_rows_with_the_same_value_none_is_left_out(issued_under: Database) -> None:
    records = [certificate_record(host="same.example.com", not_after=NOON) for _ in range(5)]
    SQLLedger(issued_under).record(records, [event()] * 5, always_new=True, replay=None)
    store = SQLInventoryStore(issued_under)
    for sort in ("host", "expires"):
        seen, cursor = list[str](), ""
        while True:
            page = store.list_certificates(Filter(NOON), sort, cursor, 2)
            seen += [each.certificate.serial_number for each in page.items]
            if not (cursor := page.next_cursor):
                break
        assert seen == [each.serial_number for each in records]


def named(name: str, text: str = "", key: str | None = None) -> dict[str, object]:
    """The row of a cluster."""
    values = {"name": name, "name_key": name if key is None else key, "search_text": text}
    return values | {"created_at": NOON, "created_by": "alice"}


# Used by all stores


def test_no_store_is_stopped_by_the_number_of_values(issued_under: Database, sqlite: SQLiteDatabase) -> None:
    sizes = list[int]()
    events.listen(sqlite.engine, "before_cursor_execute", lambda *seen: sizes.append(len(seen[3])))
    many = [f"{number:064x}" for number in range(1_200)]
    records = [certificate_record(host=each, request_fingerprint=each) for each in many]
    notices, inventory = SQLNoticeStore(issued_under), SQLInventoryStore(issued_under)

    assert SQLLedger(issued_under).list_by_requests(many) == ()
    assert SQLRequestStore(issued_under).list_for_requests(many) == ()
    assert SQLRevocationStore(issued_under).revocations_of(many) == {}
    assert SQLRevocationStore(issued_under).list_selected(Selection(tuple(many))) == ()
    assert SQLFactorStore(issued_under).with_factor(range(1_200)) == frozenset()
    assert notices.list_notices(many) == ()
    assert notices.revive(range(1_200), NOON, event()) == 0
    assert inventory.find_places(records) == {}
    assert inventory.find_replaced(records, NOON) == frozenset()
    assert max(sizes) <= 999


def test_like_is_written_where_the_trigram_index_needs_it_and_nowhere_else() -> None:
    folder = Path(queries.__file__).parent
    found = {path.name for path in folder.glob("*.py") if re.search(r"\.i?like\(|autoescape", path.read_text())}
    assert found == {"search_index.py"}
