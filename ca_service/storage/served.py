"""The certificates of ports, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, insert, select, update

from ca_service.authority.fleet.probing import Served
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.queries import in_batches
from ca_service.storage.schema import served
from ca_service.vos.served import Verdict

_MOST: Final = 100


class SQLServedStore:
    """Implements the port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, found: Sequence[Served]) -> None:
        """Store these, in one transaction; a new entry only where something has changed."""
        if not found:
            return
        newest = select(func.max(served.c.id)).group_by(served.c.host, served.c.port)
        with self._database.write() as connection:
            known = {
                (row.host, row.port): row
                for batch in in_batches(served.c.host, {each.host for each in found})
                for row in connection.execute(select(served).where(served.c.id.in_(newest.where(batch))))
            }
            for each in found:
                row = known.get((each.host, each.port))
                if row is not None and (row.verdict, row.fingerprint) == (each.verdict.value, each.fingerprint):
                    connection.execute(update(served).where(served.c.id == row.id).values(seen_at=each.seen_at))
                else:
                    connection.execute(insert(served).values(rows.values_of(each) | {"verdict": each.verdict.value}))

    def list_served(self, host: str) -> tuple[Served, ...]:
        """Return the entries of a host, newest first."""
        columns = [column for column in served.c if column.name != "id"]
        statement = select(*columns).where(served.c.host == host).order_by(served.c.id.desc()).limit(_MOST)
        with self._database.read() as connection:
            found = connection.execute(statement).all()
        return tuple(Served(**{**row._mapping, "verdict": Verdict(row.verdict)}) for row in found)
