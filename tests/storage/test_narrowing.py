"""Searches for a word: by the index if few certificates contain it, by reading otherwise. Both find the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event as events
from sqlalchemy import text

from ca_service.authority.inventory.language import parse
from ca_service.authority.revocation.records import Selection
from ca_service.storage.database import Database
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.revocation import SQLRevocationStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support.factories import certificate_record, event
from tests.support.fakes import NOON


@pytest.fixture
def asked(sqlite: SQLiteDatabase, issued_under: Database) -> Callable[[str, int], tuple[int, list[str]]]:
    """Looks for a word among three certificates: how many were found, and the statements."""
    records = [certificate_record(host=f"{name}.example.com") for name in ("uccx1", "uccx2", "sm1")]
    SQLLedger(issued_under).record(records, [event()] * 3, always_new=True, replay=None)
    statements = list[str]()
    events.listen(sqlite.engine, "before_cursor_execute", lambda *seen: statements.append(str(seen[2])))

    def ask(word: str, many: int) -> tuple[int, list[str]]:
        statements.clear()
        page = SQLInventoryStore(sqlite, many).list_certificates(parse(word, NOON), "newest", "", 50)
        return len(page.items), statements

    return ask


def test_a_word_that_few_have_is_looked_up(asked: Callable[[str, int], tuple[int, list[str]]]) -> None:
    count, statements = asked("uccx", 2)
    assert count == 2
    assert "MATCH" in statements[-1]
    assert "instr" not in statements[-1]


@pytest.mark.usefixtures("asked")
def test_a_host_to_revoke_is_looked_up(sqlite: SQLiteDatabase) -> None:
    statements = list[str]()
    events.listen(sqlite.engine, "before_cursor_execute", lambda *seen: statements.append(str(seen[2])))
    found = SQLRevocationStore(sqlite).list_selected(Selection(host="UCCX1.example.com"))
    assert [each.certificate.host for each in found] == ["uccx1.example.com"]
    assert any("MATCH" in statement for statement in statements)
    assert not any("instr" in statement for statement in statements)


@pytest.mark.parametrize(("words", "many"), [("uccx", 1), ("example.com cx", 2)])
def test_a_word_that_many_have_or_that_is_short_beside_another_is_read_for(
    asked: Callable[[str, int], tuple[int, list[str]]], words: str, many: int
) -> None:
    count, statements = asked(words, many)
    assert count == 2
    assert "MATCH" not in statements[-1]
    assert "instr" in statements[-1]


def test_without_the_index_the_same_is_found(
    asked: Callable[[str, int], tuple[int, list[str]]], sqlite: SQLiteDatabase
) -> None:
    with sqlite.write() as connection:
        connection.execute(text("DROP TRIGGER certificate_search_insert"))
    count, statements = asked("uccx", 2)
    assert count == 2
    assert "MATCH" not in statements[-1]


def test_the_index_follows_what_is_changed_and_removed(
    asked: Callable[[str, int], tuple[int, list[str]]], sqlite: SQLiteDatabase
) -> None:
    with sqlite.write() as connection:
        connection.execute(text("UPDATE certificate SET search_text = 'finesse' WHERE host LIKE 'sm1%'"))
        connection.execute(text("DELETE FROM certificate WHERE host LIKE 'uccx1%'"))
    assert [asked(word, 100)[0] for word in ("finesse", "sm1.", "uccx", "uccx1")] == [1, 0, 1, 0]
