"""Lists that are filtered by a column with few different values, such as an account or a month.

An index on that column and the number of the row holds the rows of each value in list order: one value is a lane. The
first rows of the list are among the first rows of each lane. So the cost of a page grows with the number of lanes, not
of rows. The values themselves are read from the same index, each by one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    func,
    select,
    true,
)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of `column` from `low` to `high` whose value fulfils a condition; None leaves an end open."""

    column: Column[Any]
    accepts: Callable[[ColumnElement[Any]], ColumnElement[bool]] = lambda _: true()
    low: Any = None
    high: Any = None

    def _bounds(self) -> Iterator[ColumnElement[bool]]:
        if self.low is not None:
            yield self.column >= self.low
        if self.high is not None:
            yield self.column <= self.high

    def values(self) -> CTE:
        """Return the accepted values, in a column `value`: one step in the index for each."""
        bounds = tuple(self._bounds())
        every = select(func.min(self.column).label("value")).where(*bounds).cte("every", recursive=True)
        following = select(func.min(self.column)).where(self.column > every.c.value, *bounds).scalar_subquery()
        every = every.union_all(select(following).where(every.c.value.is_not(None)))
        return select(every.c.value).where(every.c.value.is_not(None), self.accepts(every.c.value)).cte("lane")


def first_of_each(
    connection: Connection,
    lanes: Lanes,
    conditions: Sequence[ColumnElement[bool]],
    *also: Column[Any],
    is_descending: bool,
    count: int,
) -> Select[Any]:
    """Return the query for the first `count` numbers that fulfil the conditions, of all lanes together.

    The numbers are in the column `id`; other columns come after it.
    """
    lane, table = lanes.values(), lanes.column.table
    in_lane = select(table.c.id, *also).where(lanes.column == lane.c.value, *conditions)
    in_lane = in_lane.order_by(_sorted(table.c.id, is_descending)).limit(count).correlate(lane)
    if connection.dialect.name == "postgresql":
        each: FromClause = in_lane.lateral("each")
        is_each: ColumnElement[bool] = true()
    else:  # SQLite has no LATERAL
        each = table.alias("each")
        is_each = each.c.id.in_(in_lane.with_only_columns(table.c.id))
    found = select(each.c.id, *(each.c[column.key] for column in also)).select_from(lane.join(each, is_each))
    return found.order_by(_sorted(each.c.id, is_descending)).limit(count)


def _sorted(number: ColumnElement[int], is_descending: bool) -> ColumnElement[int]:
    return number.desc() if is_descending else number
