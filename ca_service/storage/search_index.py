"""Searches for words in the text that a table keeps for them, and the indexes of that text.

    SQLite      `certificate_search`, an FTS5 table of trigrams without a content of its own; triggers keep it
    PostgreSQL  `ix_certificate_search`, a GIN index of trigrams (pg_trgm)

The table `application` has the same, but no triggers: a request is found by reading until a job has added it to the
index, so that issuing a certificate does not wait for that. Both are built after an upgrade of the schema if they are
missing, in their own transaction, so a crash leaves no partial index. If they are not available (an old SQLite, or a
server that does not allow the extension), searches read the table: they find the same, more slowly. The indexes are
built from the tables, and are not part of the schema's version.

On SQLite, a word of three or more characters is looked up in the trigram index if few rows contain it. If many do,
reading the list in its order finds a page sooner. PostgreSQL decides this from its statistics.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    TextClause,
    column,
    or_,
    select,
    table,
    text,
    true,
    union,
)
from sqlalchemy.exc import DatabaseError

from ca_service.storage.database import Database
from ca_service.storage.queries import contains

MANY: Final = 5_000  # rows with a word, above which reading finds a page sooner
_TRIGRAM: Final = 3

SEARCHED: Final = ("certificate", "application")
_LATE: Final = "application"
_BATCH: Final = 1_000  # rows in one transaction, for which others wait
_EVENTS: Final = ("insert", "delete", "update")
_PARTS: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE '%\\_search%' ESCAPE '\\'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Conditions that an index answers, and those for which rows are read."""

    looked_up: tuple[ColumnElement[bool], ...]
    read: tuple[ColumnElement[bool], ...]

    @property
    def all(self) -> tuple[ColumnElement[bool], ...]:
        """All conditions."""
        return (*self.looked_up, *self.read)


@dataclass(frozen=True, slots=True)
class Words:
    """Searches for words in `searched`. `otherwise` returns a condition that makes a row match without the word."""

    searched: Table
    otherwise: Callable[[str], ColumnElement[bool] | None] = lambda _: None

    def find(self, connection: Connection, words: Sequence[str], many: int = MANY) -> Found:
        """Return one condition for each lower-case word: the text contains it.

        On SQLite, a word that more than `many` rows contain is not looked up in the index.
        """
        if connection.dialect.name == "postgresql":
            return Found(tuple(map(self._by_trigrams, words)), ())
        has_index = bool(words) and is_there(connection, self.searched.name)
        rare = [word for word in words if has_index and self._is_rare(connection, word, many)]
        return Found(
            tuple(map(self._by_index, rare)), tuple(self._by_reading(word) for word in words if word not in rare)
        )

    def _by_trigrams(self, word: str) -> ColumnElement[bool]:
        """PostgreSQL answers LIKE from its trigram index, and strpos never; every special character is escaped."""
        return or_(self.searched.c.search_text.contains(word, autoescape=True), *self._others(word))

    def _by_reading(self, word: str) -> ColumnElement[bool]:
        return or_(contains(self.searched.c.search_text, word), *self._others(word))

    def _by_index(self, word: str) -> ColumnElement[bool]:
        others = [select(self.searched.c.id).where(other) for other in self._others(word)]
        having, name = self._having(word), self.searched.name
        if is_late(name):
            is_new = self.searched.c.id > last_of(name)
            others.append(select(self.searched.c.id).where(is_new, self._by_reading(word)))
        return self.searched.c.id.in_(union(having, *others) if others else having)

    def _others(self, word: str) -> Iterator[ColumnElement[bool]]:
        other = self.otherwise(word)
        if other is not None:
            yield other

    def _is_rare(self, connection: Connection, word: str, many: int) -> bool:
        """Return whether the index can contain the word, and at most `many` rows do."""
        if len(word) < _TRIGRAM or "\x00" in word:
            return False
        further = self._having(word).with_only_columns(true()).limit(1).offset(many)
        return connection.execute(further).first() is None

    def _having(self, word: str) -> Select[tuple[int]]:
        """Return the query for the rows with the word, as an FTS5 phrase, in which only quotation marks are special."""
        name, phrase = table_of(self.searched.name), word.replace('"', '""')
        index = table(name, column("rowid"), column(name))
        return select(index.c.rowid).where(index.c[name].bool_op("MATCH")(f'"{phrase}"'))


def table_of(searched: str) -> str:
    """Return the name of the FTS5 table of this table, which is also that of its column."""
    return f"{searched}_search"


def index_of(searched: str) -> str:
    """Return the name of the index of this table on PostgreSQL."""
    return f"ix_{searched}_search"


def is_there(connection: Connection, *searched: str) -> bool:
    """Return whether the index of these tables, or of all, exists, with the triggers that maintain it."""
    names = searched or SEARCHED
    is_sqlite = connection.dialect.name == "sqlite"
    found = set(connection.execute(text(_PARTS[connection.dialect.name])).scalars())
    return found >= {part for name in names for part in (_sqlite_parts(name) if is_sqlite else (index_of(name),))}


def _sqlite_parts(searched: str) -> Iterator[str]:
    yield table_of(searched)
    if not is_late(searched):
        yield from (f"{table_of(searched)}_{when}" for when in _EVENTS)


def is_late(searched: str) -> bool:
    """Return whether the FTS5 table of this table lacks new rows until `catch_up` adds them."""
    return searched == _LATE


def last_of(searched: str) -> TextClause:
    """Return the SQL for the number of the last row in the FTS5 table; rows are only added, and never changed."""
    return text(f"(SELECT coalesce(max(id), 0) FROM {table_of(searched)}_docsize)")  # noqa: S608 - names of ours


def catch_up(database: Database) -> int:
    """Add the new rows to the FTS5 table that has no triggers; return their number."""
    with database.read() as connection:
        if connection.dialect.name != "sqlite" or not is_there(connection, _LATE):
            return 0
    total = 0
    while added := _catch_up(database):
        total += added
    return total


def _catch_up(database: Database) -> int:
    statement = (
        f"INSERT INTO {table_of(_LATE)}(rowid, search_text) SELECT id, search_text FROM {_LATE} "  # noqa: S608
        f"WHERE id > {last_of(_LATE)} ORDER BY id LIMIT {_BATCH}"
    )
    with database.write() as connection:
        return connection.exec_driver_sql(statement).rowcount


def build(database: Database) -> bool:
    """Build the indexes that are missing; return False, and log a warning, if they are not available."""
    with database.read() as connection:
        if is_there(connection):
            return True
    with database.write() as connection:
        missing = [name for name in SEARCHED if not is_there(connection, name)]  # others may have built them meanwhile
        try:
            with connection.begin_nested():
                for name in missing:
                    is_sqlite = connection.dialect.name == "sqlite"
                    for statement in _sqlite(name) if is_sqlite else _postgresql(name):
                        connection.exec_driver_sql(statement)
        except DatabaseError as error:
            logging.getLogger(__name__).warning("Searches will be slow without their index: %s", error.orig)
            return False
    return True


def _sqlite(searched: str) -> Iterator[str]:
    index = table_of(searched)
    yield from (f"DROP TRIGGER IF EXISTS {index}_{when}" for when in _EVENTS)
    yield f"DROP TABLE IF EXISTS {index}"
    yield (
        f"CREATE VIRTUAL TABLE {index} USING fts5"
        f"(search_text, content='{searched}', content_rowid='id', tokenize='trigram')"
    )
    if not is_late(searched):
        yield from _triggers(searched, index)
    yield f"INSERT INTO {index}({index}) VALUES ('rebuild')"  # noqa: S608


def _triggers(searched: str, index: str) -> Iterator[str]:
    add = f"INSERT INTO {index}(rowid, search_text) VALUES (new.id, new.search_text);"  # noqa: S608 - names of ours
    forget = f"INSERT INTO {index}({index}, rowid, search_text) VALUES ('delete', old.id, old.search_text);"  # noqa: S608
    is_other = "WHEN old.search_text <> new.search_text"
    yield f"CREATE TRIGGER {index}_insert AFTER INSERT ON {searched} BEGIN {add} END"
    yield f"CREATE TRIGGER {index}_delete AFTER DELETE ON {searched} BEGIN {forget} END"
    yield f"CREATE TRIGGER {index}_update AFTER UPDATE OF search_text ON {searched} {is_other} BEGIN {forget} {add} END"


def _postgresql(searched: str) -> Iterator[str]:
    yield "SET LOCAL statement_timeout = 0"
    yield "CREATE EXTENSION IF NOT EXISTS pg_trgm"
    yield f"CREATE INDEX IF NOT EXISTS {index_of(searched)} ON {searched} USING gin (search_text gin_trgm_ops)"
