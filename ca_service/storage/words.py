"""Searches for words in the text that a table keeps for them.

On SQLite, a word of three or more characters is looked up in the trigram index if few rows contain it. If many do,
reading the list in its order finds a page sooner. PostgreSQL decides this from its statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Table, column, or_, select, table, true, union

from ca_service.storage import search_index
from ca_service.storage.queries import contains

MANY: Final = 5_000  # rows with a word, above which reading finds a page sooner
_TRIGRAM: Final = 3


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
        has_index = bool(words) and search_index.is_there(connection, self.searched.name)
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
        if search_index.is_late(name):
            is_new = self.searched.c.id > search_index.last_of(name)
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
        name, phrase = search_index.table_of(self.searched.name), word.replace('"', '""')
        index = table(name, column("rowid"), column(name))
        return select(index.c.rowid).where(index.c[name].bool_op("MATCH")(f'"{phrase}"'))
