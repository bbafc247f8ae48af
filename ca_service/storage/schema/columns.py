"""Shared parts of all tables: the type of times, sorted texts, the names of constraints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, String, Text, TypeDecorator, text


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC times. SQLite alone would drop the time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time in UTC for the database; raises ValueError for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone is not stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the stored time with its time zone."""
        return value.replace(tzinfo=UTC) if value is not None else None


def sorted_text(length: int | None = None) -> String:
    """Return the type of text that lists are sorted by: by code points, on PostgreSQL of any locale too."""
    plain, exact = (Text(), Text(collation="C")) if length is None else (String(length), String(length, collation="C"))
    return plain.with_variant(exact, "postgresql")


def partial_index(condition: str) -> dict[str, Any]:
    """Return the arguments of an index of the rows that meet this condition.

    PostgreSQL's argument is set where it is used: its name alone would make SQLAlchemy load all of its drivers.
    """
    return {"sqlite_where": text(condition), "info": {"postgresql_where": text(condition)}}


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
