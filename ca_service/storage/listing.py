"""The rows of a page of the list of certificates: read in the order of the list, or from the index that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from ca_service.authority.access.grants import Grant
from ca_service.storage.lanes import first_of_each
from ca_service.storage.narrowing import ITS_REVOCATION, Narrowed
from ca_service.storage.queries import Order
from ca_service.storage.schema import certificate, revocation
from ca_service.storage.search_index import MANY

_READ_AT_ONCE: Final = 200
NEAR: Final = 1_000  # rows of the list among which a page is looked for first
_Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of a filter in an order.

    If an index finds them, it is used. Otherwise they are looked for among the next `near` rows of the list. If
    these do not fill the page, the lanes are read, or all rows of the lanes are sorted if they are few; otherwise
    the list is scanned.
    """

    connection: Connection
    narrowed: Narrowed
    order: Order
    near: int = NEAR

    def first(self, after: _Conditions, count: int) -> Sequence[Row[Any]]:
        """Return the first rows after this place in the list."""
        is_direct = self.narrowed.is_looked_up or not self.narrowed.conditions
        end = None if is_direct else self._end_of_near(after)
        if end is None:
            return self._rows(self._numbers(after, count))
        found = self._rows(self._numbers((*after, self.order.is_up_to_row(end)), count))
        return found if len(found) == count else self._rows(self._far(after, count))

    def seen(self, grant: Grant, after: _Conditions, count: int) -> Sequence[Row[Any]]:
        """Return the first rows that the grant lets a token see: read until there are enough of them."""
        found = list[Row[Any]]()
        while True:
            read = self.first(after, _READ_AT_ONCE)
            found += [row for row in read if grant.sees(row.profile, row.names, row.host)]
            if len(found) >= count or len(read) < _READ_AT_ONCE:
                return found[:count]
            after = (self.order.is_after_row(read[-1]),)

    def _end_of_near(self, after: _Conditions) -> Row[Any] | None:
        """Return the last of the next rows among which a page is looked for; None if there are fewer."""
        ends = self.narrowed.ends if self.order.value is certificate.c.not_after else ()
        named = (certificate.c.id,) if self.order.value is None else (certificate.c.id, self.order.value)
        statement = select(*named).where(*after, *ends).order_by(*self.order.columns()).limit(1).offset(self.near)
        return self.connection.execute(statement).first()

    def _numbers(self, also: _Conditions, count: int) -> Select[Any]:
        matching = select(certificate.c.id).where(*self.narrowed.conditions, *also)
        return matching.order_by(*self.order.columns()).limit(count)

    def _far(self, after: _Conditions, count: int) -> Select[Any] | list[int]:
        """Return the numbers of the first rows, wherever in the list they are."""
        lanes, value = self.narrowed.lanes, self.order.value
        if lanes is None or (value is not None and lanes.column is certificate.c.ends_month):
            return self._numbers(after, count)
        conditions, is_descending = (*self.narrowed.conditions, *after), self.order.is_descending
        if value is None:
            return first_of_each(self.connection, lanes, conditions, is_descending=is_descending, count=count)
        some = first_of_each(self.connection, lanes, conditions, value, is_descending=False, count=MANY + 1)
        few = self.connection.execute(some).all()
        if len(few) > MANY:
            return self._numbers(after, count)
        found = sorted(few, key=lambda row: (row[1], row.id), reverse=is_descending)
        return [row.id for row in found[:count]]

    def _rows(self, numbers: Select[Any] | list[int]) -> Sequence[Row[Any]]:
        return self.connection.execute(_with_state(numbers, self.order)).all()


def _with_state(ids: Select[Any] | list[int], order: Order) -> Select[Any]:
    """Return the rows of these numbers: the numbers are sorted alone, without the bytes of the certificates."""
    statement = select(certificate, revocation.c.state).outerjoin(revocation, ITS_REVOCATION)
    return statement.where(certificate.c.id.in_(ids)).order_by(*order.columns())
